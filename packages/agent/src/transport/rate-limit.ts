/** A bound on how often each of many callers may do something. */

/** Counts per caller within fixed windows of time. Holds at most `maxCallers` counts; past that all others share one. */
export class RateLimit {
  readonly #perWindow: number;
  readonly #windowMs: number;
  readonly #maxCallers: number;
  readonly #counts = new Map<string, number>();
  #windowStart = 0;

  constructor(perWindow: number, windowMs: number, maxCallers = 1_024) {
    this.#perWindow = perWindow;
    this.#windowMs = windowMs;
    this.#maxCallers = maxCallers;
  }

  /** Whether `caller` may once more. `nowMs` is monotonic. */
  take(caller: string, nowMs: number): boolean {
    if (nowMs - this.#windowStart >= this.#windowMs) {
      this.#windowStart = nowMs;
      this.#counts.clear();
    }
    const known = this.#counts.has(caller) || this.#counts.size < this.#maxCallers;
    const key = known ? caller : '';
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= this.#perWindow;
  }
}
