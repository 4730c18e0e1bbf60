/**
 * The rules of sets of VMs, judged from what each entry changed: an update takes no more down than it may, what failed on
 * one VM reaches no other, and nobody is put back on a build that has failed. Written from the promises, not from `apply`.
 */
import type { ObjectChange } from '@n3x/core/model/object';
import type { Vm } from '@n3x/core/model/vm';
import type { VmSet } from '@n3x/core/model/vm-set';
import { Violation } from '../world/observer.ts';

/** Names of the rules. */
export const SET_AVAILABLE = 'sets max-unavailable';
export const SET_GATE = 'sets gate';

/** Whether a member serves, as far as the log knows and hosts are up. */
function serves({ status, revision, power, deleting, restarts }: Vm): boolean {
  if (restarts > status.observedRestarts) return false;
  const proven = revision === undefined || revision.state === 'ready';
  return status.phase === 'running' && proven && power === 'running' && !deleting;
}

/** Follows all sets. */
export class SetRules {
  readonly #sets = new Map<string, VmSet>();
  /** Members by name. */
  readonly #vms = new Map<string, Vm>();
  /** Revisions that failed on a member, as `uid/number`. */
  readonly #failed = new Set<string>();
  #updates = 0;

  /** Updates of members that were seen. */
  get updates(): number {
    return this.#updates;
  }

  /** What one entry changed. Throws `Violation`. */
  applied(changes: readonly ObjectChange[]): void {
    for (const { kind, name, object } of changes) {
      if (kind === 'vmset') {
        if (object?.kind === 'vmset') this.#sets.set(name, object);
        else this.#sets.delete(name);
      }
    }
    for (const change of changes) if (change.kind === 'vm') this.#vm(change, changes);
  }

  #vm({ name, object, index }: ObjectChange, changes: readonly ObjectChange[]): void {
    const before = this.#vms.get(name);
    if (object?.kind !== 'vm' || object.memberOf === undefined) {
      this.#vms.delete(name);
      return;
    }
    this.#vms.set(name, object);
    const told = (reason: string): boolean =>
      changes.some(
        ({ object: event }) => event?.kind === 'event' && event.about.name === name && event.reason === reason,
      );
    if (told('RestartBySet')) this.#takenDown(before, object, 'a restart');
    const { revision, memberOf } = object;
    if (revision === undefined || revision.index !== index) return;
    const last = object.revisions?.at(-1);
    if (last?.outcome === 'failed' && last.template !== undefined) this.#failed.add(`${memberOf.uid}/${last.template}`);
    this.#restored(object);
    if (told('UpdateRequested')) this.#updated(before, object);
  }

  #restored({ name, revision, revisions = [] }: Vm): void {
    const back = revisions.find(({ generation }) => generation === revision?.restores);
    if (back !== undefined && back.outcome !== 'ready') {
      throw new Violation(SET_GATE, `${name} goes back to generation ${back.generation}, which is ${back.outcome}`);
    }
  }

  #updated(before: Vm | undefined, vm: Vm): void {
    const { memberOf, name } = vm;
    const set = this.#sets.get(memberOf?.set ?? '');
    if (memberOf === undefined || set === undefined || set.uid !== memberOf.uid) return;
    this.#updates += 1;
    if (this.#failed.has(`${memberOf.uid}/${memberOf.template}`) && memberOf.template !== set.good) {
      throw new Violation(SET_GATE, `${name} is given revision ${memberOf.template}, which has failed on another VM`);
    }
    this.#takenDown(before, vm, 'an update');
  }

  /** What a step of a set does to a member that serves must leave enough of the others. */
  #takenDown(before: Vm | undefined, { memberOf, name }: Vm, what: string): void {
    const set = this.#sets.get(memberOf?.set ?? '');
    if (set === undefined || before === undefined || !serves(before)) return;
    let down = 0;
    for (let ordinal = 0; ordinal < set.replicas; ordinal++) {
      const other = this.#vms.get(`${set.name}-${ordinal}`);
      if (other === undefined || other.memberOf?.uid !== set.uid || !serves(other)) down += 1;
    }
    if (down > set.maxUnavailable) {
      throw new Violation(
        SET_AVAILABLE,
        `${what} takes ${name} down, and ${down} of ${set.replicas} VMs of set ${set.name} with it; ${set.maxUnavailable} may be`,
      );
    }
  }
}
