/** The dead-man's switch of a host as the loop knows it: orders are carried out one after the other, each is answered. */
import { describeError } from '@n3x/core/base/errors';
import type { FenceOutcome, FencePort } from '@n3x/core/ports/fence';
import { bootMs } from './boot-clock.ts';
import type { FenceDirectory } from './fence-directory.ts';
import type { DeadMansSwitch } from './switch.ts';

/** Orders that may wait. Each takes a bounded time, so more mean that the host is in trouble. */
const WAITING_LIMIT = 16;
const MESSAGE_LENGTH = 256;
/** How long, in ms, after a deadline that nothing moved it is looked whether the switch went off: killing takes a moment. */
const LOOK_AFTER_MS = 1_000;

/** What a host's fence is made of. */
export interface HostFenceOptions {
  readonly directory: FenceDirectory;
  readonly mechanism: DeadMansSwitch;
  /** Called once for each order, in their order. */
  readonly onArmed: (deadlineMs: number, outcome: FenceOutcome) => void;
  /** The switch went off: `deadlineMs` on the boot clock had passed. */
  readonly onFired: (deadlineMs: number) => void;
  /** Whether it went off could not be read. */
  readonly onTrouble: (error: unknown) => void;
}

/** The fence of a host. */
export class HostFence implements FencePort {
  readonly #options: HostFenceOptions;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();
  #closed = false;
  #look: NodeJS.Timeout | undefined;

  constructor(options: HostFenceOptions) {
    this.#options = options;
  }

  arm(deadlineMs: number): void {
    const full = this.#waiting >= WAITING_LIMIT;
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      const outcome: FenceOutcome = full
        ? { ok: false, message: 'earlier orders to arm the dead-man’s switch are still under way' }
        : await this.#arm(deadlineMs);
      this.#waiting -= 1;
      if (!this.#closed) this.#options.onArmed(deadlineMs, outcome);
    });
  }

  /**
   * Ends it with the daemon. With `fencedRun`, something of a fenced VM may run: the last deadline stays in force, and the
   * next daemon has to renew it in time. Without, nothing is left behind.
   */
  async close(fencedRun: boolean): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#look);
    await this.#last;
    if (fencedRun) return;
    await this.#options.mechanism.disarm();
    await this.#options.directory.delete();
  }

  /** Says that the switch went off, once for each time; a daemon that hung, or that has nothing to arm for since, says it too. */
  async #tellFired(): Promise<void> {
    const { directory } = this.#options;
    const fired = await directory.read('fired');
    if (fired === undefined) return;
    await directory.remove('fired');
    this.#options.onFired(Number(fired) * 10);
  }

  #lookAfter(deadlineMs: number): void {
    clearTimeout(this.#look);
    if (this.#closed) return;
    this.#look = setTimeout(
      () => {
        // In turn with the orders; what cannot be read now is read at the next one.
        this.#last = this.#last.then(() => this.#tellFired()).catch((error) => this.#options.onTrouble(error));
      },
      Math.max(0, deadlineMs - bootMs()) + LOOK_AFTER_MS,
    );
    this.#look.unref();
  }

  async #arm(deadlineMs: number): Promise<FenceOutcome> {
    const { mechanism } = this.#options;
    try {
      await mechanism.arm(deadlineMs);
      await this.#tellFired();
      this.#lookAfter(deadlineMs);
      return { ok: true };
    } catch (error) {
      const message = `the dead-man’s switch cannot be armed: ${describeError(error)}`;
      return { ok: false, message: message.slice(0, MESSAGE_LENGTH) };
    }
  }
}
