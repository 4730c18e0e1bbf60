/**
 * The hosts for VMs that ask for the same, ordered once and kept in order while a pass places one VM after the other. So
 * a pass looks at every host once for each kind of VM, and at a few for each VM.
 */
import { assert } from '../base/assert.ts';
import { type Misfit, misfits, misfitsOf, type Needs, needsOf } from '../machine/fit.ts';
import { inProject } from '../machine/label-scope.ts';
import type { Loads, Occupancy } from '../machine/occupancy.ts';
import { type Host, hostZone } from '../model/host.ts';
import { hasPair, type Strategy } from '../model/placement.ts';
import { isFenced, type Vm, vmResources, vmVolumes } from '../model/vm.ts';
import { DEFAULT_PROJECT, projectOf } from '../model/vm-name.ts';
import { NEXT_BEST } from '../model/weighing.ts';
import { HostHeap, HostRanks } from './host-heap.ts';
import type { HostList } from './host-list.ts';
import type { PassLoads } from './loads.ts';
import { hostPoints, partNames, zonePoints } from './score.ts';
import { type Excluded, Exclusions } from './weighing.ts';

/** Finds the best host for one VM after the other, all of the same {@link kindOf}. */
export interface Candidates {
  /** The best host that `vm` fits on as things are now in the pass. */
  best(vm: Vm): Host | undefined;
  /**
   * Those that come behind `chosen`, which was just found to be the best for `vm` and has not been given it yet: up to
   * {@link NEXT_BEST}, the best first. Fewer where a few looks find no more.
   */
  next(vm: Vm, chosen: Host): Host[];
  /** The hosts that are known to be ruled out for all VMs of the kind. */
  readonly excluded: Excluded | undefined;
  /** What the score of the kind is made of. */
  readonly parts: string[];
}

/** Hosts that are looked at for those behind the best one. */
const NEXT_LOOKS = 8;

/** VMs with the same kind fit on the same hosts, but for ports and for what others there think of their labels. */
export function kindOf(vm: Vm, strategy: Strategy): string {
  const { placement, labels, source } = vm.spec;
  const { vcpu, memoryMib } = vmResources(vm);
  const { limits = [], near = [] } = placement;
  let has = '';
  for (const { label } of limits) has += hasPair(labels, label) ? '+' : '-';
  for (const label of near) has += hasPair(labels, label) ? '+' : '-';
  let ports = '';
  if (source.kind === 'inline') {
    for (const { protocol, hostPort } of source.forwards)
      if (hostPort !== undefined) ports += `${protocol}${hostPort},`;
  }
  const project = projectOf(vm.name);
  const whose = project === DEFAULT_PROJECT ? '' : `${project} `;
  const fenced = isFenced(vm.spec) ? '' : 'unfenced ';
  return `${whose}${strategy} ${fenced}${vcpu} ${memoryMib} ${has} ${ports} ${dataOf(vm)}${JSON.stringify(placement)}`;
}

/** What its data asks of a host: the room that volumes need which have yet to be made; what has been made ties it alone, and is named in
 * the reason that it hears. */
