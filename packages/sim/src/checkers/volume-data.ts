/**
 * S5: no VM starts on other data than what was last written on its volume. Every write and every start is seen as it
 * happens, on whichever host, whatever the daemons and the log say. A volume on which nobody ever wrote is empty. And the
 * newest data of a VM is removed only after a VM has run with it elsewhere, or while there are two copies that none ran with.
 */
import type { ClusterState } from '@n3x/core/machine/state';
import { type ObservedHost, Violation, type VolumeEvent, type WorldObserver } from '../world/observer.ts';

/** Name of the rule. */
export const VOLUME_DATA = 'S5 volume-data';

interface Data {
  readonly content: number;
  /** The host that a VM last wrote it on, or started on with it. */
  readonly host: string;
}

/** Watches what is on volumes. */
export class VolumeData implements WorldObserver {
  readonly #state: () => ClusterState | undefined;
  /** What was last written, by uid of the volume. */
  readonly #last = new Map<string, Data>();
  /** Hosts with a copy of the newest data that no VM has run with. */
  readonly #copies = new Map<string, Set<string>>();
  #starts = 0;
  #moved = 0;

  /** `state` is the newest that the cluster has agreed on. */
  constructor(state: () => ClusterState | undefined) {
    this.#state = state;
  }

  /** How often a VM started with a volume that had data. */
  get starts(): number {
    return this.#starts;
  }

  /** How often it did so on another host than the time before. */
  get moved(): number {
    return this.#moved;
  }

  volume(host: ObservedHost, uid: string, event: VolumeEvent, content: number): void {
    switch (event) {
      case 'found':
        this.#found(host, uid, content);
        return;
      case 'written':
        this.#last.set(uid, { content, host: host.name });
        this.#copies.delete(uid);
        return;
      case 'copied':
        this.#copied(host, uid, content);
        return;
      case 'discarded':
        this.#copies.get(uid)?.delete(host.name);
        return;
      case 'removed':
        this.#removed(host, uid);
        return;
    }
  }

  #found(host: ObservedHost, uid: string, content: number): void {
    const last = this.#last.get(uid);
    const due = last?.content ?? 0;
    if (content !== due) {
      const where = last === undefined ? 'and nothing was ever written' : `${due} was written last, on ${last.host}`;
      throw new Violation(VOLUME_DATA, `a VM starts on ${host.name} with volume ${uid} at ${content}, ${where}`);
    }
    if (last === undefined) return;
    this.#starts += 1;
    if (last.host !== host.name) this.#moved += 1;
    this.#last.set(uid, { content, host: host.name });
  }

  #copied(host: ObservedHost, uid: string, content: number): void {
    if (content !== this.#last.get(uid)?.content) return;
    const hosts = this.#copies.get(uid) ?? new Set<string>();
    this.#copies.set(uid, hosts.add(host.name));
  }

  #removed(host: ObservedHost, uid: string): void {
    const last = this.#last.get(uid);
    const copies = this.#copies.get(uid);
    copies?.delete(host.name);
    if (copies !== undefined && copies.size >= 2) return;
    // What belongs to no VM any more may go.
    if (last?.host !== host.name || this.#state()?.indexes.volumeOwner(uid) === undefined) return;
    const message = `${host.name} removes volume ${uid} at ${last.content}, and no VM has run with that elsewhere`;
    throw new Violation(VOLUME_DATA, message);
  }
}
