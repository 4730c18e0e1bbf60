/** Rules of placement in words: what they say of a host, and what would make a VM fit there. */
import { formatSizeMib } from '../model/quantity.ts';
import type { Misfit } from './fit.ts';

/** A size that need not be exact: `5.5G`. */
function size(mib: number): string {
  if (mib <= 0) return 'nothing';
  return mib > 1024 && mib % 1024 !== 0 ? `${(mib / 1024).toFixed(1)}G` : formatSizeMib(mib);
}

function place({ per, zone }: Misfit & { rule: 'limit' }): string {
  return per === 'host' ? '' : zone === '' ? ' among the hosts without a zone' : ` in its zone ${zone}`;
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
    case 'restarting':
      return 'is restarting its n3xd';
    case 'cordoned':
      return 'is cordoned';
    case 'unreported':
      return 'has not reported what it has';
    case 'fence':
      return `has no dead-man's switch that works: ${misfit.why}`;
    case 'labels':
      return `lacks the label${misfit.missing.length > 1 ? 's' : ''} ${misfit.missing.join(', ')}`;
    case 'system':
      return `is ${misfit.has}, not ${misfit.needed}`;
    case 'features':
      return `lacks the feature${misfit.missing.length > 1 ? 's' : ''} ${misfit.missing.join(', ')}`;
    case 'vcpu':
      return `has ${Math.max(0, misfit.free)} vcpu free of ${misfit.capacity}`;
    case 'memory':
      return `has ${size(misfit.free)} of memory free of ${size(misfit.capacity)}`;
    case 'data':
      return misfit.volume === ''
        ? `does not have its data, which is on ${misfit.on}`
        : `does not have its volume ${misfit.volume}, which is on ${misfit.on}`;
    case 'pool':
      return `has no pool ${misfit.pool}, but ${misfit.has.join(', ')}`;
    case 'disk':
      return `has ${size(misfit.free)} free of ${size(misfit.capacity)} in its pool ${misfit.pool}`;
    case 'apart':
      return misfit.asked
        ? `has a VM with ${misfit.label}, which it keeps apart from`
        : `has a VM that keeps apart from ${misfit.label}`;
    case 'near':
      return `has no VM with ${misfit.label}`;
    case 'limit':
      return `has ${misfit.max} or more VMs with ${misfit.label}${place(misfit)} already`;
    case 'hostPort':
      return `has port ${misfit.port} in use by ${misfit.usedBy}`;
  }
}

/** What would lift a rule on the host of this name: `free 2G of memory on n1`. */
export function remedy(misfit: Misfit, host: string): string {
  switch (misfit.rule) {
    case 'pinned':
      return `let it run on ${host} too`;
    case 'joining':
      return `wait until ${host} has joined`;
    case 'leaving':
      return `join ${host} again`;
    case 'unreachable':
      return `bring ${host} back`;
    case 'restarting':
      return `wait until n3xd is back on ${host}`;
    case 'cordoned':
      return `uncordon ${host}`;
    case 'unreported':
      return `wait for the first report of ${host}`;
    case 'fence':
      return `mend the dead-man's switch of ${host}, or create the VM with --failover stay`;
    case 'labels':
      return `give ${host} the label${misfit.missing.length > 1 ? 's' : ''} ${misfit.missing.join(', ')}`;
    case 'system':
      return `add a host of ${misfit.needed}`;
    case 'features':
      return `give ${host} the feature${misfit.missing.length > 1 ? 's' : ''} ${misfit.missing.join(', ')}`;
    case 'vcpu':
      return misfit.needed > misfit.capacity
        ? `ask for ${misfit.needed - misfit.capacity} vcpu less, or add a host as large`
        : `free ${misfit.needed - misfit.free} vcpu on ${host}`;
    case 'memory':
      return misfit.needed > misfit.capacity
        ? `ask for ${size(misfit.needed - misfit.capacity)} of memory less, or add a host as large`
        : `free ${size(misfit.needed - misfit.free)} of memory on ${host}`;
    case 'data':
      return `migrate it to ${host}`;
    case 'pool':
      return `give ${host} a pool ${misfit.pool}`;
    case 'disk':
      return misfit.needed > misfit.capacity
        ? `ask for volumes ${size(misfit.needed - misfit.capacity)} smaller, or give the pool ${misfit.pool} more`
        : `free ${size(misfit.needed - misfit.free)} of the pool ${misfit.pool} on ${host}`;
    case 'apart':
      return misfit.asked
        ? `move the VM with ${misfit.label} off ${host}`
        : `move the VM that keeps apart from ${misfit.label} off ${host}`;
    case 'near':
      return `place a VM with ${misfit.label} on ${host}`;
    case 'limit':
      return `move a VM with ${misfit.label} ${misfit.per === 'host' ? `off ${host}` : `out of the zone of ${host}`}`;
    case 'hostPort':
      return `free port ${misfit.port} on ${host}`;
  }
}
