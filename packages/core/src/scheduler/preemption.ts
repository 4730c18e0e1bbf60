/** Who makes room for a VM that fits nowhere and is more important: as few as can be, the least important, the youngest. */

import { PREEMPT_MAX } from '../machine/command.ts';
import { isLasting, misfits } from '../machine/fit.ts';
import { type Loads, withoutVms } from '../machine/occupancy.ts';
import { guaranteeAgainst } from '../machine/quota.ts';
import type { ClusterState } from '../machine/state.ts';
import { type Host, hostZone } from '../model/host.ts';
import { isDisposable, type Vm, vmPriority } from '../model/vm.ts';

/** VMs on one host that make room. */
export interface Preemption {
  readonly host: Host;
  /** The least harmful first. */
  readonly victims: readonly Vm[];
}

/** Up to so many VMs all pairs are tried; with more, pairs are left to chance. */
const PAIRS_OF = 48;

/** The least harm first: stopped ones, then the least important, then the youngest. */
function byHarm(a: Vm, b: Vm): number {
  const stopped = Number(b.power === 'stopped') - Number(a.power === 'stopped');
  return stopped || vmPriority(a) - vmPriority(b) || (b.assignment?.epoch ?? 0) - (a.assignment?.epoch ?? 0);
}

/** Whether `a` does less harm than `b`, victim by victim from the most harmed on. */
function isLessHarm(a: readonly Vm[], b: readonly Vm[]): boolean {
  if (a.length !== b.length) return a.length < b.length;
  for (let at = a.length - 1; at >= 0; at--) {
    const [one, other] = [a[at], b[at]];
    const order = one === undefined || other === undefined ? 0 : byHarm(one, other);
    if (order !== 0) return order < 0;
  }
  return false;
}

/**
 * Some of `movable`, sorted by harm, without which `fits`: the fewest where that can be told with little effort. `may`
 * says of a set whether it may go together; it then holds for every part of it too.
 */
function fewest(
  movable: readonly Vm[],
  may: (victims: readonly Vm[]) => boolean,
  leaves: (without: readonly Vm[]) => boolean,
): readonly Vm[] | undefined {
  const fits = (victims: readonly Vm[]) => may(victims) && leaves(victims);
  for (const one of movable) if (fits([one])) return [one];
  if (movable.length <= PAIRS_OF) {
    for (let second = 1; second < movable.length; second++) {
      for (let first = 0; first < second; first++) {
        const pair = [movable[first], movable[second]].filter((vm) => vm !== undefined);
        if (fits(pair)) return pair;
      }
    }
  }
  let chosen: Vm[] = [];
  for (const vm of movable) {
    if (chosen.length >= PREEMPT_MAX) break;
    const more = [...chosen, vm];
    if (!may(more)) continue;
    chosen = more;
    if (leaves(chosen)) break;
  }
  if (!fits(chosen)) return undefined;
  // Those that turn out not to be needed stay, the most important first.
  for (const vm of [...chosen].reverse()) {
    const rest = chosen.filter((other) => other !== vm);
    if (rest.length > 0 && fits(rest)) chosen = rest;
  }
  return chosen;
}

/**
 * The VMs that are to make room for `vm`, all on one host, or undefined when not even that would help. `spared` are
 * names of VMs that make room for another already.
 */
export function planPreemption(
  state: ClusterState,
  vm: Vm,
  hosts: Iterable<Host>,
  loads: Loads,
  spared: ReadonlySet<string>,
): Preemption | undefined {
  const priority = vmPriority(vm);
  if (state.indexes.lowestPriority() >= priority) return undefined;
  let best: Preemption | undefined;
  const going = [...spared].map((name) => state.vm(name)).filter((other) => other !== undefined);
  const may = (victims: readonly Vm[]) => guaranteeAgainst(state, vm, victims, going) === undefined;
  for (const host of hosts) {
    if (misfits(vm, host, loads).some(isLasting)) continue;
    const movable: Vm[] = [];
    for (const other of state.vmsOnHost(host.id)) {
      const goes = other.deleting || other.moving !== undefined || spared.has(other.name);
      if (!goes && vmPriority(other) < priority && isDisposable(other) && may([other])) movable.push(other);
    }
    if (movable.length === 0) continue;
    const zone = hostZone(host);
    const leaves = (without: readonly Vm[]) =>
      misfits(vm, host, withoutVms(loads, host.id, zone, without)).length === 0;
    if (!leaves(movable)) continue;
    const victims = fewest(movable.sort(byHarm), may, leaves);
    if (victims !== undefined && (best === undefined || isLessHarm(victims, best.victims))) best = { host, victims };
  }
  return best;
}
