/**
 * What would even out the hosts: VMs that would be placed elsewhere if they were placed now. A plan is data made from one
 * state. Each of its moves fits at once, beside all others of the plan and before any VM has left.
 */
import { misfits, needsOf } from '../machine/fit.ts';
import { staysPut } from '../machine/moving.ts';
import { type Loads, Occupancy, withoutVm } from '../machine/occupancy.ts';
import type { ClusterState } from '../machine/state.ts';
import { strategyOf } from '../model/cluster.ts';
import { type Host, hostCapacity, hostZone } from '../model/host.ts';
import type { LabelPair } from '../model/placement.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { PassLoads } from './loads.ts';
import { hostPoints, shownPoints, zonePoints } from './score.ts';

/** One move of a plan. */
export interface PlannedMove {
  readonly name: string;
  readonly uid: string;
  /** Epoch of the assignment that the plan was made from. */
  readonly epoch: number;
  readonly from: string;
  readonly to: string;
  readonly targetId: number;
  /** Points by which the new host is better; the strategy alone gives up to 100. */
  readonly gain: number;
}

/** A plan, as of one state. */
export interface RebalancePlan {
  readonly moves: readonly PlannedMove[];
  /** VMs that were weighed. Less than there are when a VM may not move, or there are too many for one plan. */
  readonly considered: number;
}

/** Points, as people read them, that a move has to gain: less is not worth a restart. */
export const GAIN_MIN = 10;

/** Pairs of VM and host that are weighed for one plan, at most. */
const PAIRS_MAX = 200_000;

/** What is where once the moves of the plan are done. */
class Later implements Loads {
  readonly #now: Loads;
  readonly #hosts = new Map<number, Occupancy>();
  readonly #zones = new Map<string, Occupancy>();

  constructor(now: Loads) {
    this.#now = now;
  }

  of(hostId: number): Occupancy {
    return this.#hosts.get(hostId) ?? this.#now.of(hostId);
  }

  zone(name: string): Occupancy {
    return this.#zones.get(name) ?? this.#now.zone(name);
  }

  placed(pair: LabelPair): number {
    return this.#now.placed(pair);
  }

  stored(hostId: number, pool: string): number {
    return this.#now.stored(hostId, pool);
  }

  #change(host: Host, change: (occupancy: Occupancy) => void): void {
    const there = this.#hosts.get(host.id) ?? new Occupancy('host', this.#now.of(host.id));
    this.#hosts.set(host.id, there);
    change(there);
    const name = hostZone(host);
    const zone = this.#zones.get(name) ?? new Occupancy('zone', this.#now.zone(name));
    this.#zones.set(name, zone);
    change(zone);
  }

  move(vm: Vm, from: Host, to: Host): void {
    this.#change(from, (occupancy) => occupancy.remove(vm));
    this.#change(to, (occupancy) => occupancy.add(vm));
  }
}

/** The share of a host that is taken, of the resource that is the scarcer one there. */
function taken(state: ClusterState, host: Host): number {
  const capacity = hostCapacity(host);
  const load = state.load(host.id);
  const share = (part: number, whole: number) => (whole <= 0 ? 1 : part / whole);
  return Math.max(share(load.vcpu, capacity.vcpu), share(load.memoryMib, capacity.memoryMib));
}

function mayMove(state: ClusterState, vm: Vm): boolean {
  if (vm.deleting || vm.moving !== undefined || vm.power === 'stopped' || vm.assignment === null) return false;
  const { placement } = vm.spec;
  if (placement.host !== undefined || staysPut(vm, 'rebalance') !== undefined) return false;
  // One that was only just placed is still being built or started.
  if (vm.status.phase !== 'running') return false;
  const strategy = strategyOf(state.cluster, state.project(projectOf(vm.name)), placement);
  return strategy === 'most-available' || strategy === 'least-available';
}

/** The best move of one VM, if there is one that gains enough. */
function bestMove(state: ClusterState, vm: Vm, from: Host, hosts: readonly Host[], held: Loads, later: Loads) {
  const strategy = strategyOf(state.cluster, state.project(projectOf(vm.name)), vm.spec.placement);
  const at = { hostId: from.id, zone: hostZone(from) };
  const [fit, weigh] = [withoutVm(held, vm, at), withoutVm(later, vm, at)];
  const needs = needsOf(vm);
  const points = (host: Host) =>
    hostPoints(strategy, needs, host, weigh.of(host.id)) + zonePoints(vm, hostZone(host), weigh);
  const here = points(from);
  let best: { readonly to: Host; readonly gain: number } | undefined;
  for (const to of hosts) {
    if (to.id === from.id) continue;
    const gain = shownPoints(points(to) - here);
    if (gain < GAIN_MIN || (best !== undefined && gain <= best.gain)) continue;
    if (misfits(vm, to, fit).length === 0) best = { to, gain };
  }
  return best;
}

/** A plan of at most `max` moves, those of the fullest hosts first. Deterministic; empty when nothing gains enough. */
export function planRebalance(state: ClusterState, max: number): RebalancePlan {
  const moves: PlannedMove[] = [];
  const hosts = [...state.hosts()].filter(({ membership }) => membership !== 'leaving');
  const sources = hosts
    .filter(({ reachable, drain }) => reachable && drain === undefined)
    .map((host) => ({ host, taken: taken(state, host) }))
    .sort((a, b) => b.taken - a.taken || a.host.id - b.host.id);
  const held = new PassLoads(state);
  const later = new Later(state.indexes);
  let [pairs, considered] = [0, 0];
  for (const { host: from } of sources) {
    for (const vm of [...state.vmsOnHost(from.id)].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (moves.length >= max || pairs >= PAIRS_MAX) return { moves, considered };
      if (vm.assignment === null || !mayMove(state, vm)) continue;
      pairs += hosts.length;
      considered += 1;
      const best = bestMove(state, vm, from, hosts, held, later);
      if (best === undefined) continue;
      held.reserve(vm, best.to.id);
      later.move(vm, from, best.to);
      const { name, uid, assignment } = vm;
      const gain = Math.round(best.gain * 10) / 10;
      const { to } = best;
      moves.push({ name, uid, epoch: assignment.epoch, from: from.name, to: to.name, targetId: to.id, gain });
    }
  }
  return { moves, considered };
}
