/**
 * The dead-man's switch of one host in virtual time. It belongs to the machine and not to the daemon: it goes off
 * while that is stalled or dead, and only a power cut, which ends everything that runs anyhow, makes it forget.
 */
import type { Random } from '@n3x/core/base/random';
import type { FenceOutcome, FencePort } from '@n3x/core/ports/fence';
import type { HostClock } from './clock.ts';

/** Virtual time, as far as a fence needs it. */
export interface FenceTime {
  after(delayMs: number, run: () => void): unknown;
}

/** Ms of its host's clock between two looks at it: its rate may change meanwhile. */
const LOOK_MS = 200;
/** Ms that arming takes. */
const ARM_MS: readonly [number, number] = [2, 40];

/** The switch of one machine. */
export class SimulatedFence {
  readonly #time: FenceTime;
  readonly #clock: HostClock;
  readonly #random: Random;
  readonly #goesOff: () => void;
  /** Parts of a thousand of the attempts to arm that fail. */
  #failPermille: number;
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #incarnation = 0;
  /** Grows with each deadline, so that an earlier look counts no more. */
  #armed = 0;

  /** `goesOff` ends all that is fenced. */
  constructor(time: FenceTime, clock: HostClock, random: Random, failPermille: number, goesOff: () => void) {
    this.#time = time;
    this.#clock = clock;
    this.#random = random;
    this.#failPermille = failPermille;
    this.#goesOff = goesOff;
  }

  /** How often arming fails from now on. */
  set failPermille(value: number) {
    this.#failPermille = value;
  }

  /** Whether what is fenced may be started now. */
  get holds(): boolean {
    return this.#clock.nowMs < this.#deadlineMs;
  }

  /** A daemon starts: its orders count, and those of the one before no more. */
  attach(done: (deadlineMs: number, outcome: FenceOutcome) => void): FencePort {
    const incarnation = ++this.#incarnation;
    return {
      arm: (deadlineMs) => {
        const [from, to] = ARM_MS;
        const fails = this.#random.below(1_000) < this.#failPermille;
        this.#time.after(from + this.#random.below(to - from), () => {
          if (incarnation !== this.#incarnation) return;
          if (!fails) this.#arm(deadlineMs);
          done(deadlineMs, fails ? { ok: false, message: 'the simulated switch does not arm' } : { ok: true });
        });
      },
    };
  }

  /** The daemon ends; the machine too with `power`. */
  detach(kind: 'process' | 'power'): void {
    this.#incarnation++;
    if (kind === 'process') return;
    this.#armed++;
    this.#deadlineMs = Number.NEGATIVE_INFINITY;
  }

  #arm(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
    this.#look(++this.#armed);
  }

  #look(armed: number): void {
    if (armed !== this.#armed) return;
    const leftMs = this.#deadlineMs - this.#clock.nowMs;
    if (leftMs <= 0) this.#goesOff();
    else this.#time.after(this.#clock.trueMs(Math.min(leftMs, LOOK_MS)), () => this.#look(armed));
  }
}
