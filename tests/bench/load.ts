/** Load on a system through a thin adapter: closed loops of so many requests in flight, or a fixed rate. */

/** One operation of a system under load. Rejects when it failed or its outcome is unknown. */
export type Issue = (number: number) => Promise<void>;

/** What a run of load gave. */
export interface LoadResult {
  readonly seconds: number;
  readonly perSecond: number;
  readonly failed: number;
  /** Latency of the successful ones in ms. */
  readonly latenciesMs: readonly number[];
  /** Times, in ms since the start, at which answers came. */
  readonly answeredAtMs: readonly number[];
}

/** Pause of a loop whose request failed, in ms, so that a system that is down is not flooded. */
const FAILURE_PAUSE_MS = 20;

class Tally {
  readonly #startedAt = performance.now();
  readonly #latenciesMs: number[] = [];
  readonly #answeredAtMs: number[] = [];
  #failed = 0;

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Runs one operation; false when it failed. */
  async run(issue: Issue, number: number): Promise<boolean> {
    const sentAt = performance.now();
    try {
      await issue(number);
    } catch {
      this.#failed++;
      return false;
    }
    const now = performance.now();
    this.#latenciesMs.push(now - sentAt);
    this.#answeredAtMs.push(now - this.#startedAt);
    return true;
  }

  result(): LoadResult {
    const seconds = this.elapsedMs / 1000;
    return {
      seconds,
      perSecond: this.#latenciesMs.length / seconds,
      failed: this.#failed,
      latenciesMs: this.#latenciesMs,
      answeredAtMs: this.#answeredAtMs,
    };
  }
}

/** `inFlight` loops, each sending the next request when it has its answer. */
export async function closedLoad(inFlight: number, durationMs: number, issue: Issue): Promise<LoadResult> {
  const tally = new Tally();
  let number = 0;
  const worker = async (): Promise<void> => {
    while (tally.elapsedMs < durationMs) {
      if (await tally.run(issue, number++)) continue;
      await new Promise((resolve) => setTimeout(resolve, FAILURE_PAUSE_MS));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return tally.result();
}

/** `perSecond` requests a second whether or not earlier ones are answered; ends when all are. */
export async function openLoad(perSecond: number, durationMs: number, issue: Issue): Promise<LoadResult> {
  const tally = new Tally();
  const running: Promise<boolean>[] = [];
  while (tally.elapsedMs < durationMs) {
    while (running.length < (tally.elapsedMs * perSecond) / 1000) running.push(tally.run(issue, running.length));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(running);
  return tally.result();
}
