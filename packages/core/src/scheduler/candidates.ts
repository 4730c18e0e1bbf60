/**
 * The hosts for VMs that ask for the same, ordered once and kept in order while a pass places one VM after the other. So
 * a pass looks at every host once for each kind of VM, and at a few for each VM.
 */
import { type Misfit, misfits } from '../machine/fit.ts';
import { inProject } from '../machine/label-scope.ts';
import type { Loads } from '../machine/occupancy.ts';
import { type Host, hostZone } from '../model/host.ts';
import { hasPair, type Strategy } from '../model/placement.ts';
import { type Vm, vmResources } from '../model/vm.ts';
import { DEFAULT_PROJECT, projectOf } from '../model/vm-name.ts';
import { HostHeap, type Weighed } from './host-heap.ts';
import type { PassLoads } from './loads.ts';
import { hostPoints, zonePoints } from './score.ts';

/** Finds the best host for one VM after the other, all of the same {@link kindOf}. */
export interface Candidates {
  /** The best host that `vm` fits on as things are now in the pass. */
  best(vm: Vm): Host | undefined;
}

/** VMs with the same kind fit on the same hosts, but for ports and for what others there think of their labels. */
export function kindOf(vm: Vm, strategy: Strategy): string {
  const { placement, labels, source } = vm.spec;
  const { vcpu, memoryMib } = vmResources(vm);
  const own = [...(placement.limits ?? []).map(({ label }) => label), ...(placement.near ?? [])];
  const has = own.length === 0 ? '' : own.map((label) => (hasPair(labels, label) ? '+' : '-')).join('');
  const ports =
    source.kind === 'inline'
      ? source.forwards.filter(({ hostPort }) => hostPort !== undefined).map((f) => `${f.protocol}${f.hostPort}`)
      : [];
  const project = projectOf(vm.name);
  const whose = project === DEFAULT_PROJECT ? '' : `${project} `;
  return `${whose}${strategy} ${vcpu} ${memoryMib} ${has} ${ports.join()} ${JSON.stringify(placement)}`;
}

/** Whether the rule keeps all VMs of this kind off the host for the rest of the pass: nothing leaves a host in one. */
function isForAll(vm: Vm, misfit: Misfit): boolean {
  switch (misfit.rule) {
    case 'near':
    case 'hostPort':
      return false;
    case 'apart':
      return misfit.asked;
    case 'limit':
      return vm.spec.placement.limits?.some(({ label, per }) => label === misfit.label && per === misfit.per) === true;
    default:
      return true;
  }
}

/** Hosts by points. Made empty: every host is offered to it once, before it is asked for the best. */
class ByPoints implements Candidates {
  readonly #vm: Vm;
  readonly #strategy: Strategy;
  readonly #loads: PassLoads;
  /** By zone where wishes speak of zones, else all in one. */
  readonly #heaps = new Map<string, HostHeap>();
  readonly #byZone: boolean;
  /** Hosts that are still in question, with their points as of `#seen`. What a heap holds beside is out of date. */
  readonly #current = new Map<number, Weighed>();
  /** Those that were offered, until they are first asked for. */
  readonly #offered = new Map<string, Weighed[]>();
  /** How much of the pass's log is in the points. */
  #seen: number;

  constructor(vm: Vm, strategy: Strategy, loads: PassLoads) {
    this.#vm = vm;
    this.#strategy = strategy;
    this.#loads = loads;
    const { spread, pack } = vm.spec.placement;
    this.#byZone = [...(spread ?? []), ...(pack ?? [])].some(({ per }) => per === 'zone');
    this.#seen = loads.log.length;
  }

