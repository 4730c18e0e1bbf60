/**
 * The hard rules of placement, one function for both sides: the scheduler asks it to choose a host, `apply`
 * asks it again and refuses what breaks a rule, whatever the scheduler believed.
 */
import { type Host, hostCapacity, hostLabels, hostZone } from '../model/host.ts';
import { type Domain, hasPair, labelPairs } from '../model/placement.ts';
import { poolCapacity, poolNames } from '../model/pool.ts';
import { isFenced, mayLoseData, type Vm, vmResources, vmVolumes } from '../model/vm.ts';
import { isElsewhere } from '../model/volume.ts';
import { inProject, pairsInProject } from './label-scope.ts';
import { type Loads, type Occupancy, vmPorts } from './occupancy.ts';

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

/** Rules that look at the host alone, whatever runs there. */
function hostMisfits(vm: Vm, host: Host, add: (misfit: Misfit) => void): void {
  const { placement } = vm.spec;
  if (host.membership === 'leaving') add({ rule: 'leaving' });
  if (host.membership === 'joining') add({ rule: 'joining' });
  if (!host.reachable) add({ rule: 'unreachable' });
  // What it would get in its last moments would wait for as long as the restart may take.
  else if (host.restarting !== undefined) add({ rule: 'restarting' });
  if (host.cordonedSinceMs !== undefined) add({ rule: 'cordoned' });
  const missing: string[] = [];
  for (const key in placement.requireLabels) {
    const labels = hostLabels(host);
    const value = placement.requireLabels[key];
    if (!Object.hasOwn(labels, key) || labels[key] !== value) missing.push(`${key}=${value}`);
  }
  if (missing.length > 0) add({ rule: 'labels', missing });
  const { facts } = host;
  if (facts === undefined) {
    add({ rule: 'unreported' });
    return;
  }
  if (isFenced(vm.spec) && facts.fence?.works !== true) {
    add({ rule: 'fence', why: facts.fence?.message ?? 'it has not been tried' });
  }
  const { system, features } = placement;
  if (system !== undefined && facts.system !== system) add({ rule: 'system', needed: system, has: facts.system });
  if (features === undefined) return;
  const lacking = features.filter((feature) => !facts.features.includes(feature));
  if (lacking.length > 0) add({ rule: 'features', missing: lacking });
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
    if (isElsewhere(volume, host.id) && !mayLeave) add({ rule: 'data', volume: name, on: place?.host ?? 'no host' });
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
function limitMisfits(vm: Vm, place: Occupancy, per: Domain, zone: string, add: (misfit: Misfit) => void): void {
  const { labels, placement } = vm.spec;
  let over: Map<string, number> | undefined;
  const exceeded = (label: string, max: number): void => {
    over ??= new Map();
    over.set(label, Math.min(max, over.get(label) ?? max));
  };
  for (const limit of placement.limits ?? []) {
    if (limit.per !== per) continue;
    const there = place.count(inProject(vm, limit.label)) + (hasPair(labels, limit.label) ? 1 : 0);
    if (there > limit.max) exceeded(limit.label, limit.max);
  }
  let at = 0;
  for (const pair of pairsInProject(vm)) {
    const max = place.limit(pair);
    if (max !== Number.POSITIVE_INFINITY && place.count(pair) + 1 > max) exceeded(labelPairs(labels)[at] ?? pair, max);
    at += 1;
  }
  for (const [label, max] of over ?? []) add({ rule: 'limit', label, per, max, zone });
}

/** Rules about the VMs that the host and its zone have. */
function neighbourMisfits(vm: Vm, host: Host, loads: Loads, add: (misfit: Misfit) => void): void {
  const { labels, placement } = vm.spec;
  const load = loads.of(host.id);
  for (const label of placement.apart ?? []) {
    if (load.count(inProject(vm, label)) > 0) add({ rule: 'apart', label, asked: true });
  }
  let at = 0;
  for (const pair of pairsInProject(vm)) {
    if (load.keepApart(pair) > 0) add({ rule: 'apart', label: labelPairs(labels)[at] ?? pair, asked: false });
    at += 1;
  }
  for (const label of placement.near ?? []) {
    const scoped = inProject(vm, label);
    if (load.count(scoped) > 0 || (hasPair(labels, label) && loads.placed(scoped) === 0)) continue;
    add({ rule: 'near', label });
  }
  limitMisfits(vm, load, 'host', '', add);
  const zone = hostZone(host);
  limitMisfits(vm, loads.zone(zone), 'zone', zone, add);
  for (const port of vmPorts(vm)) {
    const usedBy = load.portUser(port);
    if (usedBy !== undefined && usedBy !== vm.name) add({ rule: 'hostPort', port, usedBy });
  }
}

/** Every rule that keeps `vm` off `host`, where `loads` is taken already, not counting `vm` itself. Empty when it fits. */
export function misfits(vm: Vm, host: Host, loads: Loads): readonly Misfit[] {
  const { placement } = vm.spec;
  // A VM that is meant for one host only is not told about the others.
  if (placement.host !== undefined && placement.host !== host.name) return [{ rule: 'pinned', to: placement.host }];
  let found: Misfit[] | undefined;
  const add = (misfit: Misfit): void => {
    found ??= [];
    found.push(misfit);
  };
  hostMisfits(vm, host, add);
  if (host.facts === undefined) return found ?? NONE;
  const capacity = hostCapacity(host);
  const need = vmResources(vm);
  const load = loads.of(host.id);
  const freeVcpu = capacity.vcpu - load.vcpu;
  const freeMemory = capacity.memoryMib - load.memoryMib;
  if (need.vcpu > freeVcpu) add({ rule: 'vcpu', needed: need.vcpu, free: freeVcpu, capacity: capacity.vcpu });
  if (need.memoryMib > freeMemory) {
    add({ rule: 'memory', needed: need.memoryMib, free: freeMemory, capacity: capacity.memoryMib });
  }
  volumeMisfits(vm, host, loads, add);
  neighbourMisfits(vm, host, loads, add);
  return found ?? NONE;
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
