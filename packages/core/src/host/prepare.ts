/** What the target of a move does while the VM still runs elsewhere: it builds ahead, so that little is left to do later. */
import type { Command } from '../machine/command.ts';
import type { Move } from '../model/move.ts';
import { buildGeneration, type Vm } from '../model/vm.ts';
import type { DriverAction, ObservedVm } from '../ports/driver.ts';
import { type BackoffView, purposeOf } from './backoff.ts';
import { driverVm } from './want.ts';

/** `vmMoveBuilt`. */
export type VmMoveBuilt = Extract<Command, { type: 'vmMoveBuilt' }>;

/** The next step for a VM that moves here. */
export interface Preparation {
  readonly action?: DriverAction;
  /** What the cluster is to be told. */
  readonly built?: VmMoveBuilt;
}

/** That this host cannot take a VM that moves here. */
export function cannotPrepare(hostId: number, { name, uid }: Vm, { index }: Move, why: string): VmMoveBuilt {
  return { type: 'vmMoveBuilt', hostId, name, uid, index, failure: why.slice(0, 256) };
}

/**
 * The next step for a VM that moves to host `hostId` and is another's until it has left. What is built is stamped with
 * the index of the move, which is no epoch of any assignment: nothing is started from it before it is stamped anew.
 */
export function stepToPrepared(
  hostId: number,
  vm: Vm,
  move: Move,
  observed: ObservedVm | undefined,
  backoff: BackoffView,
): Preparation {
  // Its old host stops it: what is here waits for the assignment.
  if (move.step !== 'prepare') return {};
  const { name, uid } = vm;
  if (observed !== undefined && observed.managed === undefined) {
    return { built: cannotPrepare(hostId, vm, move, `there is a microVM ${name} that n3x does not manage`) };
  }
  if (observed?.process !== undefined) {
    return { action: { type: 'stop', name, uid, timeoutSeconds: vm.spec.stopTimeoutSeconds } };
  }
  const managed = observed?.managed;
  const isBuilt = managed?.epoch === move.index && managed.builtGeneration >= buildGeneration(vm);
  if (isBuilt && observed?.currentRunner !== undefined)
    return { built: { type: 'vmMoveBuilt', hostId, name, uid, index: move.index } };
  const build: DriverAction = { type: 'build', vm: driverVm(vm, move.index) };
  const failure = backoff.attempt(name, 'build', purposeOf(build))?.failure;
  if (failure === undefined) return { action: build };
  return { built: cannotPrepare(hostId, vm, move, `${failure.reason}: ${failure.message}`) };
}
