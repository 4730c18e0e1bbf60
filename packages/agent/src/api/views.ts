/** Objects as clients see them: what is stored, and what follows from the rest of the state. */
import type { LockView } from '@n3x/core/api/lock-schemas';
import type { NetworkView } from '@n3x/core/api/network-schemas';
import type { ProjectView } from '@n3x/core/api/project-routes';
import type { ClusterStatus, HostView, LocalStatus, TokenView, VmView } from '@n3x/core/api/schemas';
import { votersNote } from '@n3x/core/control/voters-note';
import { effectiveStatus } from '@n3x/core/machine/effective';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Cluster, Token } from '@n3x/core/model/cluster';
import { type Host, hostCapacity } from '@n3x/core/model/host';
import { FAMILIES } from '@n3x/core/model/ip';
import type { Lock } from '@n3x/core/model/lock';
import { type Moving, moveTargetId } from '@n3x/core/model/move';
import { heldCount, type Network } from '@n3x/core/model/network';
import type { ClusterObject } from '@n3x/core/model/object';
import { poolCapacity, poolNames } from '@n3x/core/model/pool';
import type { Project } from '@n3x/core/model/project';
import { type Vm, type VmPhase, vmFailover } from '@n3x/core/model/vm';
import { projectOf } from '@n3x/core/model/vm-name';
import { setView } from './set-view.ts';

/** A VM with the name of its host, its ports, and the status to show. */
export function vmView(state: ClusterState, vm: Vm): VmView {
  const host = vm.assignment === null ? undefined : state.host(vm.assignment.hostId);
  const status = effectiveStatus(vm, host);
  // What was weighed is in the explanation of its placement.
  const { revisions: _revisions, decision: _decision, moving, ...shown } = vm;
  const movingTo = state.host(moveTargetId(vm) ?? 0)?.name;
  const to = movingTo === undefined ? {} : { movingTo };
  return {
    ...shown,
    ...(moving === undefined ? {} : { moving: shownMove(moving) }),
    ...to,
    project: projectOf(vm.name),
    status,
    phase: status.phase,
    failover: vmFailover(vm.spec),
    hostName: host?.name ?? null,
    ports: portsOf(vm),
  };
}

function shownMove(moving: Moving): Moving {
  if (moving.cause === 'preempted') return moving;
  const { weighing: _weighing, ...shown } = moving;
  return shown;
}

function portsOf(vm: Vm): VmView['ports'] {
  const { source } = vm.spec;
  if (source.kind !== 'inline') return [];
  return source.forwards.flatMap((forward, position) => {
    const hostPort = vm.allocation.hostPorts[position];
    return hostPort === undefined ? [] : [{ protocol: forward.protocol, hostPort, guestPort: forward.guestPort }];
  });
}

/** A host with what it has for VMs, has given and has left. `leaderId` is 0 when no leader is known. */
export function hostView(state: ClusterState, host: Host, leaderId: number): HostView {
  const capacity = hostCapacity(host);
  const load = state.load(host.id);
  return {
    ...host,
    leader: host.id === leaderId,
    capacity,
    used: { vcpu: load.vcpu, memoryMib: load.memoryMib },
    free: {
      vcpu: Math.max(0, capacity.vcpu - load.vcpu),
      memoryMib: Math.max(0, capacity.memoryMib - load.memoryMib),
    },
    reserved: { vcpu: host.settings.reserve.vcpu, memoryMib: host.settings.reserve.memoryMib },
    pools: poolViews(state, host),
    vms: state.indexes.onHost(host.id).size,
  };
}

/** What a host's pools have, have given and have left. */
function poolViews(state: ClusterState, host: Host): HostView['pools'] {
  return poolNames(host).map((name) => {
    const settings = host.settings.pools?.find((pool) => pool.name === name);
    const usedMib = state.indexes.stored(host.id, name) + state.load(host.id).disk(name);
    const capacityMib = settings === undefined ? null : (poolCapacity(host, name) ?? 0);
    const freeMib = capacityMib === null ? null : Math.max(0, capacityMib - usedMib);
    return {
      name,
      path: settings?.path ?? null,
      capacityMib,
      usedMib,
      freeMib,
      reservedMib: settings?.reserveMib ?? 0,
    };
  });
}

