/** How fast something may go. */

/** A limit on bytes per second, shared by all who take from it. Nothing is saved up while nobody takes. */
export class Pace {
  #bytesPerSecond: number;
  #freeAtMs = 0;

  /** 0: no limit. */
  constructor(mibPerSecond: number) {
    this.#bytesPerSecond = mibPerSecond * 1_048_576;
  }

  /** Sets another limit, for what is taken from now on. */
  set(mibPerSecond: number): void {
    this.#bytesPerSecond = mibPerSecond * 1_048_576;
    this.#freeAtMs = 0;
  }

  /** Resolves once so many bytes may go, or with `false` as soon as the signal aborts. */
  async take(bytes: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted === true) return false;
    if (this.#bytesPerSecond === 0) return true;
    const now = performance.now();
    const at = Math.max(now, this.#freeAtMs);
    this.#freeAtMs = at + (bytes / this.#bytesPerSecond) * 1_000;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), at - now);
    const giveUp = (): void => resolve(false);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }
}
