/** Judges a build that has yet to prove itself: by what became of it, of its start, and of its guest. */
import type { VmReport } from '../machine/command.ts';
import { buildGeneration, type Vm } from '../model/vm.ts';
import type { LastExit, ObservedVm } from '../ports/driver.ts';
import type { Attempt } from './backoff.ts';
import { exitText } from './ended.ts';
import type { Seen } from './seen.ts';

/** What is said of it in a report. */
export type Gate = NonNullable<VmReport['gate']>;

/** Part of a step: empty while nothing can be said. */
interface Judged {
  readonly gate?: Gate;
}

/** Starts that may fail one after the other before a build is given up. */
const STARTS_MAX = 3;

const NOTHING: Judged = {};

function isOpen(vm: Vm): boolean {
  return vm.revision !== undefined && vm.revision.state !== 'ready';
}

function judged(vm: Vm, outcome: Gate['outcome'], message: string): Judged {
  // What has failed once can only be found well after all.
  if (!isOpen(vm) || (outcome === 'failed' && vm.revision?.state !== 'pending')) return NOTHING;
  return { gate: { generation: buildGeneration(vm), outcome, message: message.slice(0, 1024) } };
}

/** Whether the process runs the build that is wanted. Another build with the same result is the same. */
export function runsBuild(vm: Vm, { managed, bootedRunner, currentRunner }: ObservedVm): boolean {
  if (bootedRunner !== undefined && bootedRunner === currentRunner) return true;
  return (managed?.startedGeneration ?? 0) >= buildGeneration(vm);
}

/** A build that cannot be made is given up. One that may yet succeed is not: the one before runs on. */
export function gateOfBuild(vm: Vm, attempt: Attempt | undefined): Judged {
  const failure = attempt?.failure;
  if (failure === undefined || failure.retriable) return NOTHING;
  return judged(vm, 'failed', `${failure.reason}: ${failure.message}`);
}

/** A build whose process does not start, or ends by itself before its guest was ready, is given up. */
export function gateOfStart(vm: Vm, exit: LastExit | undefined, attempt: Attempt | undefined): Judged {
  if (exit !== undefined) return judged(vm, 'failed', `its process ${exitText(exit)} before the guest was ready`);
  const failure = attempt?.failure;
  if (failure === undefined || (failure.retriable && (attempt?.attempts ?? 0) < STARTS_MAX)) return NOTHING;
  return judged(vm, 'failed', `${failure.reason}: ${failure.message}`);
}

/** A guest that is ready proves its build; one that is not within its time fails it. */
export function gateOfGuest(vm: Vm, observed: ObservedVm, { reason, message }: Seen): Judged {
  if (observed.ready) return judged(vm, 'ready', '');
  return reason === 'NotReadyInTime' ? judged(vm, 'failed', message) : NOTHING;
}

/** The status of a VM that runs the build before while the next is made: it is as well as it was. */
export function seenUpdating(running: Seen, building: Seen): Seen {
  if (running.phase !== 'running') return running;
  if (building.phase !== 'failed')
    return { ...running, reason: 'Updating', message: 'runs on while its next build is made' };
  return { ...running, reason: building.reason, message: `runs on; its next build: ${building.message}` };
}
