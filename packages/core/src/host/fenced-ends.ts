/**
 * Which VMs the dead-man's switch has ended. That is no end of theirs: it counts for no restart policy, and they start
 * again as soon as there is a lease.
 */
import type { ObservedVm } from '../ports/driver.ts';
import type { LeaseState } from './lease.ts';

/** Whether a process may have been ended by the switch: it kills, and nobody may have been there to see it. */
function mayBeKilled({ lastExit }: ObservedVm): boolean {
  if (lastExit === undefined || lastExit.unhealthy === true) return false;
  return lastExit.code === null && (lastExit.signal === null || lastExit.signal === 'SIGKILL');
}

/** What one run of a host's daemon remembers. Bounded by the VMs of the host. */
export class FencedEnds {
  readonly #names = new Set<string>();

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** The driver looked at the host. */
  observed(vms: readonly ObservedVm[], { nowMs, untilMs }: LeaseState): void {
    const there = new Set<string>();
    for (const vm of vms) {
      there.add(vm.name);
      if (vm.process !== undefined) this.#names.delete(vm.name);
      else if (nowMs >= untilMs && mayBeKilled(vm)) this.#names.add(vm.name);
    }
    for (const name of this.#names) if (!there.has(name)) this.#names.delete(name);
  }
}
