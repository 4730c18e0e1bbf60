/** Where a VM that has a host could go instead, and why it cannot: for drains, evacuations and moves that users ask for. */
import { loadsBeside } from '../machine/apply-move-together.ts';
import { misfits } from '../machine/fit.ts';
import { loadsWithout, staysPut } from '../machine/moving.ts';
import { type Loads, withoutVm } from '../machine/occupancy.ts';
import type { ClusterState } from '../machine/state.ts';
import { volumesToCopy } from '../machine/volumes.ts';
import { strategyOf } from '../model/cluster.ts';
import { type Host, hostZone } from '../model/host.ts';
import { type MoveCause, moveTargetId } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import type { Weighing } from '../model/weighing.ts';
import { bestOf } from './candidates.ts';
import { companyOf, hostsTogether } from './company.ts';
import { explainUnplaceable } from './feasible.ts';
import { weighAll } from './weighing.ts';

/** What may become of a VM that is to leave its host. */
export type Relocation =
  /** `weigh` says what was seen of the hosts, in the words of the host `by` that decides so. */
  | { readonly type: 'to'; readonly host: Host; readonly weigh: (by: number) => Weighing }
  /** It goes only together with others of its host; it is the first of `vms`, and `weigh` answers in their order. */
  | {
      readonly type: 'together';
      readonly host: Host;
      readonly vms: readonly Vm[];
      readonly labels: readonly string[];
      readonly weigh: (by: number) => readonly Weighing[];
    }
  /** It is stopped and fits nowhere now; it takes no room until it starts, and may go without a target. */
  | { readonly type: 'release' }
  /** `message` goes after the name of the VM: `fits nowhere else: n3 has 1 vcpu free of 8`. */
  | { readonly type: 'stuck'; readonly reason: string; readonly message: string };

/** The VM as an evacuation sees it: what it needs without what it wishes. */
function withoutWishes(vm: Vm): Vm {
  const { prefer: _1, spread: _2, pack: _3, costWeight: _4, ...placement } = vm.spec.placement;
  return { ...vm, spec: { ...vm.spec, placement: { ...placement, strategy: 'most-available' } } };
}

/** `loads` as they would be without `vm`, which is counted in them where it is and where room is held for it. */
function without(state: ClusterState, vm: Vm, loads: Loads | undefined): Loads {
  if (loads === undefined) return loadsWithout(state, vm);
  const place = (hostId: number) => {
    const host = state.host(hostId);
    return { hostId, zone: host === undefined ? '' : hostZone(host) };
  };
  const targetId = moveTargetId(vm);
  return withoutVm(loads, vm, place(vm.assignment?.hostId ?? 0), targetId === undefined ? undefined : place(targetId));
}

/**
 * Where `vm`, which has a host, would go. `loads` are those of a pass that has held room for others; without them those
 * of the state. Its cost grows with the number of hosts.
 */
export function relocate(state: ClusterState, vm: Vm, cause: MoveCause, loads?: Loads): Relocation {
  const stays = staysPut(vm, cause);
  if (stays !== undefined) return { type: 'stuck', ...stays };
  const sourceId = vm.assignment?.hostId;
  const source = state.host(sourceId ?? 0);
  const { placement } = vm.spec;
  if (placement.host !== undefined && placement.host === source?.name) {
    const message = `may run on ${placement.host} only, as its spec says`;
    return { type: 'stuck', reason: 'Pinned', message };
  }
  const strategy = strategyOf(state.cluster, state.project(projectOf(vm.name)), placement);
  if (strategy === 'manual' && cause !== 'evacuate' && placement.host === undefined) {
    const message = `is placed by hand: n3xctl vm migrate ${vm.name} --to HOST`;
    return { type: 'stuck', reason: 'Manual', message };
  }
  const free = without(state, vm, loads);
  const others = [...state.hosts()].filter(({ id }) => id !== sourceId);
  const fitting = others.filter((host) => misfits(vm, host, free).length === 0);
  const wanted = cause === 'evacuate' ? withoutWishes(vm) : vm;
  const wantedStrategy = cause === 'evacuate' ? 'most-available' : strategy;
  const host = bestOf(wanted, wantedStrategy, fitting, free, state.cluster?.lastTurnHostId ?? 0);
  if (host !== undefined) {
    const question = { vm: wanted, strategy: wantedStrategy, hosts: others, loads: free, from: state.index };
    return { type: 'to', host, weigh: (by) => weighAll({ ...question, by }, host) };
  }
  // What it has on its host has to go somewhere.
  if (vm.power === 'stopped' && volumesToCopy(vm, 0).length === 0) return { type: 'release' };
  if (others.length === 0)
    return { type: 'stuck', reason: 'NoHostFits', message: 'has nowhere to go: there is no other host' };
  const along = relocateTogether(state, vm, cause, others, loads);
  if (along !== undefined) return along;
  const why = explainUnplaceable(vm, others, free)?.message ?? 'no other host takes it';
  return { type: 'stuck', reason: 'NoHostFits', message: `fits nowhere else: ${why}` };
}

/** As {@link relocate}, to one of `others`, with those of its host that the VM is to be near; undefined when there are none. */
export function relocateTogether(
  state: ClusterState,
  vm: Vm,
  cause: MoveCause,
  others: readonly Host[],
  known?: Loads,
): Relocation | undefined {
  const loads = known ?? state.indexes;
  const company = companyOf(state, vm, cause);
  if (company === undefined) return undefined;
  if ('message' in company) return { type: 'stuck', reason: 'NoHostFits', message: company.message };
  const found = hostsTogether(state, company, others, loads);
  if ('message' in found) return { type: 'stuck', reason: 'NoHostFits', message: found.message };
  const strategy = strategyOf(state.cluster, state.project(projectOf(vm.name)), vm.spec.placement);
  const wanted = cause === 'evacuate' ? withoutWishes(vm) : vm;
  const wantedStrategy = cause === 'evacuate' ? 'most-available' : strategy;
  const free = without(state, vm, known);
  const host = bestOf(wanted, wantedStrategy, [...found.hosts], free, state.cluster?.lastTurnHostId ?? 0);
  if (host === undefined) return undefined;
  const { vms, labels } = company;
  const loadsOf = loadsBeside(state, loads, vms, vm.assignment?.hostId ?? 0, host.id);
  const weigh = (by: number) =>
    vms.map((one) => {
      const own = strategyOf(state.cluster, state.project(projectOf(one.name)), one.spec.placement);
      const question = { vm: one, strategy: own, hosts: [host], loads: loadsOf(one), from: state.index };
      return weighAll({ ...question, by }, host);
    });
  return { type: 'together', host, vms, labels, weigh };
}
