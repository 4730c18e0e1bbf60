/** The status of a VM as a reader should see it: what was reported, seen in the light of its host. */
import type { Host } from '../model/host.ts';
import { isFenced, type Vm, type VmPhase, type VmStatus } from '../model/vm.ts';

/**
 * The status to show. A VM whose host is not heard from is `lost`: what its host last said may no longer
 * be so. VM records are not rewritten for that, so nothing has to be undone when the host is back.
 */
export function effectiveStatus(vm: Vm, host: Host | undefined): VmStatus {
  if (vm.assignment === null || host?.reachable === true) return held(vm);
  const who = host === undefined ? `host ${vm.assignment.hostId}` : `host ${host.name}`;
  const { restarting } = host ?? {};
  if (restarting !== undefined && host?.membership !== 'lost') {
    const until = `, and goes elsewhere ${Math.ceil(restarting.waitMs / 1000)} s after the restart began`;
    const message = `${who} restarts its n3xd: the VM may run on there${isFenced(vm.spec) ? until : ''}; last seen ${vm.status.phase}`;
    return { ...vm.status, phase: 'lost', reason: 'HostRestarting', message, sinceMs: restarting.sinceMs };
  }
  const how =
    host?.membership === 'lost'
      ? `was lost when the cluster was recovered: join it again, or give it up with \`n3xctl host remove ${host.name}\``
      : 'is not heard from';
  return {
    ...vm.status,
    phase: 'lost',
    reason: 'HostLost',
    message: `${who} ${how}; last seen ${vm.status.phase}`,
    sinceMs: host === undefined ? vm.status.sinceMs : Math.max(host.reachableSinceMs, vm.status.sinceMs),
  };
}

/** Of a VM that is stopped for its project's quotas the reason is that, whatever its host says of how it stopped. */
function held({ status, overQuota }: Vm): VmStatus {
  if (overQuota === undefined) return status;
  return { ...status, reason: 'QuotaExceeded', message: overQuota };
}

/** The phase to show. */
export function effectivePhase(vm: Vm, host: Host | undefined): VmPhase {
  return effectiveStatus(vm, host).phase;
}
