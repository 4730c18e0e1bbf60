/** The rules of placement judged again, VM by VM and without any index: for tests and the simulator. */
import { type Host, hostLabels, hostZone } from '../model/host.ts';
import { hasPair, type LabelPair } from '../model/placement.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import type { ClusterState } from './state.ts';

/** Whether a VM has a label as VMs of `project` see it: labels of other projects are none of theirs. */
function hasLabel(vm: Vm, project: string, pair: LabelPair): boolean {
  return projectOf(vm.name) === project && hasPair(vm.spec.labels, pair);
}

/** A limit of `owner` that the VMs of one place break now that `vm` is there, and that has to do with `vm`. */
function overLimit(owner: Vm, vm: Vm, place: readonly Vm[], per: 'host' | 'zone'): string | undefined {
  const project = projectOf(owner.name);
  for (const limit of owner.spec.placement.limits ?? []) {
    // Others may be broken since a host was given another zone.
    if (limit.per !== per || (owner.name !== vm.name && !hasLabel(vm, project, limit.label))) continue;
    const there = place.filter((other) => hasLabel(other, project, limit.label)).length;
    if (there > limit.max)
      return `${there} VMs with ${limit.label} are in one ${per}, ${owner.name} allows ${limit.max}`;
  }
  return undefined;
}

/** What is wrong with `vm` having just been assigned to `host`. Its cost grows with the number of VMs. */
export function checkNeighbours(state: ClusterState, vm: Vm, host: Host, found: string[]): void {
  const { placement } = vm.spec;
  const project = projectOf(vm.name);
  const wrong = (what: string): void => void found.push(`${vm.name} on ${host.name}: ${what}`);
  if (placement.host !== undefined && placement.host !== host.name) wrong(`it is for ${placement.host} only`);
  if (placement.system !== undefined && host.facts?.system !== placement.system) wrong(`it needs ${placement.system}`);
  const labels = hostLabels(host);
  for (const [key, value] of Object.entries(placement.requireLabels)) {
    if (labels[key] !== value) wrong(`it needs the label ${key}=${value}`);
  }
  for (const feature of placement.features ?? []) {
    if (host.facts?.features.includes(feature) !== true) wrong(`it needs the feature ${feature}`);
  }
  const onHost = [...state.vmsOnHost(host.id)];
  const others = onHost.filter(({ name }) => name !== vm.name);
  for (const other of others) {
    for (const pair of placement.apart ?? []) {
      if (hasLabel(other, project, pair)) wrong(`${other.name} has ${pair}, which it keeps apart from`);
    }
    for (const pair of other.spec.placement.apart ?? []) {
      if (hasLabel(vm, projectOf(other.name), pair)) wrong(`${other.name} keeps apart from ${pair}`);
    }
  }
  // Those that leave another host together arrive one after the other.
  const beside = [...others, ...state.vmsMovingTo(host.id)];
  for (const pair of placement.near ?? []) {
    if (beside.some((other) => hasLabel(other, project, pair))) continue;
    const first = hasPair(vm.spec.labels, pair);
    const elsewhere = [...state.vms()].some(
      (other) => other.name !== vm.name && other.assignment !== null && hasLabel(other, project, pair),
    );
    if (!first || elsewhere) wrong(`no VM with ${pair} is beside it`);
  }
  const limitsAreAsked = [...state.vms()].some(({ spec }) => spec.placement.limits !== undefined);
  if (!limitsAreAsked) return;
  const inZone: Vm[] = [];
  for (const other of state.hosts()) if (hostZone(other) === hostZone(host)) inZone.push(...state.vmsOnHost(other.id));
  for (const [per, place] of [
    ['host', onHost],
    ['zone', inZone],
  ] as const) {
    for (const owner of place) {
      const text = overLimit(owner, vm, place, per);
      if (text !== undefined) wrong(text);
    }
  }
}
