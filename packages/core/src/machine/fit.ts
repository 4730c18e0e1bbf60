/**
 * The hard rules of placement, one function for both sides: the scheduler asks it to choose a host, `apply`
 * asks it again and refuses what breaks a rule, whatever the scheduler believed.
 */
import { type Host, hostCapacity, hostLabels, hostZone } from '../model/host.ts';
import type { Labels } from '../model/names.ts';
import { type Domain, hasPair, type LabelPair, labelPairs } from '../model/placement.ts';
import { poolCapacity, poolNames } from '../model/pool.ts';
import { isFenced, mayLoseData, type Vm, vmResources, vmVolumes } from '../model/vm.ts';
import { isElsewhere } from '../model/volume.ts';
import { inProject, pairsInProject } from './label-scope.ts';
import { type Loads, type Occupancy, type PortKey, vmPorts } from './occupancy.ts';

/** One rule that keeps a VM off a host. */
export type Misfit =
  | { readonly rule: 'pinned'; readonly to: string }
  | { readonly rule: 'joining' }
  | { readonly rule: 'leaving' }
  | { readonly rule: 'unreachable' }
  | { readonly rule: 'restarting' }
  | { readonly rule: 'cordoned' }
  | { readonly rule: 'unreported' }
  /** Its dead-man's switch does not arm, so that nothing may run there under a lease. */
  | { readonly rule: 'fence'; readonly why: string }
  | { readonly rule: 'labels'; readonly missing: readonly string[] }
  | { readonly rule: 'system'; readonly needed: string; readonly has: string }
  | { readonly rule: 'features'; readonly missing: readonly string[] }
  | { readonly rule: 'vcpu'; readonly needed: number; readonly free: number; readonly capacity: number }
  | { readonly rule: 'memory'; readonly needed: number; readonly free: number; readonly capacity: number }
  /** `volume`: empty for data that n3x knows nothing of. */
  | { readonly rule: 'data'; readonly volume: string; readonly on: string }
  | { readonly rule: 'pool'; readonly pool: string; readonly has: readonly string[] }
  | {
      readonly rule: 'disk';
      readonly pool: string;
      readonly needed: number;
      readonly free: number;
      readonly capacity: number;
    }
  /** `asked`: it is this VM that keeps apart, not those that are there. */
  | { readonly rule: 'apart'; readonly label: string; readonly asked: boolean }
  | { readonly rule: 'near'; readonly label: string }
  | {
      readonly rule: 'limit';
      readonly label: string;
      readonly per: Domain;
      readonly max: number;
      readonly zone: string;
    }
  | { readonly rule: 'hostPort'; readonly port: string; readonly usedBy: string };

const NONE: readonly Misfit[] = [];

/** What a VM asks of any host, worked out once for all hosts that it is held against. */
export interface Needs {
  readonly vm: Vm;
  readonly vcpu: number;
  readonly memoryMib: number;
  /** Whether it runs under a lease only. */
  readonly isFenced: boolean;
  readonly requireLabels: readonly (readonly [key: string, value: string])[];
  /** Its labels as others count them, in the order of {@link labelPairs}. */
  readonly pairs: readonly LabelPair[];
  /** Labels that it keeps apart from, as written and as they are counted. */
  readonly apart: readonly (readonly [label: LabelPair, scoped: LabelPair])[];
  readonly near: readonly (readonly [label: LabelPair, scoped: LabelPair])[];
  readonly ports: readonly PortKey[];
  /** Whether it has data, or will have, that has a place. */
  readonly hasData: boolean;
}

/** What `vm` asks of any host. */
export function needsOf(vm: Vm): Needs {
  const { requireLabels, apart, near } = vm.spec.placement;
  const { vcpu, memoryMib } = vmResources(vm);
  // One literal and no lists for what is not asked: this is made anew for every VM that is placed.
  return {
    vm,
    vcpu,
    memoryMib,
    isFenced: isFenced(vm.spec),
    requireLabels: isEmpty(requireLabels) ? NOTHING : Object.entries(requireLabels),
    pairs: pairsInProject(vm),
    apart: apart === undefined ? NOTHING : scoped(vm, apart),
    near: near === undefined ? NOTHING : scoped(vm, near),
    ports: vmPorts(vm),
    hasData: vm.home !== undefined || vmVolumes(vm).length > 0,
  };
}

