/** A point in time by which a command must be done, on the process's monotonic clock. */
export class Deadline {
  readonly #endMs: number;
  /** The span it was made with, in ms. */
  readonly spanMs: number;

  /** Counts from `startedAtMs` on the clock of `performance.now()`, but leaves at least half of the span. */
  constructor(spanMs: number, startedAtMs = performance.now()) {
    this.spanMs = spanMs;
    this.#endMs = Math.max(startedAtMs + spanMs, performance.now() + spanMs / 2);
  }

  /** Time left, in ms; 0 when it has passed. */
  remainingMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** Whether it has passed. */
  get passed(): boolean {
    return this.remainingMs() === 0;
  }

  /** Aborts when it passes; `stop` lets go of the timer. */
  signal(): { readonly signal: AbortSignal; readonly stop: () => void } {
    const controller = new AbortController();
    // Timers hold at most 2^31-1 ms; a longer span than that is no deadline anybody waits for.
    const timer = setTimeout(() => controller.abort(), Math.min(this.remainingMs(), 2 ** 31 - 1));
    return { signal: controller.signal, stop: () => clearTimeout(timer) };
  }
}

/** Waits `ms`, or until `signal` aborts. Resolves either way. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
