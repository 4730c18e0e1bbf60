/**
 * The hard rules of placement, one function for both sides: the scheduler asks it to choose a host, `apply`
 * asks it again and refuses what breaks a rule, whatever the scheduler believed.
 */
import { type Host, hostCapacity, hostLabels } from '../model/host.ts';
import { formatSizeMib } from '../model/quantity.ts';
import { type Vm, vmResources } from '../model/vm.ts';
import { type HostLoad, vmPorts } from './indexes.ts';

/** One rule that keeps a VM off a host. */
export type Misfit =
  | { readonly rule: 'pinned'; readonly to: string }
  | { readonly rule: 'joining' }
  | { readonly rule: 'leaving' }
  | { readonly rule: 'unreachable' }
  | { readonly rule: 'unreported' }
  | { readonly rule: 'labels'; readonly missing: readonly string[] }
  | { readonly rule: 'vcpu'; readonly needed: number; readonly free: number; readonly capacity: number }
  | { readonly rule: 'memory'; readonly needed: number; readonly free: number; readonly capacity: number }
  | { readonly rule: 'hostPort'; readonly port: string; readonly usedBy: string };

const NONE: readonly Misfit[] = [];

/** Every rule that keeps `vm` off `host`, where `load` is taken already. Empty when it fits. */
export function misfits(vm: Vm, host: Host, load: HostLoad): readonly Misfit[] {
  const { placement } = vm.spec;
  // A VM that is meant for one host only is not told about the others.
  if (placement.host !== undefined && placement.host !== host.name) return [{ rule: 'pinned', to: placement.host }];
  let found: Misfit[] | undefined;
  const add = (misfit: Misfit): void => {
    found ??= [];
    found.push(misfit);
  };
  if (host.membership === 'leaving') add({ rule: 'leaving' });
  if (host.membership === 'joining') add({ rule: 'joining' });
  if (!host.reachable) add({ rule: 'unreachable' });
  const labels = hostLabels(host);
  const missing = Object.entries(placement.requireLabels)
    .filter(([key, value]) => !Object.hasOwn(labels, key) || labels[key] !== value)
    .map(([key, value]) => `${key}=${value}`);
  if (missing.length > 0) add({ rule: 'labels', missing });
  if (host.facts === undefined) {
    add({ rule: 'unreported' });
    return found ?? NONE;
  }
  const capacity = hostCapacity(host);
  const need = vmResources(vm);
  const freeVcpu = capacity.vcpu - load.vcpu;
  const freeMemory = capacity.memoryMib - load.memoryMib;
  if (need.vcpu > freeVcpu) add({ rule: 'vcpu', needed: need.vcpu, free: freeVcpu, capacity: capacity.vcpu });
  if (need.memoryMib > freeMemory) {
    add({ rule: 'memory', needed: need.memoryMib, free: freeMemory, capacity: capacity.memoryMib });
  }
  for (const port of vmPorts(vm)) {
    const usedBy = load.ports.get(port);
    if (usedBy !== undefined && usedBy !== vm.name) add({ rule: 'hostPort', port, usedBy });
  }
  return found ?? NONE;
}

/** A size that need not be exact: `5.5G`. */
function size(mib: number): string {
  if (mib <= 0) return 'nothing';
  return mib > 1024 && mib % 1024 !== 0 ? `${(mib / 1024).toFixed(1)}G` : formatSizeMib(mib);
}

/** What a rule says of a host, to be put after the host's name: `has 6G of memory free of 8G`. */
export function describeMisfit(misfit: Misfit): string {
  switch (misfit.rule) {
    case 'pinned':
      return `is not ${misfit.to}, the one host it may run on`;
    case 'joining':
      return 'is still joining';
    case 'leaving':
      return 'is leaving the cluster';
    case 'unreachable':
      return 'is not reachable';
    case 'unreported':
      return 'has not reported what it has';
    case 'labels':
      return `lacks the label${misfit.missing.length > 1 ? 's' : ''} ${misfit.missing.join(', ')}`;
    case 'vcpu':
      return `has ${Math.max(0, misfit.free)} vcpu free of ${misfit.capacity}`;
    case 'memory':
      return `has ${size(misfit.free)} of memory free of ${size(misfit.capacity)}`;
    case 'hostPort':
      return `has port ${misfit.port} in use by ${misfit.usedBy}`;
  }
}
