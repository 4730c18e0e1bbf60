/**
 * S5: no VM starts on other data than what was last written on its volume. Every write and every start is seen as it
 * happens, on whichever host, whatever the daemons and the log say. A volume on which nobody ever wrote is empty.
 */
import { type ObservedHost, Violation, type VolumeEvent, type WorldObserver } from '../world/observer.ts';

/** Name of the rule. */
export const VOLUME_DATA = 'S5 volume-data';

/** Watches what is on volumes. */
export class VolumeData implements WorldObserver {
  /** What was last written, and where, by uid of the volume. */
  readonly #last = new Map<string, { readonly content: number; readonly host: string }>();
  #starts = 0;

  /** How often a VM started with a volume that had data. */
  get starts(): number {
    return this.#starts;
  }

  volume(host: ObservedHost, uid: string, event: VolumeEvent, content: number): void {
    const last = this.#last.get(uid);
    if (event === 'found') {
      if (last !== undefined) this.#starts += 1;
      const due = last?.content ?? 0;
      if (content === due) return;
      const where = last === undefined ? 'and nothing was ever written' : `${due} was written last, on ${last.host}`;
      throw new Violation(VOLUME_DATA, `a VM starts on ${host.name} with volume ${uid} at ${content}, ${where}`);
    }
    this.#last.set(uid, { content, host: host.name });
  }
}
