/**
 * S5: no VM starts on other data than what was last written on its volume. Every write and every start is seen as it
 * happens, on whichever host, whatever the daemons and the log say. A volume on which nobody ever wrote is empty. And the
 * newest data of a VM is removed only after a VM has run with it elsewhere, or while there are two copies that none ran with.
 * That of a volume of no VM is removed only while another host has all of it, or when the volume is to be deleted.
 * And no two VMs have a volume at the same time, and none writes on one that the cluster has taken from it.
 */
import type { ClusterState } from '@n3x/core/machine/state';
import { volumeOf } from '@n3x/core/machine/volume-of';
import {
  type ObservedHost,
  Violation,
  type VmCourse,
  type VolumeEvent,
  type WorldObserver,
} from '../world/observer.ts';

/** Name of the rule. */
export const VOLUME_DATA = 'S5 volume-data';

/** A VM that runs on a host. */
interface User {
  readonly vm: string;
  readonly host: string;
}

interface Data {
  readonly content: number;
  /** The host that a VM last wrote it on, or started on with it. */
  readonly host: string;
  /** Whether that host still has it. */
  readonly isThere: boolean;
}

function keyOf({ vm, host }: User): string {
  return `${host}/${vm}`;
}

/** Watches what is on volumes. */
export class VolumeData implements WorldObserver {
  readonly #state: () => ClusterState | undefined;
  /** What was last written, by uid of the volume. */
  readonly #last = new Map<string, Data>();
  /** Hosts with a copy of the newest data that no VM has run with. */
  readonly #copies = new Map<string, Set<string>>();
  /** Volumes that were copied while they belonged to no VM, and that none has run with since. */
  readonly #movedAlone = new Set<string>();
  /** The volumes that each VM was started with, by its host and uid, while its process runs. */
  readonly #open = new Map<string, readonly string[]>();
  /** Who has a volume open, by its uid. */
  readonly #users = new Map<string, Map<string, User>>();
  /** The VM that had a volume last. */
  readonly #lastUser = new Map<string, string>();
  #handedOn = 0;
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

  /** How often a VM started with a volume that another VM had before. */
  get handedOn(): number {
    return this.#handedOn;
  }

  course(host: ObservedHost, course: VmCourse): void {
    if (course.type !== 'started') return;
    const { uid, name, volumes = [] } = course.vm;
    const user = { vm: uid, host: host.name };
    this.#open.set(
      keyOf(user),
      volumes.map((volume) => volume.uid),
    );
    for (const volume of volumes) {
      const users = this.#users.get(volume.uid) ?? new Map<string, User>();
      this.#users.set(volume.uid, users);
      for (const other of users.values()) {
        if (other.vm === uid) continue;
        const message = `VM ${name} starts on ${host.name} with volume ${volume.uid}, which another VM has open on ${other.host}`;
        throw new Violation(VOLUME_DATA, message);
      }
      users.set(keyOf(user), user);
      if ((this.#lastUser.get(volume.uid) ?? uid) !== uid) this.#handedOn += 1;
      this.#lastUser.set(volume.uid, uid);
    }
  }

  vm(host: ObservedHost, uid: string, runs: boolean): void {
    if (!runs) this.#close({ vm: uid, host: host.name });
  }

  /** Its machine is no longer looked at. */
  discarded(host: ObservedHost): void {
    for (const users of this.#users.values()) {
      for (const user of users.values()) if (user.host === host.name) this.#close(user);
    }
  }

  #close(user: User): void {
    const key = keyOf(user);
    for (const uid of this.#open.get(key) ?? []) this.#users.get(uid)?.delete(key);
    this.#open.delete(key);
  }

  volume(host: ObservedHost, uid: string, event: VolumeEvent, content: number): void {
    switch (event) {
      case 'found':
        this.#found(host, uid, content);
        return;
      case 'written':
        this.#checkOwner(host, uid);
        this.#last.set(uid, { content, host: host.name, isThere: true });
        this.#copies.delete(uid);
        this.#movedAlone.delete(uid);
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

  /** Whoever writes on a volume is the VM that it belongs to, as far as its host is one that the cluster knows. */
  #checkOwner(host: ObservedHost, uid: string): void {
    const state = this.#state();
    const known = state === undefined ? undefined : volumeOf(state, uid);
    const place = known?.volume.place;
    if (known === undefined || place === undefined || state?.host(place.hostId) === undefined) return;
    for (const user of this.#users.get(uid)?.values() ?? []) {
      if (user.host !== host.name || user.vm === known.vm?.uid) continue;
      const whose = known.vm === undefined ? 'no VM' : `VM ${known.vm.name}`;
      const message = `VM ${user.vm} writes on ${host.name} on volume ${uid}, which belongs to ${whose}`;
      throw new Violation(VOLUME_DATA, message);
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
    this.#last.set(uid, { content, host: host.name, isThere: true });
  }

  #copied(host: ObservedHost, uid: string, content: number): void {
    if (content !== this.#last.get(uid)?.content) return;
    const hosts = this.#copies.get(uid) ?? new Set<string>();
    this.#copies.set(uid, hosts.add(host.name));
    if (this.#state()?.indexes.volumeOwner(uid) === undefined) this.#movedAlone.add(uid);
  }

  #removed(host: ObservedHost, uid: string): void {
    const last = this.#last.get(uid);
    const copies = this.#copies.get(uid);
    const hadCopy = copies?.delete(host.name) === true;
    const state = this.#state();
    if (last === undefined || state === undefined) return;
    const others = copies?.size ?? 0;
    const isOfVm = state.indexes.volumeOwner(uid) !== undefined;
    if (isOfVm && !this.#movedAlone.has(uid)) {
      if (others >= 2 || last.host !== host.name) return;
      const message = `${host.name} removes volume ${uid} at ${last.content}, and no VM has run with that elsewhere`;
      throw new Violation(VOLUME_DATA, message);
    }
    const isFirst = last.isThere && last.host === host.name;
    if (isFirst) this.#last.set(uid, { ...last, isThere: false });
    const stored = state.stored.get(uid);
    const mayGo = !isOfVm && (stored === undefined || stored.deleting === true);
    if ((!hadCopy && !isFirst) || mayGo || others > 0 || (last.isThere && !isFirst)) return;
    const message = `${host.name} removes volume ${uid} at ${last.content}, which is to stay, and nobody else has it`;
    throw new Violation(VOLUME_DATA, message);
  }
}