const NOTHING: readonly (readonly [string, string])[] = [];

function isEmpty(labels: Labels): boolean {
  for (const _ in labels) return false;
  return true;
}

function scoped(vm: Vm, labels: readonly LabelPair[]): (readonly [LabelPair, LabelPair])[] {
  return labels.map((label) => [label, inProject(vm, label)]);
}

type Found = Misfit[] | undefined;

/** `found` with one more; nothing is made for a host that nothing is against. */
function and(found: Found, misfit: Misfit): Misfit[] {
  if (found === undefined) return [misfit];
  found.push(misfit);
  return found;
}

/** Rules that look at the host alone, whatever runs there. */
function hostMisfits({ vm, isFenced, requireLabels }: Needs, host: Host): Found {
  let found: Found;
  if (host.membership === 'leaving') found = and(found, { rule: 'leaving' });
  if (host.membership === 'joining') found = and(found, { rule: 'joining' });
  if (!host.reachable) found = and(found, { rule: 'unreachable' });
  // What it would get in its last moments would wait for as long as the restart may take.
  else if (host.restarting !== undefined) found = and(found, { rule: 'restarting' });
  if (host.cordonedSinceMs !== undefined) found = and(found, { rule: 'cordoned' });
  if (requireLabels.length > 0) {
    const labels = hostLabels(host);
    const has = (key: string, value: string) => Object.hasOwn(labels, key) && labels[key] === value;
    const missing = requireLabels.filter(([key, value]) => !has(key, value)).map(([key, value]) => `${key}=${value}`);
    if (missing.length > 0) found = and(found, { rule: 'labels', missing });
  }
  const { facts } = host;
  if (facts === undefined) return and(found, { rule: 'unreported' });
  if (isFenced && facts.fence?.works !== true) {
    found = and(found, { rule: 'fence', why: facts.fence?.message ?? 'it has not been tried' });
  }
  const { system, features } = vm.spec.placement;
  if (system !== undefined && facts.system !== system) {
    found = and(found, { rule: 'system', needed: system, has: facts.system });
  }
  if (features === undefined) return found;
  const lacking = features.filter((feature) => !facts.features.includes(feature));
  return lacking.length === 0 ? found : and(found, { rule: 'features', missing: lacking });
}

/** Rules about where its data is, and whether there is room for what has yet to be made. */
function volumeMisfits(vm: Vm, host: Host, loads: Loads, add: (misfit: Misfit) => void): void {
  const mayLeave = mayLoseData(vm);
  if (vm.home !== undefined && vm.home.hostId !== host.id && !mayLeave) {
    add({ rule: 'data', volume: '', on: vm.home.host });
  }
  const needed = new Map<string, number>();
  for (const volume of vmVolumes(vm)) {
    const { name, pool, place, sizeMib, created } = volume;
    // What its host has comes with it: a VM that has a host can only be moved off it, and then its volumes are copied.
    const comes = mayLeave || (place !== undefined && place.hostId === vm.assignment?.hostId);
    if (isElsewhere(volume, host.id) && !comes) add({ rule: 'data', volume: name, on: place?.host ?? 'no host' });
    else if (!created || place?.hostId !== host.id) needed.set(pool, (needed.get(pool) ?? 0) + sizeMib);
  }
  for (const [pool, mib] of needed) {
    const capacity = poolCapacity(host, pool);
    if (capacity === undefined) {
      add({ rule: 'pool', pool, has: poolNames(host) });
      continue;
    }
    const free = capacity - loads.stored(host.id, pool) - loads.of(host.id).disk(pool);
    if (mib > free) add({ rule: 'disk', pool, needed: mib, free, capacity });
  }
}

