/** A set of VMs as clients see it. */
import type { SetView } from '@n3x/core/api/set-routes';
import { effectivePhase } from '@n3x/core/machine/effective';
import { isSettled, type Place, setProgress, whatSetWaitsFor } from '@n3x/core/machine/set-progress';
import type { ClusterState } from '@n3x/core/machine/state';
import { templateRevision, type VmSet } from '@n3x/core/model/vm-set';

function memberView(state: ClusterState, { vm, ordinal, available }: Place): SetView['members'] {
  if (vm === undefined) return [];
  const host = vm.assignment === null ? undefined : state.host(vm.assignment.hostId);
  const { name, deleting } = vm;
  const phase = effectivePhase(vm, host);
  const revision = vm.memberOf?.template ?? 0;
  return [{ name, ordinal, phase, hostName: host?.name ?? null, revision, available, deleting }];
}

/** A set with its members, how far they are, and what it waits for. */
export function setView(state: ClusterState, set: VmSet): SetView {
  const { span: _span, ...shown } = set;
  const progress = setProgress(state, set);
  const current = templateRevision(set, set.current) ?? set.revisions[0];
  if (current === undefined) throw new Error(`the set ${set.name} has no revision`);
  const { ready, updated, unavailable, places, excess } = progress;
  const rests = isSettled(progress);
  const failed = current.outcome === 'failed';
  return {
    ...{ ...shown, template: current.template, ready, updated, unavailable },
    state: set.deleting ? 'deleting' : failed ? 'failed' : stateOf(),
    waitsFor: whatSetWaitsFor(set, progress),
    members: [...places, ...excess].flatMap((place) => memberView(state, place)),
  };

  function stateOf(): SetView['state'] {
    if (!rests) return 'working';
    if (set.power === 'stopped') return 'stopped';
    return current?.outcome === 'ready' ? 'settled' : 'working';
  }
}
