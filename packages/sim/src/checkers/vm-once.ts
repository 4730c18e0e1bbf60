/**
 * S3: a VM runs on at most one host at any instant of true time, whatever the daemons and the log say. Every
 * begin and end of a process is seen as it happens. With clocks that are wrong by more than leases bear, copies
 * are counted and not held against a run.
 */
import { type ObservedHost, Violation, type WorldObserver } from '../world/observer.ts';

/** Name of the rule. */
export const VM_ONCE = 'S3 vm-once';

/** Watches where VMs run. */
export class VmOnce implements WorldObserver {
  readonly #isEnforced: boolean;
  /** Hosts by VM. */
  readonly #running = new Map<string, Set<string>>();
  readonly #twice = new Set<string>();
  /** Host that each VM ran on last. */
  readonly #last = new Map<string, string>();
  #moves = 0;

  /** `isEnforced` makes a second copy a violation. */
  constructor(isEnforced: boolean) {
    this.#isEnforced = isEnforced;
  }

  /** VMs that ran twice at the same time at least once. */
  get sightings(): number {
    return this.#twice.size;
  }

  /** How often a VM began on another host than the one before. */
  get moves(): number {
    return this.#moves;
  }

  /** Its machine is no longer looked at. */
  discarded(host: ObservedHost): void {
    for (const [uid, hosts] of this.#running)
      if (hosts.delete(host.name) && hosts.size === 0) this.#running.delete(uid);
  }

  vm(host: ObservedHost, uid: string, runs: boolean): void {
    const hosts = this.#running.get(uid) ?? new Set();
    if (runs) {
      hosts.add(host.name);
      if ((this.#last.get(uid) ?? host.name) !== host.name) this.#moves++;
      this.#last.set(uid, host.name);
    } else hosts.delete(host.name);
    if (hosts.size === 0) this.#running.delete(uid);
    else this.#running.set(uid, hosts);
    if (hosts.size < 2) return;
    this.#twice.add(uid);
    if (this.#isEnforced) throw new Violation(VM_ONCE, `VM ${uid} runs on ${[...hosts].sort().join(' and ')} at once`);
  }
}