  /** Takes a host in, unless no VM of the kind fits there in this pass. Nothing may have been placed since it was made. */
  offer(host: Host): void {
    if (misfits(this.#vm, host, this.#loads).some((misfit) => isForAll(this.#vm, misfit))) return;
    const weighed = { host, points: hostPoints(this.#strategy, this.#vm, host, this.#loads) };
    this.#current.set(host.id, weighed);
    const zone = this.#zoneOf(host);
    const group = this.#offered.get(zone);
    if (group === undefined) this.#offered.set(zone, [weighed]);
    else group.push(weighed);
  }

  #zoneOf(host: Host): string {
    return this.#byZone ? hostZone(host) : '';
  }

  best(vm: Vm): Host | undefined {
    for (const [zone, group] of this.#offered) this.#heaps.set(zone, new HostHeap(group));
    this.#offered.clear();
    this.#catchUp(vm);
    const aside: { heap: HostHeap; weighed: Weighed }[] = [];
    let found: Host | undefined;
    for (;;) {
      const heap = this.#bestHeap(vm);
      const weighed = heap?.top;
      if (heap === undefined || weighed === undefined) break;
      const against = misfits(vm, weighed.host, this.#loads);
      if (against.length === 0) {
        found = weighed.host;
        break;
      }
      heap.pop();
      if (against.some((misfit) => isForAll(vm, misfit))) this.#current.delete(weighed.host.id);
      else aside.push({ heap, weighed });
    }
    for (const { heap, weighed } of aside) heap.push(weighed);
    return found;
  }

  /** Weighs the hosts again that were given something since. */
  #catchUp(vm: Vm): void {
    const { log } = this.#loads;
    for (; this.#seen < log.length; this.#seen++) {
      const before = this.#current.get(log[this.#seen] ?? 0);
      if (before === undefined) continue;
      const { host } = before;
      const points = hostPoints(this.#strategy, vm, host, this.#loads);
      if (points === before.points) continue;
      const weighed = { host, points };
      this.#current.set(host.id, weighed);
      this.#heaps.get(this.#zoneOf(host))?.push(weighed);
    }
  }

  /** The heap whose top is the best host of all. */
  #bestHeap(vm: Vm): HostHeap | undefined {
    let winner: HostHeap | undefined;
    let most = Number.NEGATIVE_INFINITY;
    let id = 0;
    for (const [zone, heap] of this.#heaps) {
      let { top } = heap;
      while (top !== undefined && this.#current.get(top.host.id) !== top) {
        heap.pop();
        top = heap.top;
      }
      if (top === undefined) continue;
      const points = top.points + (this.#byZone ? zonePoints(vm, zone, this.#loads) : 0);
      if (winner !== undefined && (points < most || (points === most && top.host.id > id))) continue;
      winner = heap;
      most = points;
      id = top.host.id;
    }
    return winner;
  }
}

/** Hosts that take turns, by their ids. */
class ByTurn implements Candidates {
  readonly #loads: PassLoads;
  readonly #hosts: Host[];

  constructor(vm: Vm, hosts: Iterable<Host>, loads: PassLoads) {
    this.#loads = loads;
    this.#hosts = [...hosts].filter((host) => !misfits(vm, host, loads).some((misfit) => isForAll(vm, misfit)));
  }

  best(vm: Vm): Host | undefined {
    const after = this.#loads.lastTurn;
    let low = 0;
    let high = this.#hosts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#hosts[middle]?.id ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    let at = low;
    for (let left = this.#hosts.length; left > 0; left--) {
      if (at >= this.#hosts.length) at = 0;
      const host = this.#hosts[at];
      if (host === undefined) return undefined;
      const against = misfits(vm, host, this.#loads);
      if (against.length === 0) return host;
      if (against.some((misfit) => isForAll(vm, misfit))) this.#hosts.splice(at, 1);
      else at += 1;
    }
    return undefined;
  }
}

/** Looks at every host each time: for VMs that seek company, which any placement may have brought anywhere. */
class ByLooking implements Candidates {
  readonly #strategy: Strategy;
  readonly #hosts: Iterable<Host>;
  readonly #loads: PassLoads;

  constructor(strategy: Strategy, hosts: Iterable<Host>, loads: PassLoads) {
    this.#strategy = strategy;
    this.#hosts = hosts;
    this.#loads = loads;
  }

  best(vm: Vm): Host | undefined {
    const { near } = vm.spec.placement;
    const mustFollow = near?.map((label) => inProject(vm, label)).find((label) => this.#loads.placed(label) > 0);
    const fitting: Host[] = [];
    for (const host of this.#hosts) {
      if (mustFollow !== undefined && this.#loads.of(host.id).count(mustFollow) === 0) continue;
      if (misfits(vm, host, this.#loads).length === 0) fitting.push(host);
    }
    return bestOf(vm, this.#strategy, fitting, this.#loads, this.#loads.lastTurn);
  }
}

/**
 * The best of hosts that a VM fits on, found by weighing each. `hosts` are by rising id; `lastTurn` is the host that
 * took its turn last, or 0.
 */
export function bestOf(
  vm: Vm,
  strategy: Strategy,
  hosts: readonly Host[],
  loads: Loads,
  lastTurn: number,
): Host | undefined {
  if (strategy === 'round-robin') return hosts.find(({ id }) => id > lastTurn) ?? hosts[0];
  let winner: Host | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const host of hosts) {
    const points = hostPoints(strategy, vm, host, loads) + zonePoints(vm, hostZone(host), loads);
    if (points <= most) continue;
    winner = host;
    most = points;
  }
  return winner;
}

/** A kind of VM, by one of them. */
export interface Kind {
  readonly vm: Vm;
  readonly strategy: Strategy;
}

/**
 * The hosts for each kind of VM, in the order of the kinds. `hosts` are by rising id. One host after the other is weighed
 * for all kinds: to fetch what is known of some thousand hosts from memory costs more than to weigh them.
 */
export function candidates(kinds: readonly Kind[], hosts: readonly Host[], loads: PassLoads): Candidates[] {
  const byPoints: ByPoints[] = [];
  const found = kinds.map(({ vm, strategy }): Candidates => {
    if (vm.spec.placement.near !== undefined) return new ByLooking(strategy, hosts, loads);
    if (strategy === 'round-robin') return new ByTurn(vm, hosts, loads);
    const empty = new ByPoints(vm, strategy, loads);
    byPoints.push(empty);
    return empty;
  });
  for (const host of hosts) for (const one of byPoints) one.offer(host);
  return found;
}