function dataOf(vm: Vm): string {
  const volumes = vmVolumes(vm);
  if (vm.home !== undefined || volumes.some(({ created }) => created)) return `data of ${vm.name} `;
  return volumes.map(({ pool, sizeMib }) => `${pool}=${sizeMib} `).join('');
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

/** A host with its points. */
interface Weighed {
  readonly host: Host;
  readonly points: number;
}

/** The best few, the best first. */
function behind(weighed: Weighed[]): Weighed[] {
  return weighed.sort((a, b) => b.points - a.points || a.host.id - b.host.id).slice(0, NEXT_BEST);
}

/** Hosts by points. Made empty: every host is offered to it once, before it is asked for the best. */
class ByPoints implements Candidates {
  readonly #strategy: Strategy;
  readonly #hosts: HostList;
  readonly #loads: PassLoads;
  /** What the VM asks for that was looked at last: for all of the kind it is nearly the same, and not quite. */
  #needs: Needs;
  /** The hosts that are still in question, with their points as of `#seen`. */
  readonly #ranks: HostRanks;
  /** By zone where wishes speak of zones, else all in one. */
  readonly #heaps = new Map<string, HostHeap>();
  readonly #byZone: boolean;
  /** Positions of those that were offered, until they are first asked for. */
  readonly #offered = new Map<string, number[]>();
  readonly #excluded = new Exclusions();
  readonly parts: string[];
  /** How much of the pass's log is in the points. */
  #seen: number;

  constructor(vm: Vm, strategy: Strategy, hosts: HostList, loads: PassLoads) {
    this.#needs = needsOf(vm);
    this.#strategy = strategy;
    this.#hosts = hosts;
    this.#loads = loads;
    this.#ranks = new HostRanks(hosts.all.length);
    const { spread, pack } = vm.spec.placement;
    this.#byZone = [...(spread ?? []), ...(pack ?? [])].some(({ per }) => per === 'zone');
    this.#seen = loads.log.length;
    this.parts = partNames(strategy, vm);
  }

  get excluded(): Excluded | undefined {
    return this.#excluded.counts;
  }

  /**
   * Takes in the host at a position of the list, on which `load` is taken, unless no VM of the kind fits there in this
   * pass. Nothing may have been placed since it was made.
   */
  offer(position: number, host: Host, load: Occupancy): void {
    const { vm } = this.#needs;
    const against = misfitsOf(this.#needs, host, this.#loads, load);
    if (against.length > 0 && against.some((misfit) => isForAll(vm, misfit))) {
      this.#excluded.add(against);
      return;
    }
    this.#ranks.points[position] = hostPoints(this.#strategy, this.#needs, host, load);
    const zone = this.#zoneOf(host);
    const group = this.#offered.get(zone);
    if (group === undefined) this.#offered.set(zone, [position]);
    else group.push(position);
  }

  #zoneOf(host: Host): string {
    return this.#byZone ? hostZone(host) : '';
  }

  #host(position: number): Host {
    const host = this.#hosts.all[position];
    assert(host !== undefined, 'a host in question is in the list');
    return host;
  }

  best(vm: Vm): Host | undefined {
    for (const [zone, group] of this.#offered) this.#heaps.set(zone, new HostHeap(group, this.#ranks));
    this.#offered.clear();
    this.#needs = needsOf(vm);
    this.#catchUp();
    const aside: { heap: HostHeap; position: number }[] = [];
    let found: Host | undefined;
    for (;;) {
      const heap = this.#bestHeap(vm);
      const position = heap?.top;
      if (heap === undefined || position === undefined) break;
      const host = this.#host(position);
      const against = this.#misfits(host);
      if (against.length === 0) {
        found = host;
        break;
      }
      heap.pop();
      if (against.some((misfit) => isForAll(vm, misfit))) this.#excluded.add(against);
      else aside.push({ heap, position });
    }
    for (const { heap, position } of aside) heap.push(position);
    return found;
  }

  #misfits(host: Host): readonly Misfit[] {
    return misfitsOf(this.#needs, host, this.#loads, this.#loads.of(host.id));
  }

  next(vm: Vm, chosen: Host): Host[] {
    const accept = (position: number): boolean => {
      const host = this.#host(position);
      return host !== chosen && this.#misfits(host).length === 0;
    };
    if (!this.#byZone) {
      const [heap] = this.#heaps.values();
      return heap?.first(NEXT_BEST, NEXT_LOOKS, accept).map((position) => this.#host(position)) ?? [];
    }
    const found: Weighed[] = [];
    for (const [zone, heap] of this.#heaps) {
      const more = zonePoints(vm, zone, this.#loads);
      for (const position of heap.first(NEXT_BEST, NEXT_LOOKS, accept)) {
        found.push({ host: this.#host(position), points: (this.#ranks.points[position] ?? 0) + more });
      }
    }
    return behind(found).map(({ host }) => host);
  }

  /** Weighs the hosts again that were given something since. */
  #catchUp(): void {
    const { log } = this.#loads;
    for (; this.#seen < log.length; this.#seen++) {
      const position = this.#hosts.positionOf(log[this.#seen] ?? 0);
      if (position === undefined) continue;
      const host = this.#host(position);
      const points = hostPoints(this.#strategy, this.#needs, host, this.#loads.of(host.id));
      this.#heaps.get(this.#zoneOf(host))?.update(position, points);
    }
  }

  /** The heap whose top is the best host of all. */
  #bestHeap(vm: Vm): HostHeap | undefined {
    let winner: HostHeap | undefined;
    let most = Number.NEGATIVE_INFINITY;
    let first = 0;
    for (const [zone, heap] of this.#heaps) {
      const { top } = heap;
      if (top === undefined) continue;
      const points = (this.#ranks.points[top] ?? 0) + (this.#byZone ? zonePoints(vm, zone, this.#loads) : 0);
      if (winner !== undefined && (points < most || (points === most && top > first))) continue;
      winner = heap;
      most = points;
      first = top;
    }
    return winner;
  }
}

/** Hosts that take turns, by their ids. */
class ByTurn implements Candidates {
  readonly #loads: PassLoads;
  readonly #hosts: Host[] = [];
  readonly #excluded = new Exclusions();
  readonly parts: string[];

  constructor(vm: Vm, strategy: Strategy, hosts: Iterable<Host>, loads: PassLoads) {
    this.#loads = loads;
    this.parts = partNames(strategy, vm);
    const needs = needsOf(vm);
    for (const host of hosts) {
      const against = misfitsOf(needs, host, loads, loads.of(host.id));
      if (against.some((misfit) => isForAll(vm, misfit))) this.#excluded.add(against);
      else this.#hosts.push(host);
    }
  }

  get excluded(): Excluded | undefined {
    return this.#excluded.counts;
  }

  /** Whose turn comes next. */
  next(vm: Vm, chosen: Host): Host[] {
    const found: Host[] = [];
    const start = this.#hosts.indexOf(chosen);
    const most = Math.min(NEXT_LOOKS, this.#hosts.length - 1);
    for (let ahead = 1; ahead <= most && found.length < NEXT_BEST; ahead++) {
      const host = this.#hosts[(start + ahead) % this.#hosts.length];
      if (host !== undefined && misfits(vm, host, this.#loads).length === 0) found.push(host);
    }
    return found;
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
      if (against.some((misfit) => isForAll(vm, misfit))) {
        this.#hosts.splice(at, 1);
        this.#excluded.add(against);
      } else at += 1;
    }
    return undefined;
  }
}

/** Of a host that has none of the company that a VM seeks. */
const ALONE: readonly Misfit[] = [{ rule: 'near', label: '' }];

/** Looks at every host each time: for VMs that seek company, which any placement may have brought anywhere. */
class ByLooking implements Candidates {
  readonly #strategy: Strategy;
  readonly #hosts: Iterable<Host>;
  readonly #loads: PassLoads;
  readonly parts: string[];
  /** Those that the last VM fitted on, and what kept it off the others. */
  #fitting: Host[] = [];
  #excluded = new Exclusions();

  constructor(vm: Vm, strategy: Strategy, hosts: Iterable<Host>, loads: PassLoads) {
    this.#strategy = strategy;
    this.#hosts = hosts;
    this.#loads = loads;
    this.parts = partNames(strategy, vm);
  }

  get excluded(): Excluded | undefined {
    return this.#excluded.counts;
  }

  best(vm: Vm): Host | undefined {
    const { near } = vm.spec.placement;
    const mustFollow = near?.map((label) => inProject(vm, label)).find((label) => this.#loads.placed(label) > 0);
    const needs = needsOf(vm);
    this.#fitting = [];
    this.#excluded = new Exclusions();
    for (const host of this.#hosts) {
      // Most are elsewhere than the company: one look tells.
      const load = this.#loads.of(host.id);
      const isAlone = mustFollow !== undefined && load.count(mustFollow) === 0;
      const against = isAlone ? ALONE : misfitsOf(needs, host, this.#loads, load);
      if (against.length === 0) this.#fitting.push(host);
      else this.#excluded.add(against);
    }
    return bestOf(vm, this.#strategy, this.#fitting, this.#loads, this.#loads.lastTurn);
  }

  next(vm: Vm, chosen: Host): Host[] {
    const others = this.#fitting.filter((host) => host !== chosen);
    if (this.#strategy === 'round-robin') {
      const [later, earlier] = [others.filter(({ id }) => id > chosen.id), others.filter(({ id }) => id < chosen.id)];
      return [...later, ...earlier].slice(0, NEXT_BEST);
    }
    const needs = needsOf(vm);
    const points = (host: Host) =>
      hostPoints(this.#strategy, needs, host, this.#loads.of(host.id)) + zonePoints(vm, hostZone(host), this.#loads);
    return behind(others.map((host) => ({ host, points: points(host) }))).map(({ host }) => host);
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
  const needs = needsOf(vm);
  for (const host of hosts) {
    const points = hostPoints(strategy, needs, host, loads.of(host.id)) + zonePoints(vm, hostZone(host), loads);
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
 * The hosts for each kind of VM, in the order of the kinds. One host after the other is weighed
 * for all kinds: to fetch what is known of some thousand hosts from memory costs more than to weigh them.
 */
export function candidates(kinds: readonly Kind[], hosts: HostList, loads: PassLoads): Candidates[] {
  const byPoints: ByPoints[] = [];
  const found = kinds.map(({ vm, strategy }): Candidates => {
    if (vm.spec.placement.near !== undefined) return new ByLooking(vm, strategy, hosts.all, loads);
    if (strategy === 'round-robin') return new ByTurn(vm, strategy, hosts.all, loads);
    const empty = new ByPoints(vm, strategy, hosts, loads);
    byPoints.push(empty);
    return empty;
  });
  if (byPoints.length === 0) return found;
  // By number: an iterator makes a pair for each host.
  for (let position = 0; position < hosts.all.length; position++) {
    const host = hosts.all[position];
    if (host === undefined) break;
    const load = loads.of(host.id);
    for (const one of byPoints) one.offer(position, host, load);
  }
  return found;
}
