/** The dead-man's switch of a host as the loop knows it: orders are carried out one after the other, each is answered. */
import { describeError } from '@n3x/core/base/errors';
import type { FenceOutcome, FencePort } from '@n3x/core/ports/fence';
import type { FenceDirectory } from './fence-directory.ts';
import type { DeadMansSwitch } from './switch.ts';

/** Orders that may wait. Each takes a bounded time, so more mean that the host is in trouble. */
const WAITING_LIMIT = 16;
const MESSAGE_LENGTH = 256;

/** What a host's fence is made of. */
export interface HostFenceOptions {
  readonly directory: FenceDirectory;
  readonly mechanism: DeadMansSwitch;
  /** Called once for each order, in their order. */
  readonly onArmed: (deadlineMs: number, outcome: FenceOutcome) => void;
  /** The switch went off: `deadlineMs` on the boot clock had passed. */
  readonly onFired: (deadlineMs: number) => void;
}

/** The fence of a host. */
export class HostFence implements FencePort {
  readonly #options: HostFenceOptions;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

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
    await this.#last;
    if (fencedRun) return;
    await this.#options.mechanism.disarm();
    await this.#options.directory.delete();
  }

  async #arm(deadlineMs: number): Promise<FenceOutcome> {
    const { directory, mechanism } = this.#options;
    try {
      await mechanism.arm(deadlineMs);
      const fired = await directory.read('fired');
      if (fired !== undefined) {
        await directory.remove('fired');
        this.#options.onFired(Number(fired) * 10);
      }
      return { ok: true };
    } catch (error) {
      const message = `the dead-man’s switch cannot be armed: ${describeError(error)}`;
      return { ok: false, message: message.slice(0, MESSAGE_LENGTH) };
    }
  }
}
