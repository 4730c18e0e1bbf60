/**
 * What VMs take of a place, be it a host, a zone or the cluster, and what they ask of those that come beside them. Labels
 * are counted with their projects, see `label-scope.ts`.
 */
import type { Resources } from '../model/host.ts';
import type { Domain, LabelPair } from '../model/placement.ts';
import { type Vm, vmResources, vmVolumes } from '../model/vm.ts';
import { isElsewhere } from '../model/volume.ts';
import { LabelCounts, type PlaceKey } from './label-counts.ts';
import { inProject, pairsInProject } from './label-scope.ts';

/** Protocol and port on a host, as in `tcp/8080`. */
export type PortKey = string;

const NO_PORTS: readonly PortKey[] = [];

/** The host ports of a VM with their protocols. */
export function vmPorts(vm: Vm): readonly PortKey[] {
  const { source } = vm.spec;
  if (source.kind !== 'inline' || source.forwards.length === 0) return NO_PORTS;
  return vm.allocation.hostPorts.map((port, i) => `${source.forwards[i]?.protocol ?? 'tcp'}/${port}`);
}

type Counts = Map<string, number>;

/** `counts` with so many more, or less. There is no table where nothing was ever counted: most places never need most of them. */
function counted(counts: Counts | undefined, key: string, by: number): Counts {
  const all = counts ?? new Map<string, number>();
  const next = (all.get(key) ?? 0) + by;
  if (next === 0) all.delete(key);
  else all.set(key, next);
  return all;
}

/** Where an {@link Occupancy} keeps how many VMs have which label: in a table of its own, or in one for many places. */
export interface LabelShare {
  readonly counts: LabelCounts;
  readonly place: PlaceKey;
}

/**
 * The VMs of one place, added up. Made over another one it holds what is different from that, so that to try something
 * costs as much as what is tried; the one below must not change meanwhile.
 */
export class Occupancy implements Resources {
  readonly #per: Domain;
  readonly #base: Occupancy | undefined;
  #vcpu = 0;
  #memoryMib = 0;
  /** VMs that keep apart from others, and that ask for limits here, those of the base included: all that most need to know. */
  #keepingApart = 0;
  #limiting = 0;
  /** MiB by pool of volumes that have yet to be made. */
  #disk: Counts | undefined;
  /** Null: what holds the port in the base is gone. */
  #ports: Map<PortKey, string | null> | undefined;
  readonly #labels: LabelCounts;
  readonly #place: PlaceKey;
  #apart: Counts | undefined;
  /** How many VMs ask for each limit. */
  #limits: Map<LabelPair, Map<number, number>> | undefined;

  constructor(per: Domain, base?: Occupancy, labels?: LabelShare) {
    this.#per = per;
    this.#base = base;
    this.#labels = labels?.counts ?? new LabelCounts();
    this.#place = labels?.place ?? 0;
    if (base === undefined) return;
    this.#vcpu = base.vcpu;
    this.#memoryMib = base.memoryMib;
    this.#keepingApart = base.#keepingApart;
    this.#limiting = base.#limiting;
  }

  get vcpu(): number {
    return this.#vcpu;
  }

  get memoryMib(): number {
    return this.#memoryMib;
  }

