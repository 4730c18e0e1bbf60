/**
 * Brings sets of VMs to what is asked of them, one safe step after the other. Level-triggered: everything follows from
 * the state, so a new leader simply goes on. What limits the steps is judged again by `apply`.
 */
import { wasLost } from '../machine/apply-vm-set-step.ts';
import { isProven, nextToRestart, nextToUpdate, setProgress } from '../machine/set-progress.ts';
import type { ClusterState } from '../machine/state.ts';
import type { SetStep } from '../machine/vm-set-command.ts';
import { templateRevision, type VmSet } from '../model/vm-set.ts';
import type { Decision } from './decision.ts';

/**
 * The next steps of one set. A member that the quotas of its project would refuse is not asked for again and again. Those of places
 * stand for themselves; of updates there is one at a time.
 */
export function nextSteps(state: ClusterState, set: VmSet): SetStep[] {
  const progress = setProgress(state, set);
  const steps: SetStep[] = [];
  for (const { ordinal, vm } of progress.excess) if (vm?.deleting === false) steps.push({ type: 'remove', ordinal });
  if (set.deleting) return progress.excess.length === 0 ? [{ type: 'forget' }] : steps;
  for (const { ordinal, vm, taken } of progress.places) {
    if (vm === undefined) {
      if (!taken && progress.noRoom === undefined) steps.push({ type: 'create', ordinal });
    } else if (wasLost(vm)) {
      steps.push({ type: 'remove', ordinal });
    }
  }
  const next = nextToUpdate(set, progress);
  if (next !== undefined) steps.push({ type: 'update', ordinal: next.ordinal, template: set.current });
  const again = next === undefined ? nextToRestart(set, progress) : undefined;
  if (again !== undefined) steps.push({ type: 'restart', ordinal: again.ordinal });
  if (progress.excess.length > 0) return steps;
  const completes = isProven(set, progress) && templateRevision(set, set.current)?.outcome === 'pending';
  if (completes || set.span > set.replicas) steps.push({ type: 'settle' });
  return steps;
}

function keyOf(set: VmSet, step: SetStep): string {
  return step.type === 'create' || step.type === 'remove' ? `set/${set.name}/${step.ordinal}` : `set/${set.name}`;
}

/** The next steps of all sets. */
export function planSets(state: ClusterState): Decision[] {
  const decisions: Decision[] = [];
  for (const set of state.vmSets()) {
    for (const step of nextSteps(state, set)) {
      const command = { type: 'vmSetStep', name: set.name, uid: set.uid, step } as const;
      decisions.push({ type: 'command', key: keyOf(set, step), command });
    }
  }
  return decisions;
}
