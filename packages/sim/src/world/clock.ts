/**
 * The clocks of one host: a monotonic one that runs a little too fast or too slow, and a wall clock that is
 * off and may jump. Reading them changes nothing.
 */

/** Millionths: what rates are given in. */
const MILLION = 1_000_000;

/** True time, as far as a clock needs it. */
export interface TrueTime {
  readonly nowMs: number;
}

/** The clocks of one host. */
export class HostClock {
  readonly #time: TrueTime;
  /** True time and monotonic time when the rate was last set. */
  #sinceMs = 0;
  #monotonicMs: number;
  #ratePpm = 0;
  #wallOffsetMs: number;

  /** The monotonic clock starts anywhere, as boot times differ; `wallOffsetMs` is what the wall clock adds to it. */
  constructor(time: TrueTime, monotonicMs: number, wallOffsetMs: number) {
    this.#time = time;
    this.#monotonicMs = monotonicMs;
    this.#wallOffsetMs = wallOffsetMs;
  }

  /** Monotonic ms. */
  get nowMs(): number {
    return this.#monotonicMs + (this.#time.nowMs - this.#sinceMs) * (1 + this.#ratePpm / MILLION);
  }

  /** Wall clock: whole ms since 1970, as this host believes. */
  get wallMs(): number {
    return Math.round(this.nowMs + this.#wallOffsetMs);
  }

  /** True ms in which this clock advances by `ownMs`. */
  trueMs(ownMs: number): number {
    return ownMs / (1 + this.#ratePpm / MILLION);
  }

  /** From now on a second takes `ppm` millionths less than it should. Above minus one million. */
  setRate(ppm: number): void {
    this.#monotonicMs = this.nowMs;
    this.#sinceMs = this.#time.nowMs;
    this.#ratePpm = ppm;
  }

  /** Sets the wall clock forward, or back with a negative value. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
