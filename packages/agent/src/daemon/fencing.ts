/** The dead-man's switch as the daemon has it: made, tried, and at the end left behind or taken away. */
import { dirname } from 'node:path';
import type { FenceOutcome, FencePort } from '@n3x/core/ports/fence';
import type { AgentConfig } from '../config/config.ts';
import { FENCE_VARIABLE, FenceDirectory } from '../drivers/fence/fence-directory.ts';
import { HostFence } from '../drivers/fence/host-fence.ts';
import type { DeadMansSwitch } from '../drivers/fence/switch.ts';
import { TimerUnit } from '../drivers/fence/timer-unit.ts';
import { type FenceTrial, tryFence } from '../drivers/fence/trial.ts';
import { WatchdogProcess } from '../drivers/fence/watchdog-process.ts';
import { findMarkedProcess } from '../drivers/microvm/process-identity.ts';
import type { SupervisorKind } from '../drivers/microvm/supervisor.ts';
import type { Journal } from './journal.ts';

/** Where the switch of this daemon is. Rejects with the system's error when it cannot be made. */
export function openFenceDirectory(config: AgentConfig): Promise<FenceDirectory> {
  // Beside the socket: in /run, which no full or hanging disk touches and no boot outlives.
  return FenceDirectory.open(dirname(config.api.socket), config.microvm.stateDir);
}

/** The switch of a daemon. */
export class Fencing {
  readonly #directory: FenceDirectory;
  readonly #make: (directory: FenceDirectory) => DeadMansSwitch;
  readonly #journal: Journal;
  readonly #fence: HostFence;
  #trying: Promise<unknown> = Promise.resolve();

  /** `supervisor`: what supervises the VMs here. `onArmed` is told the answer to each order. */
  constructor(
    directory: FenceDirectory,
    supervisor: SupervisorKind,
    journal: Journal,
    onArmed: (deadlineMs: number, outcome: FenceOutcome) => void,
  ) {
    this.#directory = directory;
    this.#journal = journal;
    this.#make = (where) => (supervisor === 'systemd' ? new TimerUnit(where) : new WatchdogProcess(where));
    this.#fence = new HostFence({
      directory,
      mechanism: this.#make(directory),
      onArmed,
      onTrouble: (error) => journal.log('warn', 'fence.unread', { error: String(error) }),
      onFired: (deadlineMs) =>
        journal.log('error', 'fence.fired', {
          deadlineMs,
          message: 'this host could not renew its lease in time: its fenced microVMs were killed',
        }),
    });
  }

  get port(): FencePort {
    return this.#fence;
  }

  /** Finds out whether it works. */
  async try(): Promise<FenceTrial> {
    const trying = tryFence(this.#directory, this.#make);
    this.#trying = trying;
    const trial = await trying;
    this.#journal.log(trial.works ? 'info' : 'error', 'fence.tried', { ...trial });
    return trial;
  }

  /** Ends it with the daemon. While fenced VMs run the last deadline stays armed: the next daemon has to renew it in time. */
  async close(): Promise<void> {
    await this.#trying;
    const listed = await this.#directory.hasListed();
    const marked = listed || (await findMarkedProcess(this.#directory.id, FENCE_VARIABLE)) !== undefined;
    await this.#fence.close(marked);
  }
}
