/** Whether a VM that waits could have a host: judged VM by VM and rule by rule, with none of the scheduler's own figures. */
import type { ClusterState } from '@n3x/core/machine/state';
import { type Host, hostCapacity, hostLabels, hostZone } from '@n3x/core/model/host';
import { hasPair } from '@n3x/core/model/placement';
import { isDisposable, type Vm, vmPriority, vmResources, vmVolumes } from '@n3x/core/model/vm';
import { projectOf } from '@n3x/core/model/vm-name';

/** Whether a guarantee may keep `other` from giving way to `vm`: more is not judged here. */
function isShielded(state: ClusterState, other: Vm, vm: Vm): boolean {
  const project = projectOf(other.name);
  const quotas = state.project(project)?.quotas ?? {};
  return project !== projectOf(vm.name) && Object.values(quotas).some((quota) => (quota?.guaranteed ?? 0) > 0);
}

/** Whether a VM has a label as `seer` sees it: labels of other projects are none of its business. */
function hasLabel(vm: Vm, seer: Vm, pair: string): boolean {
  return projectOf(vm.name) === projectOf(seer.name) && hasPair(vm.spec.labels, pair);
}

/** Whether `vm` and the VMs of one place keep all limits that any of them asks for there. */
function keepsLimits(vm: Vm, others: readonly Vm[], per: 'host' | 'zone'): boolean {
  const all = [...others, vm];
  return all.every((owner) =>
    (owner.spec.placement.limits ?? []).every(
      ({ label, per: asked, max }) =>
        asked !== per ||
        (owner !== vm && !hasLabel(vm, owner, label)) ||
        all.filter((other) => hasLabel(other, owner, label)).length <= max,
    ),
  );
}

/** Whether `host` would take `vm` if it had just those of its VMs that `stays` names. */
function takes(state: ClusterState, vm: Vm, host: Host, stays: (other: Vm) => boolean): boolean {
  const { placement, labels } = vm.spec;
  if (placement.host !== undefined && placement.host !== host.name) return false;
  if (host.cordonedSinceMs !== undefined || host.facts === undefined) return false;
  if (vmVolumes(vm).some(({ created, place }) => created && place?.hostId !== host.id)) return false;
  const all = [...state.vms()].filter(({ assignment }) => assignment !== null);
  const on = (id: number) => all.filter((other) => other.assignment?.hostId === id && (id !== host.id || stays(other)));
  const here = on(host.id);
  const free = hostCapacity(host);
  for (const other of [...here, vm]) {
    const { vcpu, memoryMib } = vmResources(other);
    free.vcpu -= vcpu;
    free.memoryMib -= memoryMib;
  }
  if (free.vcpu < 0 || free.memoryMib < 0) return false;
  if (!Object.entries(placement.requireLabels).every(([key, value]) => hostLabels(host)[key] === value)) return false;
  if (placement.system !== undefined && placement.system !== host.facts.system) return false;
  const { features } = host.facts;
  if (placement.features?.every((feature) => features.includes(feature)) === false) return false;
  const isApart = (one: Vm, other: Vm) => (one.spec.placement.apart ?? []).every((pair) => !hasLabel(other, one, pair));
  if (!here.every((other) => isApart(vm, other) && isApart(other, vm))) return false;
  for (const pair of placement.near ?? []) {
    const has = (other: Vm) => hasLabel(other, vm, pair);
    if (!here.some(has) && (all.some(has) || !hasPair(labels, pair))) return false;
  }
  const zone = [...state.hosts()].filter((other) => hostZone(other) === hostZone(host)).flatMap(({ id }) => on(id));
  return keepsLimits(vm, here, 'host') && keepsLimits(vm, zone, 'zone');
}

/** Why `vm`, whose host is to be empty, need not stay there; undefined when it must. */
export function whyNeedNotStay(state: ClusterState, vm: Vm, living: readonly Host[]): string | undefined {
  if (!isDisposable(vm) || vm.spec.failover === 'stay') return undefined;
  if (vm.power === 'stopped') return 'it does not run';
  for (const host of living) {
    if (host.id !== vm.assignment?.hostId && takes(state, vm, host, () => true)) return `${host.name} has room for it`;
  }
  return undefined;
}

/** Why `vm` need not wait, given the hosts that live; undefined when it must. */
export function whyNeedNotWait(state: ClusterState, vm: Vm, living: readonly Host[]): string | undefined {
  if (vm.spec.placement.strategy === 'manual') return undefined;
  for (const host of living) {
    if (takes(state, vm, host, () => true)) return `${host.name} has room for it`;
    const stays = (other: Vm) =>
      vmPriority(other) >= vmPriority(vm) || !isDisposable(other) || isShielded(state, other, vm);
    if (takes(state, vm, host, stays)) return `less important VMs of ${host.name} could make room for it`;
  }
  return undefined;
}