/** Limits of one place, those that the VM brings and those that are asked there. */
function limitMisfits({ vm, pairs }: Needs, place: Occupancy, per: Domain, zone: string, found: Found): Found {
  const { labels, placement } = vm.spec;
  if (placement.limits === undefined && !place.hasLimits) return found;
  const over = new Map<string, number>();
  const exceeded = (label: string, max: number): void => {
    over.set(label, Math.min(max, over.get(label) ?? max));
  };
  for (const limit of placement.limits ?? []) {
    if (limit.per !== per) continue;
    const there = place.count(inProject(vm, limit.label)) + (hasPair(labels, limit.label) ? 1 : 0);
    if (there > limit.max) exceeded(limit.label, limit.max);
  }
  pairs.forEach((pair, at) => {
    const max = place.limit(pair);
    if (max !== Number.POSITIVE_INFINITY && place.count(pair) + 1 > max) exceeded(labelPairs(labels)[at] ?? pair, max);
  });
  let all = found;
  for (const [label, max] of over) all = and(all, { rule: 'limit', label, per, max, zone });
  return all;
}

/** Rules about the VMs that the host and its zone have. */
function neighbourMisfits(needs: Needs, host: Host, loads: Loads, load: Occupancy, before: Found): Found {
  const { vm, pairs, apart, near, ports } = needs;
  const { labels } = vm.spec;
  let found = before;
  for (const [label, scoped] of apart) {
    if (load.count(scoped) > 0) found = and(found, { rule: 'apart', label, asked: true });
  }
  if (load.keepsApart) {
    pairs.forEach((pair, at) => {
      if (load.keepApart(pair) === 0) return;
      found = and(found, { rule: 'apart', label: labelPairs(labels)[at] ?? pair, asked: false });
    });
  }
  for (const [label, scoped] of near) {
    if (load.count(scoped) > 0 || (hasPair(labels, label) && loads.placed(scoped) === 0)) continue;
    found = and(found, { rule: 'near', label });
  }
  found = limitMisfits(needs, load, 'host', '', found);
  const zone = hostZone(host);
  found = limitMisfits(needs, loads.zone(zone), 'zone', zone, found);
  for (const port of ports) {
    const usedBy = load.portUser(port);
    if (usedBy !== undefined && usedBy !== vm.name) found = and(found, { rule: 'hostPort', port, usedBy });
  }
  return found;
}

/** As {@link misfits}, for a VM that is held against many hosts. `load` is what is taken on the host. */
export function misfitsOf(needs: Needs, host: Host, loads: Loads, load: Occupancy): readonly Misfit[] {
  const { vm, vcpu, memoryMib } = needs;
  const { host: pinnedTo } = vm.spec.placement;
  // A VM that is meant for one host only is not told about the others.
  if (pinnedTo !== undefined && pinnedTo !== host.name) return [{ rule: 'pinned', to: pinnedTo }];
  let found = hostMisfits(needs, host);
  if (host.facts === undefined) return found ?? NONE;
  const capacity = hostCapacity(host);
  const freeVcpu = capacity.vcpu - load.vcpu;
  const freeMemory = capacity.memoryMib - load.memoryMib;
  if (vcpu > freeVcpu) found = and(found, { rule: 'vcpu', needed: vcpu, free: freeVcpu, capacity: capacity.vcpu });
  if (memoryMib > freeMemory) {
    found = and(found, { rule: 'memory', needed: memoryMib, free: freeMemory, capacity: capacity.memoryMib });
  }
  if (needs.hasData) {
    volumeMisfits(vm, host, loads, (misfit) => {
      found = and(found, misfit);
    });
  }
  return neighbourMisfits(needs, host, loads, load, found) ?? NONE;
}

/** Every rule that keeps `vm` off `host`, where `loads` is taken already, not counting `vm` itself. Empty when it fits. */
export function misfits(vm: Vm, host: Host, loads: Loads): readonly Misfit[] {
  return misfitsOf(needsOf(vm), host, loads, loads.of(host.id));
}

/** Rules that other VMs leaving the host can do nothing about. */
const LASTING: ReadonlySet<Misfit['rule']> = new Set<Misfit['rule']>([
  'pinned',
  'joining',
  'leaving',
  'unreachable',
  'cordoned',
  'unreported',
  'fence',
  'labels',
  'system',
  'features',
  'near',
  'data',
  'pool',
  // Volumes stay when their VM is displaced.
  'disk',
]);

/** Whether a rule stays broken whatever leaves the host. */
export function isLasting({ rule }: Misfit): boolean {
  return LASTING.has(rule);
}