/** A token without its secret's hash. `nowMs` is the wall clock: expiry is judged by it, for display only. */
export function tokenView(state: ClusterState, token: Token, nowMs: number): TokenView {
  const { secretHash: _, usedBy, ...shown } = token;
  const unused = nowMs < token.expiresAtMs ? 'open' : 'expired';
  if (usedBy === undefined) return { ...shown, state: unused };
  const hostName = state.host(usedBy.hostId)?.name;
  return { ...shown, usedBy: { ...usedBy, ...(hostName === undefined ? {} : { hostName }) }, state: 'used' };
}

/** A lock with what is left of it. */
export function lockView(lock: Lock): LockView {
  return { ...lock, free: lock.slots - lock.holders.length };
}

/** A network with what is in use, held and left of it. Each interface on it has one address of each of its versions. */
export function networkView(state: ClusterState, network: Network): NetworkView {
  const families = FAMILIES.filter((family) => network.spec[family] !== undefined);
  const uses = state.indexes.networkUses(network.name);
  const held = heldCount(network);
  const free: NetworkView['free'] = {};
  for (const family of families) {
    const plan = state.addresses.plan(network.name, family);
    if (plan === undefined) continue;
    const barred = plan.skipped.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
    const all = plan.subnet.last - plan.subnet.first + 1n - barred;
    const left = all - BigInt(uses) - BigInt(Math.ceil(held / families.length));
    free[family] = left < 0n ? 0 : Number(left > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : left);
  }
  return { ...network, uses, held, free };
}

/** A project with what its VMs have. */
export function projectView(state: ClusterState, project: Project): ProjectView {
  const { used, standing } = state.indexes.projectUse(project.name);
  return { ...project, used: { ...used }, standing: { ...standing } };
}

/** The cluster as the answering host knows it. */
export function clusterStatus(
  state: ClusterState,
  cluster: Cluster,
  local: LocalStatus,
  stale: boolean,
): ClusterStatus {
  const hosts = [...state.hosts()];
  const voters = hosts.filter((host) => host.membership === 'voter' || host.membership === 'leaving');
  const leader = local.leaderId === 0 ? undefined : state.host(local.leaderId);
  const vmsByPhase: Partial<Record<VmPhase, number>> = {};
  for (const vm of state.vms()) {
    const host = vm.assignment === null ? undefined : state.host(vm.assignment.hostId);
    const { phase } = effectiveStatus(vm, host);
    vmsByPhase[phase] = (vmsByPhase[phase] ?? 0) + 1;
  }
  return {
    cluster,
    local,
    leader: leader === undefined ? null : { id: leader.id, name: leader.name },
    quorum: {
      voters: voters.length,
      needed: Math.floor(voters.length / 2) + 1,
      reachable: voters.filter((host) => host.reachable || host.id === local.hostId).length,
      note: votersNote(state) ?? null,
    },
    hosts: hosts.map((host) => hostView(state, host, local.leaderId)),
    vmsByPhase,
    index: state.index,
    stale,
  };
}

/** Any object as a watch shows it: the same form that a list gives. */
export function objectView(state: ClusterState, object: ClusterObject, leaderId: number, nowMs: number): unknown {
  switch (object.kind) {
    case 'vm':
      return vmView(state, object);
    case 'host':
      return hostView(state, object, leaderId);
    case 'token':
      return tokenView(state, object, nowMs);
    case 'lock':
      return lockView(object);
    case 'network':
      return networkView(state, object);
    case 'vmset':
      return setView(state, object);
    case 'project':
      return projectView(state, object);
    default:
      return object;
  }
}
