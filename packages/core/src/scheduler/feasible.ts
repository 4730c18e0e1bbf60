/** Which hosts may take a VM, and in words why the others may not. */
import { describeMisfit, type Misfit, misfits } from '../machine/fit.ts';
import type { Host } from '../model/host.ts';
import { formatSizeMib } from '../model/quantity.ts';
import { type Vm, vmResources } from '../model/vm.ts';
import type { PassLoads } from './loads.ts';

/** One host seen with one VM in mind. */
export interface HostVerdict {
  readonly host: Host;
  /** Empty when the VM fits. */
  readonly misfits: readonly Misfit[];
}

/** Every host with the rules that exclude it, by host id. */
export function judgeHosts(vm: Vm, hosts: Iterable<Host>, loads: PassLoads): HostVerdict[] {
  const verdicts: HostVerdict[] = [];
  for (const host of hosts) verdicts.push({ host, misfits: misfits(vm, host, loads.of(host.id)) });
  return verdicts;
}

/** Longest message that a status takes. */
const MESSAGE_MAX = 1024;
/** Kept for the note on the hosts that are left out. */
const MORE_MAX = 32;

/** Why a VM has no host. */
export interface Unplaceable {
  /** `NoHostFits`, or `HostUnavailable` when the VM is meant for one host only. */
  readonly reason: string;
  /** `needs 64G of memory; n1 has 6G of memory free of 8G; n2 is not reachable`, at most 1024 characters. */
  readonly message: string;
}

/** What the VM needs of which some host has too little, as in `needs 64G of memory and 4 vcpu`. */
function needs(vm: Vm, verdicts: readonly HostVerdict[]): string[] {
  const rules = new Set(verdicts.flatMap((verdict) => verdict.misfits.map((misfit) => misfit.rule)));
  const need = vmResources(vm);
  const parts: string[] = [];
  if (rules.has('memory')) parts.push(`${formatSizeMib(need.memoryMib)} of memory`);
  if (rules.has('vcpu')) parts.push(`${need.vcpu} vcpu`);
  return parts.length === 0 ? [] : [`needs ${parts.join(' and ')}`];
}

/** Why none of the hosts takes the VM, host by host. All of `verdicts` must have a rule against it. */
export function explainUnplaceable(vm: Vm, verdicts: readonly HostVerdict[]): Unplaceable {
  const pinnedTo = vm.spec.placement.host;
  // The other hosts have nothing to say about a VM that is meant for one.
  const asked = pinnedTo === undefined ? verdicts : verdicts.filter((verdict) => verdict.host.name === pinnedTo);
  const reason = pinnedTo === undefined ? 'NoHostFits' : 'HostUnavailable';
  if (asked.length === 0) {
    const message = pinnedTo === undefined ? 'the cluster has no host' : `the cluster has no host ${pinnedTo}`;
    return { reason, message };
  }
  let message = needs(vm, asked).join('');
  let named = 0;
  for (const verdict of asked) {
    const part = `${verdict.host.name} ${verdict.misfits.map(describeMisfit).join(' and ')}`;
    const next = message === '' ? part : `${message}; ${part}`;
    if (next.length > MESSAGE_MAX - MORE_MAX) break;
    message = next;
    named += 1;
  }
  if (named < asked.length) message = `${message}; and ${asked.length - named} more hosts`;
  return { reason, message };
}
