/** Why no host takes a VM, in words: what is against each, and what would make it fit. */
import { type Misfit, misfits } from '../machine/fit.ts';
import { describeMisfit, remedy } from '../machine/fit-text.ts';
import type { Loads } from '../machine/occupancy.ts';
import type { Host } from '../model/host.ts';
import { formatSizeMib } from '../model/quantity.ts';
import { type Vm, vmResources } from '../model/vm.ts';

/** Longest message that a status takes. */
const MESSAGE_MAX = 1024;
/** Longest list of what has to be done. */
const REMEDY_MAX = 256;

/** Why a VM has no host. */
export interface Unplaceable {
  /** `NoHostFits`, `WaitsForData`, or `HostUnavailable` when the VM is meant for one host only, or `Manual`. */
  readonly reason: string;
  /** `needs 64G of memory; n1 has 6G of memory free of 8G. To make it fit: free 58G of memory on n1`, at most 1024 characters. */
  readonly message: string;
}

/** Every reason that an {@link Unplaceable} has. */
export const UNPLACEABLE_REASONS: ReadonlySet<string> = new Set([
  'NoHostFits',
  'WaitsForData',
  'HostUnavailable',
  'Manual',
]);

/** Of a VM that is never placed by itself. */
export function placedByHand({ name }: Vm): Unplaceable {
  return { reason: 'Manual', message: `waits to be placed by hand: n3xctl vm place ${name} --host HOST` };
}

interface Verdict {
  readonly host: Host;
  readonly misfits: readonly Misfit[];
}

/** What the VM needs of which some host has too little, as in `needs 64G of memory and 4 vcpu`. */
function needs(vm: Vm, rules: ReadonlySet<string>): string {
  const need = vmResources(vm);
  const parts: string[] = [];
  if (rules.has('memory')) parts.push(`${formatSizeMib(need.memoryMib)} of memory`);
  if (rules.has('vcpu')) parts.push(`${need.vcpu} vcpu`);
  return parts.length === 0 ? '' : `needs ${parts.join(' and ')}`;
}

/** How much there is to be done: a rule that only other hardware would lift counts for many. */
function effort(against: readonly Misfit[]): number {
  let sum = 0;
  for (const misfit of against) {
    const isTooSmall = (misfit.rule === 'vcpu' || misfit.rule === 'memory') && misfit.needed > misfit.capacity;
    const isElsewhere = misfit.rule === 'data' || misfit.rule === 'pool';
    sum += isTooSmall || isElsewhere || misfit.rule === 'system' || misfit.rule === 'leaving' ? 16 : 1;
  }
  return sum;
}

/** What would make a VM fit on the host that is closest to it. */
export function wayOut({ host, misfits: against }: Verdict): string {
  const text = against.map((misfit) => remedy(misfit, host.name)).join(' and ');
  return text.length > REMEDY_MAX ? `${text.slice(0, REMEDY_MAX - 3)}...` : text;
}

/** Why none of the hosts takes the VM, host by host; undefined when one does. */
export function explainUnplaceable(vm: Vm, hosts: Iterable<Host>, loads: Loads): Unplaceable | undefined {
  const pinnedTo = vm.spec.placement.host;
  const reason = pinnedTo === undefined ? 'NoHostFits' : 'HostUnavailable';
  const verdicts: Verdict[] = [];
  const rules = new Set<string>();
  for (const host of hosts) {
    // The other hosts have nothing to say about a VM that is meant for one.
    if (pinnedTo !== undefined && host.name !== pinnedTo) continue;
    const against = misfits(vm, host, loads);
    if (against.length === 0) return undefined;
    for (const { rule } of against) rules.add(rule);
    verdicts.push({ host, misfits: against });
  }
  let closest = verdicts[0];
  if (closest === undefined) {
    return {
      reason,
      message:
        pinnedTo === undefined
          ? 'the cluster has no host. To make it fit: join one'
          : `the cluster has no host ${pinnedTo}. To make it fit: join one of that name`,
    };
  }
  for (const verdict of verdicts) if (effort(verdict.misfits) < effort(closest.misfits)) closest = verdict;
  const hasData = rules.has('data');
  const anew = hasData ? `. To give its data up: n3xctl vm recreate-volumes ${vm.name}` : '';
  const end = `. To make it fit: ${wayOut(closest)}${anew}`;
  const room = MESSAGE_MAX - end.length - `; and ${verdicts.length} more hosts`.length;
  let message = needs(vm, rules);
  let named = 0;
  for (const { host, misfits: against } of verdicts) {
    const part = `${host.name} ${against.map(describeMisfit).join(' and ')}`;
    const next = message === '' ? part : `${message}; ${part}`;
    if (next.length > room) break;
    message = next;
    named += 1;
  }
  const more = verdicts.length - named;
  if (more > 0) message = `${message}; and ${more} more host${more === 1 ? '' : 's'}`;
  return { reason: hasData ? 'WaitsForData' : reason, message: message + end };
}
