/**
 * A daemon that is stopped in good order, as for an upgrade: it asks for a longer lease first, for a bounded time, and
 * hands over leadership. What it was promised is then held against its machine.
 */
import type { HostLoop } from '@n3x/core/loop/host-loop';
import type { LoopInput } from '@n3x/core/loop/input';
import type { NodeId } from '@n3x/core/raft/types';
import type { HostClock } from './clock.ts';
import { Violation } from './observer.ts';

/** Name of the rule: what runs under the longer lease of a restart runs on until that ends. */
export const RESTART_UNDISTURBED = 'S3 restart-undisturbed';

/** Ms that a daemon that is stopped waits for what it asks for at most, and between two looks. */
const STOP_MS = 3_000;
const LOOK_MS = 20;

/** A machine, as far as this needs it. */
export interface StoppableHost {
  readonly name: string;
  readonly id: NodeId;
  readonly clock: HostClock;
  readonly loop: HostLoop | undefined;
  readonly isUp: boolean;
  input(input: LoopInput): void;
  keepDown(kind: 'process'): void;
}

/** Stops one machine's daemon in good order, any number of times. */
export class OrderlyStop {
  readonly #host: StoppableHost;
  readonly #after: (delayMs: number, run: () => void) => unknown;
  readonly #onViolation: (violation: Violation) => void;
  /** Until when, on the machine's clock, its switch must not go off while no daemon runs. */
  #promisedMs: number | null = null;
  #held = 0;
  /** The daemon that is being stopped. */
  #stopping: HostLoop | undefined;

  constructor(
    host: StoppableHost,
    after: (delayMs: number, run: () => void) => unknown,
    onViolation: (violation: Violation) => void,
  ) {
    this.#host = host;
    this.#after = after;
    this.#onViolation = onViolation;
  }

  /** How often a daemon went with the longer lease. */
  get held(): number {
    return this.#held;
  }

  /** Stops the daemon; `stopped` is called once it is down. One that ends meanwhile is left as it is. */
  begin(stopped: () => void): void {
    const host = this.#host;
    const { loop } = host;
    if (loop === undefined || loop === this.#stopping || !host.isUp) return;
    this.#stopping = loop;
    const askedMs = host.clock.nowMs;
    host.input({ type: 'restarting' });
    const look = (): void => {
      if (host.loop !== loop) return;
      const waits = loop.restartLease === 'none' || loop.restartLease === 'waiting';
      if (waits && host.clock.nowMs < askedMs + STOP_MS) {
        this.#after(LOOK_MS, look);
        return;
      }
      host.input({ type: 'handOver' });
      this.#after(LOOK_MS, () => {
        if (host.loop !== loop) return;
        const holdMs = loop.state.host(host.id)?.restarting?.holdMs;
        if (loop.restartLease === 'held' && holdMs !== undefined) {
          this.#promisedMs = askedMs + holdMs;
          this.#held++;
        }
        host.keepDown('process');
        stopped();
      });
    };
    look();
  }

  /** A daemon starts, or the machine loses its power: what was promised before says nothing any more. */
  forget(): void {
    this.#promisedMs = null;
  }

  /** The switch goes off. */
  fenced(): void {
    const { name, clock, isUp } = this.#host;
    // It was armed a moment after it was asked for, and its clock's rate may change between two looks at it.
    if (isUp || this.#promisedMs === null || clock.nowMs >= this.#promisedMs - LOOK_MS) return;
    const earlyMs = Math.round(this.#promisedMs - clock.nowMs);
    const message = `${name} ended its VMs ${earlyMs} ms before the lease that it was given to restart`;
    this.#onViolation(new Violation(RESTART_UNDISTURBED, message));
  }
}
