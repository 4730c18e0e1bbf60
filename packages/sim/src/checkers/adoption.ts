/**
 * V8: a VM that was on its host before n3x is taken over and handed back as it is. Nobody in a run asks for an adopted VM to
 * be stopped, built or removed, so n3x does none of that; and once it was handed back n3x does nothing to it at all.
 */
import type { DriverAction } from '@n3x/core/ports/driver';
import { type ObservedHost, Violation, type WorldObserver } from '../world/observer.ts';

/** Name of the rule. */
export const LEFT_ALONE = 'V8 adopted-left-alone';

/** Watches what hosts do to VMs that they did not make. */
export class LeftAlone implements WorldObserver {
  /** By uid, which a found VM keeps for as long as it is there. */
  readonly #whose = new Map<string, 'adopted' | 'released'>();
  #adoptions = 0;
  #releases = 0;

  /** How many were taken over and handed back. */
  get counts(): Readonly<Record<string, number>> {
    return { adoptions: this.#adoptions, releases: this.#releases };
  }

  /** The cluster has agreed that it is n3x's from now on. */
  adopted(uid: string): void {
    if (this.#whose.get(uid) !== 'adopted') this.#adoptions++;
    this.#whose.set(uid, 'adopted');
  }

  /** Its marks were taken away. */
  released(uid: string): void {
    if (this.#whose.get(uid) === 'adopted') this.#releases++;
    this.#whose.set(uid, 'released');
  }

  acting(host: ObservedHost, action: DriverAction): void {
    const isWhole = action.type === 'build' || action.type === 'start';
    const [uid, name] = isWhole ? [action.vm.uid, action.vm.name] : [action.uid, action.name];
    const whose = this.#whose.get(uid);
    if (whose === undefined) return;
    // It may end by itself, or be found ill, and is looked after as any other.
    const isCare = action.type === 'start' || (action.type === 'stop' && action.unhealthy === true);
    if (whose === 'adopted' && isCare) return;
    const how = whose === 'adopted' ? 'was adopted as it is' : 'was handed back';
    throw new Violation(LEFT_ALONE, `${host.name} is about to ${action.type} ${name}, which ${how}`);
  }
}