  /** MiB of a pool that the volumes of these VMs will take which have yet to be made. */
  disk(pool: string): number {
    return (this.#disk?.get(pool) ?? 0) + (this.#base?.disk(pool) ?? 0);
  }

  /** Name of the VM that holds a port. */
  portUser(port: PortKey): string | undefined {
    const own = this.#ports?.get(port);
    if (own !== undefined) return own ?? undefined;
    return this.#base?.portUser(port);
  }

  /** Number of VMs with a label. */
  count(pair: LabelPair): number {
    const here = this.#labels.count(pair, this.#place);
    return this.#base === undefined ? here : here + this.#base.count(pair);
  }

  /** Whether any VM keeps apart from others. Cheaper than to ask for each label: most hosts have none. */
  get keepsApart(): boolean {
    return this.#keepingApart > 0;
  }

  /** Whether any VM asks for a limit. */
  get hasLimits(): boolean {
    return this.#limiting > 0;
  }

  /** Number of VMs that want none with this label beside them. */
  keepApart(pair: LabelPair): number {
    const here = this.#apart?.get(pair) ?? 0;
    return this.#base === undefined ? here : here + this.#base.keepApart(pair);
  }

  /** Most VMs with a label that those which are here allow; infinite without a limit. */
  limit(pair: LabelPair): number {
    let least = Number.POSITIVE_INFINITY;
    for (const max of this.#limits?.get(pair)?.keys() ?? []) {
      if (max < least && this.#asking(pair, max) > 0) least = max;
    }
    for (let below = this.#base; below !== undefined; below = below.#base) {
      for (const max of below.#limits?.get(pair)?.keys() ?? []) {
        if (max < least && this.#asking(pair, max) > 0) least = max;
      }
    }
    return least;
  }

  #asking(pair: LabelPair, max: number): number {
    const here = this.#limits?.get(pair)?.get(max) ?? 0;
    return this.#base === undefined ? here : here + this.#base.#asking(pair, max);
  }

  /** A VM comes. */
  add(vm: Vm): void {
    this.#change(vm, 1);
    // Ports are a host's: many in a zone have the same one.
    if (this.#per !== 'host') return;
    for (const port of vmPorts(vm)) this.#keepPort(port, vm.name);
  }

  /** A VM goes. */
  remove(vm: Vm): void {
    this.#change(vm, -1);
    if (this.#per !== 'host') return;
    for (const port of vmPorts(vm)) {
      if (this.#base === undefined) this.#ports?.delete(port);
      else this.#keepPort(port, null);
    }
  }

  #keepPort(port: PortKey, user: string | null): void {
    this.#ports ??= new Map();
    this.#ports.set(port, user);
  }

  #change(vm: Vm, by: 1 | -1): void {
    const { spec } = vm;
    const { vcpu, memoryMib } = vmResources(vm);
    this.#vcpu += by * vcpu;
    this.#memoryMib += by * memoryMib;
    // Where a volume was made, it takes room whether its VM is there or not: that is counted by place.
    if (this.#per === 'host') {
      for (const { created, pool, sizeMib } of vmVolumes(vm)) {
        if (!created) this.#disk = counted(this.#disk, pool, by * sizeMib);
      }
    }
    for (const pair of pairsInProject(vm)) this.#labels.add(pair, this.#place, by);
    if (this.#per === 'host' && spec.placement.apart !== undefined) {
      this.#keepingApart += by;
      for (const pair of spec.placement.apart) this.#apart = counted(this.#apart, inProject(vm, pair), by);
    }
    if (spec.placement.limits === undefined) return;
    this.#limiting += by;
    this.#limits ??= new Map();
    for (const { label: plain, per, max } of spec.placement.limits) {
      if (per !== this.#per) continue;
      const label = inProject(vm, plain);
      const asked = this.#limits.get(label) ?? new Map<number, number>();
      const next = (asked.get(max) ?? 0) + by;
      if (next === 0) asked.delete(max);
      else asked.set(max, next);
      if (asked.size === 0) this.#limits.delete(label);
      else this.#limits.set(label, asked);
    }
  }

  /** What is held here itself, in a form to compare, the same for the same VMs. Not what is in the base. */
  summary(): string {
    const sorted = (entries: Iterable<readonly [string, unknown]> = []) =>
      [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const limits = [...(this.#limits ?? [])].map(
      ([pair, asked]) => [pair, [...asked].sort(([a], [b]) => a - b)] as const,
    );
    const { vcpu, memoryMib } = this;
    const labels = sorted(this.#labels.of(this.#place));
    const parts = [sorted(this.#ports), sorted(this.#disk), labels, sorted(this.#apart), sorted(limits)];
    return JSON.stringify([vcpu, memoryMib, ...parts]);
  }
}

/** What is taken where. */
export interface Loads {
  /** By the VMs of a host. */
  of(hostId: number): Occupancy;
  /** By the VMs of all hosts of a zone. */
  zone(name: string): Occupancy;
  /** Number of VMs with a label that have a host. */
  placed(pair: LabelPair): number;
  /** MiB of one of a host's pools that are taken by volumes, by what they were copied from, and held for what moves there. */
  stored(hostId: number, pool: string): number;
}

/** What is taken where, were it not for one VM: neither where it is nor, when it moves, where room is held for it. */
export function withoutVm(
  loads: Loads,
  vm: Vm,
  at: { readonly hostId: number; readonly zone: string },
  held?: { readonly hostId: number; readonly zone: string },
): Loads {
  const there = withoutVms(loads, at.hostId, at.zone, [vm]);
  if (held === undefined) return there;
  const nowhere = withoutVms(there, held.hostId, held.zone, [vm]);
  return {
    of: (id) => nowhere.of(id),
    zone: (name) => nowhere.zone(name),
    stored: (id, pool) => loads.stored(id, pool) - (id === held.hostId ? comingMib(vm, id, pool) : 0),
    placed: (pair) => there.placed(pair),
  };
}

/** MiB of a pool that are held for the volumes of a VM that moves to a host. */
function comingMib(vm: Vm, hostId: number, pool: string): number {
  let mib = 0;
  for (const volume of vmVolumes(vm)) if (volume.pool === pool && isElsewhere(volume, hostId)) mib += volume.sizeMib;
  return mib;
}

/** What is taken where, if some VMs were on one host beside those that are there. */
export function withVms(loads: Loads, hostId: number, zone: string, vms: readonly Vm[]): Loads {
  const host = new Occupancy('host', loads.of(hostId));
  const inZone = new Occupancy('zone', loads.zone(zone));
  for (const vm of vms) {
    host.add(vm);
    inZone.add(vm);
  }
  return {
    of: (id) => (id === hostId ? host : loads.of(id)),
    zone: (name) => (name === zone ? inZone : loads.zone(name)),
    stored: (id, pool) => {
      const coming = id === hostId ? vms.reduce((sum, vm) => sum + comingMib(vm, id, pool), 0) : 0;
      return loads.stored(id, pool) + coming;
    },
    placed: (pair) => loads.placed(pair) + vms.filter((vm) => pairsInProject(vm).includes(pair)).length,
  };
}

/** What is taken where, were it not for some VMs of one host. */
export function withoutVms(loads: Loads, hostId: number, zone: string, vms: readonly Vm[]): Loads {
  const host = new Occupancy('host', loads.of(hostId));
  const inZone = new Occupancy('zone', loads.zone(zone));
  for (const vm of vms) {
    host.remove(vm);
    inZone.remove(vm);
  }
  return {
    of: (id) => (id === hostId ? host : loads.of(id)),
    zone: (name) => (name === zone ? inZone : loads.zone(name)),
    stored: (id, pool) => loads.stored(id, pool),
    placed: (pair) => loads.placed(pair) - vms.filter((vm) => pairsInProject(vm).includes(pair)).length,
  };
}
