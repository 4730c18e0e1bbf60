/**
 * The clocks of a few nodes, in ticks: each runs at a rate of its own, and a node may be stopped for a while,
 * so that its ticks come late and in a burst while its clock went on.
 */
import type { Random } from '@n3x/core/base/random';

interface Clock {
  readonly rate: number;
  readonly beganAt: number;
  /** True time until which the node is stopped. */
  stoppedUntil: number;
  /** Ticks given so far. */
  ticks: number;
}

/** Clocks by node, and the true time behind them. */
export class DriftingClocks {
  readonly #random: Random;
  readonly #clocks = new Map<number, Clock>();
  #trueTicks = 0;

  /** Rates are drawn from `1 - drift` to `1 + drift`. */
  constructor(random: Random, ids: readonly number[], drift: number) {
    this.#random = random;
    for (const id of ids) {
      const rate = 1 + (drift * (random.below(2001) - 1000)) / 1000;
      this.#clocks.set(id, { rate, beganAt: random.below(1_000_000), stoppedUntil: 0, ticks: 0 });
    }
  }

  #clock(id: number): Clock {
    const clock = this.#clocks.get(id);
    if (clock === undefined) throw new Error(`node ${id} has no clock`);
    return clock;
  }

  /** What the clock of `id` says. */
  now(id: number): number {
    const clock = this.#clock(id);
    return clock.beganAt + this.#trueTicks * clock.rate;
  }

  /** Whether `id` is stopped. */
  stopped(id: number): boolean {
    return this.#clock(id).stoppedUntil > this.#trueTicks;
  }

  /** Stops `id` for up to `ticks`. */
  stop(id: number, ticks: number): void {
    this.#clock(id).stoppedUntil = this.#trueTicks + this.#random.below(ticks);
  }

  /** Lets every node go on. */
  goOn(): void {
    for (const clock of this.#clocks.values()) clock.stoppedUntil = 0;
  }

  /**
   * Lets up to `ticks` pass, and gives how many ticks some of the nodes that run have to take, all of them when
   * `inTime`: a timer may be late for its turn, above all in a process that was stopped.
   */
  pass(ticks: number, inTime: boolean): ReadonlyMap<number, number> {
    this.#trueTicks += (ticks * this.#random.below(1000)) / 1000;
    const due = new Map<number, number>();
    for (const [id, clock] of this.#clocks) {
      if (this.stopped(id) || (!inTime && this.#random.below(8) > 0)) continue;
      const passed = Math.floor(this.#trueTicks * clock.rate);
      due.set(id, passed - clock.ticks);
      clock.ticks = passed;
    }
    return due;
  }
}
