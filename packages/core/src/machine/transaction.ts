/**
 * The changes that one log entry makes. Writes go to the state at once, so that later steps of the same
 * entry see them; `finish` hands out what is to be stored and what watchers are told, each object once.
 */
import type { Cluster, ClusterEvent, Token } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import type { Lock } from '../model/lock.ts';
import type { Network, ReleasedAddress } from '../model/network.ts';
import type { ClusterObject, ObjectChange } from '../model/object.ts';
import type { Project } from '../model/project.ts';
import type { Vm, VmStatus } from '../model/vm.ts';
import type { VmSet } from '../model/vm-set.ts';
import type { StoredVolume } from '../model/volume.ts';
import { releaseAddresses } from './address-release.ts';
import { inOrder } from './in-order.ts';
import { type ObjectRecordChange, type RecordObject, type RequestRecord, recordKey } from './record-codec.ts';
import type { ClusterState } from './state.ts';

/** What an entry changed. */
export interface Changes {
  /** For the store. */
  readonly changes: readonly ObjectRecordChange[];
  /** For watchers: each object once, as it is after the entry; events last. */
  readonly objectChanges: readonly ObjectChange[];
}

/** `text` cut to `max` characters, with a sign that something is missing. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3)}...`;
}

/** What watchers are told that an object is called. */
function nameOf(object: ClusterObject): string {
  switch (object.kind) {
    case 'event':
      return `${object.index}.${object.ordinal}`;
    case 'token':
      return object.id;
    case 'volume':
      return object.uid;
    default:
      return object.name;
  }
}

/** The changes of one entry. */
export class Transaction {
  readonly state: ClusterState;
  readonly index: number;
  /** Wall clock of the request, for display and token expiry. */
  readonly atMs: number;
  readonly #records = new Map<string, RecordObject | null>();
  readonly #objects = new Map<string, ObjectChange>();
  #events = 0;

  constructor(state: ClusterState, index: number, atMs: number) {
    this.state = state;
    this.index = index;
    this.atMs = atMs;
  }

  /** `before` is the one that it takes the place of in the state. */
  #put<T extends Exclude<ClusterObject, ClusterEvent>>(next: T, before: T | undefined): T {
    return this.#keep({ ...next, modifiedIndex: this.index }, before);
  }

  /** As {@link Transaction.#put}, of an object that was made for it. */
  #keep<T extends Exclude<ClusterObject, ClusterEvent>>(next: T, before: T | undefined): T {
    const object = inOrder(next, before);
    this.state.put(object);
    this.#note(object, object);
    return object;
  }

  #delete(object: Exclude<ClusterObject, ClusterEvent>): void {
    this.state.delete(object);
    this.#note(object, null);
  }

  #note(of: ClusterObject, object: ClusterObject | null): void {
    const key = recordKey(of);
    this.#records.set(key, object);
    this.#objects.set(key, { index: this.index, kind: of.kind, name: nameOf(of), object });
  }

  putCluster(next: Cluster): void {
    this.#put(next, this.state.cluster);
  }

  putHost(next: Host): Host {
    return this.#put(next, this.state.host(next.id));
  }

  deleteHost(host: Host): void {
    this.#delete(host);
  }

  putVm(next: Vm): Vm {
    return this.#put(next, this.state.vm(next.name));
  }

  /** Replaces the status; `sinceMs` moves only with the phase. */
  putVmStatus(vm: Vm, status: Omit<VmStatus, 'sinceMs'>): Vm {
    const sinceMs = status.phase === vm.status.phase ? vm.status.sinceMs : this.atMs;
    const message = clip(status.message, 1024);
    const next = { ...vm, modifiedIndex: this.index, status: { ...status, message, sinceMs } };
    return this.#keep(next, this.state.vm(vm.name));
  }

  /** The VM is gone for good, and what it had is free, or held. */
  deleteVm(vm: Vm): void {
    this.state.delete(vm);
    releaseAddresses(this, vm);
    this.#note(vm, null);
  }

  putVmSet(next: VmSet): VmSet {
    return this.#put(next, this.state.vmSet(next.name));
  }

  deleteVmSet(set: VmSet): void {
    this.#delete(set);
  }

  putVolume(next: Omit<StoredVolume, 'modifiedIndex'>): void {
    this.#put<StoredVolume>({ ...next, modifiedIndex: this.index }, this.state.stored.get(next.uid));
  }

  deleteVolume(volume: StoredVolume): void {
    this.#delete(volume);
  }

  putToken(next: Token): void {
    this.#put(next, this.state.token(next.id));
  }

  deleteToken(token: Token): void {
    this.#delete(token);
  }

  putLock(next: Lock): Lock {
    return this.#put(next, this.state.lock(next.name));
  }

  deleteLock(lock: Lock): void {
    this.#delete(lock);
  }

  putNetwork(next: Network): Network {
    return this.#put(next, this.state.network(next.name));
  }

  deleteNetwork(network: Network): void {
    this.#delete(network);
  }

  /** No news to watchers: what is released stands in its network. */
  putReleased(next: ReleasedAddress): void {
    const released = inOrder({ ...next, modifiedIndex: this.index });
    this.state.put(released);
    this.#records.set(recordKey(released), released);
  }

  deleteReleased(released: ReleasedAddress): void {
    this.state.delete(released);
    this.#records.set(recordKey(released), null);
  }

  putProject(next: Project): Project {
    return this.#put(next, this.state.project(next.name));
  }

  deleteProject(project: Project): void {
    this.#delete(project);
  }

  /** A line in the history. */
  event(
    about: ClusterEvent['about'],
    reason: string,
    message: string,
    severity: ClusterEvent['severity'] = 'info',
  ): void {
    const event: ClusterEvent = inOrder<ClusterEvent>({
      about,
      atMs: this.atMs,
      index: this.index,
      kind: 'event',
      message: clip(message, 1024),
      ordinal: this.#events,
      reason: clip(reason, 64),
      severity,
    });
    this.#events += 1;
    const evicted = this.state.put(event);
    this.#note(event, event);
    if (evicted === undefined) return;
    // An event that goes because of its age is no news to watchers.
    const key = recordKey(evicted);
    this.#records.set(key, null);
    this.#objects.delete(key);
  }

  /** Keeps the result of the request. */
  request(request: RequestRecord): void {
    const kept = inOrder(request);
    const evicted = this.state.put(kept);
    this.#records.set(recordKey(kept), kept);
    if (evicted !== undefined) this.#records.set(recordKey(evicted), null);
  }

  /** Ends the entry. */
  finish(): Changes {
    const changes = [...this.#records];
    for (const [key, object] of changes) this.state.seal(key, object);
    const objectChanges: ObjectChange[] = [];
    const events: ObjectChange[] = [];
    for (const change of this.#objects.values()) (change.kind === 'event' ? events : objectChanges).push(change);
    for (const event of events) objectChanges.push(event);
    return { changes, objectChanges };
  }
}
