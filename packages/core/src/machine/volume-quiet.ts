/** Whether anything of a VM may write on its volumes, as far as the log can tell. */

import { ERROR_CODES } from '../base/errors.ts';
import { type Vm, type VmPhase, wishGeneration } from '../model/vm.ts';
import type { ClusterState } from './state.ts';
import { no, type Verdict } from './verdict.ts';

/** Phases in which a process may have the images open. */
const MAY_WRITE: ReadonlySet<VmPhase> = new Set<VmPhase>(['starting', 'running', 'unhealthy', 'stopping']);

/** Why a VM's volumes must not be touched now, by what was last reported of it. */
function mayWriteRefusal(state: ClusterState, vm: Vm, deed: string): Verdict | undefined {
  const { name } = vm;
  if (vm.deleting) return no(ERROR_CODES.conflict, `VM ${name} is being deleted`, { name, deleting: true });
  if (vm.moving !== undefined) {
    return no(ERROR_CODES.refused, `VM ${name} is changing hosts: its volumes can be ${deed} once it has`, { name });
  }
  if (vm.assignment === null) return undefined;
  const host = state.host(vm.assignment.hostId);
  if (!MAY_WRITE.has(vm.status.phase) && host?.reachable === true) return undefined;
  const how =
    host?.reachable === true ? `is ${vm.status.phase}` : `may run, as ${host?.name ?? 'its host'} is not heard from`;
  return no(ERROR_CODES.refused, `VM ${name} ${how}: stop it before its volumes are ${deed}`, { name });
}

/**
 * Why a VM's volumes must not be `deed` now (`begun anew`, `changed`): a process may have them, or soon will. Not before its
 * host has said that it is stopped, having seen that it shall be: what was reported before that, `failed` or `stopped`
 * between two tries, says nothing of a start that is under way by now. Until a user wishes it to run again no host starts it,
 * however old the state is that it acts on.
 */
export function notStoppedRefusal(state: ClusterState, vm: Vm, deed: string): Verdict | undefined {
  const refusal = mayWriteRefusal(state, vm, deed);
  if (refusal !== undefined || vm.assignment === null) return refusal;
  const { name, power, status } = vm;
  if (power === 'running') {
    const message = `VM ${name} is ${status.phase} and shall run: stop it before its volumes are ${deed}, \`n3xctl vm stop ${name}\``;
    return no(ERROR_CODES.refused, message, { name });
  }
  if (status.phase === 'stopped' && status.observedGeneration >= wishGeneration(vm)) return undefined;
  const host = state.host(vm.assignment.hostId)?.name ?? 'its host';
  const message = `VM ${name} is to be stopped, and ${host} has not said yet that it is: its volumes can be ${deed} then`;
  return no(ERROR_CODES.refused, message, { name });
}
