/** L1: once faults stop, the cluster finds a leader, catches up and does what is asked of it, within a stated time. */
import type { LoopStatus } from '@n3x/core/loop/host-loop';
import { nextFormat } from '@n3x/core/machine/command-format';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Host } from '@n3x/core/model/host';
import { isHalted, type Vm } from '@n3x/core/model/vm';
import type { World } from '../world/world.ts';
import type { RestartRules } from './restarts.ts';
import { whyNeedNotStay, whyNeedNotWait } from './room.ts';

/** Name of the rule. */
export const CONVERGENCE = 'L1 convergence';

/** Why a VM may wait; for a host that people choose it waits for ever. */
const WAITS: ReadonlySet<string> = new Set(['NoHostFits', 'WaitsForData', 'Manual']);

/** Virtual ms within which a cluster without faults has to be at rest: back-offs of a minute and a build are in it. */
export const CONVERGENCE_MS = 150_000;

/** Why the cluster is not at rest yet: the first reason that is found, undefined when there is none. */
export function whyNotConverged(world: World, state: ClusterState, restarts: RestartRules): string | undefined {
  const statuses: { name: string; status: LoopStatus }[] = [];
  // What died for good and was not removed stays a member; the others have to do without it.
  const living = [...state.hosts()].filter(({ id }) => world.hostById(id)?.isRetired !== true);
  for (const { id, name } of living) {
    const status = world.hostById(id)?.loop?.status;
    if (status === undefined) return `the daemon of ${name} does not run`;
    statuses.push({ name, status });
  }
  const leader = statuses.find(({ status }) => status.role === 'leader');
  if (leader === undefined) return 'no member leads';
  for (const { name, status } of statuses) {
    if (status.leaderId !== leader.status.leaderId || status.term !== leader.status.term) {
      return `${name} follows ${status.leaderId} in term ${status.term}, ${leader.name} leads in ${leader.status.term}`;
    }
    if (!status.hasQuorum) return `${name} knows of no quorum`;
    if (status.pendingRequests > 0) return `${status.pendingRequests} requests wait on ${name}`;
    if (status.appliedIndex !== state.index) return `${name} has applied ${status.appliedIndex} of ${state.index}`;
  }
  if (leader.status.commitIndex !== state.index) return `${leader.name} has committed ${leader.status.commitIndex}`;
  // Whoever held one has given it back or is gone: what is left goes with its session.
  if (state.lockCount > 0) return `locks are in use: ${[...state.locks()].map(({ name }) => name).join(', ')}`;
  return (
    whyNotSettled(state, living, leader.status) ??
    whyVmsNotAsAsked(world, state, restarts) ??
    whyVolumesNotAsAsked(state) ??
    whyDrainsNotDone(state, living)
  );
}

function whyNotSettled(state: ClusterState, living: readonly Host[], { confState }: LoopStatus): string | undefined {
  if (confState.votersOutgoing.length > 0) return 'the configuration is joint';
  for (const host of living) {
    if (!host.reachable) return `${host.name} is taken to be unreachable`;
    if (host.membership !== 'voter' && host.membership !== 'learner') return `${host.name} is ${host.membership}`;
  }
  const mayVote = living.filter((host) => host.settings.role !== 'agent').length;
  const wanted = Math.min(state.cluster?.settings.voters ?? 1, mayVote);
  const due = wanted - ((wanted + 1) % 2);
  const dead = confState.voters.filter((id) => !living.some((host) => host.id === id));
  if (dead.length > 0) {
    const names = dead.map((id) => state.host(id)?.name ?? `id ${id}`);
    return `${names.join(', ')} ${dead.length === 1 ? 'is dead and still votes' : 'are dead and still vote'}`;
  }
  if (confState.voters.length !== due) return `${confState.voters.length} hosts vote, ${due} should`;
  const format = nextFormat(state);
  return format === undefined ? undefined : `commands of format ${format} have yet to come into force`;
}

function whyVmsNotAsAsked(world: World, state: ClusterState, restarts: RestartRules): string | undefined {
  for (const vm of state.vms()) {
    const reason = whyVmNotAsAsked(world, state, vm, restarts);
    if (reason !== undefined) return `VM ${vm.name} ${reason}`;
  }
  return undefined;
}

/** Volumes of no VM are where they are to be, once, and those that were to go are gone. */
function whyVolumesNotAsAsked(state: ClusterState): string | undefined {
  for (const { uid, moving, deleting, former, place } of state.stored.all()) {
    if (moving !== undefined) return `volume ${uid} is on the move`;
    if (place === undefined || state.host(place.hostId)?.reachable !== true) continue;
    if (deleting === true) return `volume ${uid} is being deleted`;
    // What was copied for a VM that never ran with the copy stays.
    if (former === undefined || place.alone !== true || state.host(former.hostId)?.reachable !== true) continue;
    return `${former.host} still has what volume ${uid} was copied from`;
  }
  return undefined;
}

/** A host that is to be empty is so, or what is left on it can go nowhere, or its time is over. */
function whyDrainsNotDone(state: ClusterState, living: readonly Host[]): string | undefined {
  for (const host of living) {
    const { drain, name } = host;
    if (drain === undefined || drain.outcome === 'expired') continue;
    const left = [...state.vmsOnHost(host.id)];
    if (drain.outcome === undefined) return `${name} is still drained, with ${left.length} VMs left`;
    if (drain.outcome === 'drained' && left.length > 0) return `${name} is said to be empty and has ${left.length} VMs`;
    for (const vm of left) {
      const why = whyNeedNotStay(state, vm, living);
      if (why !== undefined) return `VM ${vm.name} is left on ${name}, which is drained, though ${why}`;
    }
  }
  return undefined;
}

function whyVmNotAsAsked(world: World, state: ClusterState, vm: Vm, restarts: RestartRules): string | undefined {
  if (vm.deleting) return 'is being deleted';
  if (vm.moving !== undefined) return 'is on the move';
  const { phase, reason } = vm.status;
  const where = world.hosts.filter((host) => host.driver.running().includes(vm.uid));
  if (vm.power === 'stopped') {
    // Lost: its host was given up, and nobody has asked for it since.
    return (phase === 'stopped' || phase === 'lost') && where.length === 0
      ? undefined
      : `is ${phase} and is to be stopped`;
  }
  if (phase === 'pending' && WAITS.has(reason) && where.length === 0) {
    const living = [...state.hosts()].filter(({ id }) => world.hostById(id)?.isRetired !== true);
    const why = whyNeedNotWait(state, vm, living);
    return why === undefined ? undefined : `is to run, and waits though ${why}`;
  }
  if (isHalted(vm)) return where.length === 0 ? restarts.whyNotHalted(vm) : 'is halted and runs';
  if (phase !== 'running') return `is ${phase} (${reason}) and is to run`;
  if (where.length !== 1) return `runs on ${where.length} hosts`;
  return vm.status.observedRestarts === vm.restarts ? undefined : 'has yet to be restarted';
}
