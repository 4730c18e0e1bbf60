/** How good a host is for a VM: points by part, which the strategy and the VM's wishes give. */

import type { Needs } from '../machine/fit.ts';
import { inProject } from '../machine/label-scope.ts';
import type { Loads, Occupancy } from '../machine/occupancy.ts';
import { type Host, hostCapacity, hostLabels, hostZone, type Resources } from '../model/host.ts';
import { type CompanyWish, hasPair, type Strategy } from '../model/placement.ts';
import { type Vm, vmResources } from '../model/vm.ts';

/** One part of a score. */
export interface ScorePart {
  /** The rule it comes from: `most-available`, `prefer ssd=yes`, `spread app=web per zone`, `cost`. */
  readonly part: string;
  readonly points: number;
}

/** Weight of the strategy; wishes are weighed against it. */
export const STRATEGY_WEIGHT = 100;
/** Points that a weight of one can give: whole numbers add up to the same in any order. */
const SCALE = 10_000;

function points(weight: number, share: number): number {
  return Math.round(weight * share * SCALE);
}

/** Points as people read them: as many as the weight, for the whole of it. */
export function shownPoints(value: number): number {
  return value / SCALE;
}

function share(free: number, capacity: number): number {
  return capacity <= 0 ? 0 : Math.min(1, Math.max(0, free / capacity));
}

/** The share, 0 to 1, that is left after placing of the resource that is then the scarcer one. */
function leftAfter(need: Resources, host: Host, load: Occupancy): number {
  const capacity = hostCapacity(host);
  return Math.min(
    share(capacity.vcpu - load.vcpu - need.vcpu, capacity.vcpu),
    share(capacity.memoryMib - load.memoryMib - need.memoryMib, capacity.memoryMib),
  );
}

function strategyPoints(strategy: Strategy, need: Resources, host: Host, load: Occupancy): number {
  if (strategy === 'round-robin' || strategy === 'manual') return 0;
  const left = leftAfter(need, host, load);
  return points(STRATEGY_WEIGHT, strategy === 'most-available' ? left : 1 - left);
}

function spreadPoints({ weight }: CompanyWish, there: number): number {
  return points(weight, 1 / (1 + there));
}

function packPoints({ weight }: CompanyWish, there: number): number {
  return points(weight, there / (1 + there));
}

function costPoints(weight: number, host: Host): number {
  return points(weight, 1 / (1 + (host.settings.cost ?? 0)));
}

/** Points of what concerns one host, on which `load` is taken: they change only with that host. */
export function hostPoints(strategy: Strategy, needs: Needs, host: Host, load: Occupancy): number {
  const { vm } = needs;
  const { prefer, spread, pack, costWeight } = vm.spec.placement;
  let sum = strategyPoints(strategy, needs, host, load);
  if (prefer !== undefined) {
    for (const { label, weight } of prefer) if (hasPair(hostLabels(host), label)) sum += points(weight, 1);
  }
  if (spread !== undefined) {
    for (const wish of spread)
      if (wish.per === 'host') sum += spreadPoints(wish, load.count(inProject(vm, wish.label)));
  }
  if (pack !== undefined) {
    for (const wish of pack) if (wish.per === 'host') sum += packPoints(wish, load.count(inProject(vm, wish.label)));
  }
  return costWeight === undefined ? sum : sum + costPoints(costWeight, host);
}

/** Points of what concerns all hosts of a zone alike. */
export function zonePoints(vm: Vm, zone: string, loads: Loads): number {
  const { spread, pack } = vm.spec.placement;
  const load = loads.zone(zone);
  let sum = 0;
  for (const wish of spread ?? [])
    if (wish.per === 'zone') sum += spreadPoints(wish, load.count(inProject(vm, wish.label)));
  for (const wish of pack ?? [])
    if (wish.per === 'zone') sum += packPoints(wish, load.count(inProject(vm, wish.label)));
  return sum;
}

/** What each part of a VM's score is for, in the order of {@link addPartPoints}. */
export function partNames(strategy: Strategy, vm: Vm): string[] {
  const { prefer, spread, pack, costWeight } = vm.spec.placement;
  const names: string[] = [strategy];
  for (const { label } of prefer ?? []) names.push(`prefer ${label}`);
  for (const { label, per } of spread ?? []) names.push(`spread ${label} per ${per}`);
  for (const { label, per } of pack ?? []) names.push(`pack ${label} per ${per}`);
  if (costWeight !== undefined) names.push('cost');
  return names;
}

/** Adds the points of a host by part to a list; they add up to its score. */
export function addPartPoints(found: number[], strategy: Strategy, vm: Vm, host: Host, loads: Loads): void {
  const { prefer, spread, pack, costWeight } = vm.spec.placement;
  const load = loads.of(host.id);
  found.push(strategyPoints(strategy, vmResources(vm), host, load));
  if (prefer !== undefined) {
    for (const { label, weight } of prefer) found.push(hasPair(hostLabels(host), label) ? points(weight, 1) : 0);
  }
  const there = ({ per, label }: CompanyWish) =>
    (per === 'host' ? load : loads.zone(hostZone(host))).count(inProject(vm, label));
  if (spread !== undefined) for (const wish of spread) found.push(spreadPoints(wish, there(wish)));
  if (pack !== undefined) for (const wish of pack) found.push(packPoints(wish, there(wish)));
  if (costWeight !== undefined) found.push(costPoints(costWeight, host));
}

/** The points of a host by part. */
export function partPoints(strategy: Strategy, vm: Vm, host: Host, loads: Loads): number[] {
  const found: number[] = [];
  addPartPoints(found, strategy, vm, host, loads);
  return found;
}

/** The score of a host with its parts; the points of the parts add up to those of the score. */
export function scoreParts(strategy: Strategy, vm: Vm, host: Host, loads: Loads): ScorePart[] {
  const all = partPoints(strategy, vm, host, loads);
  return partNames(strategy, vm).map((part, at) => ({ part, points: all[at] ?? 0 }));
}
