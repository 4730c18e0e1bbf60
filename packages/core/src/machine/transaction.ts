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
import { inOrder, type ObjectRecordChange, type RecordObject, type RequestRecord } from './record-codec.ts';
import { type ClusterState, recordKey } from './state.ts';

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

  #note(key: string, name: string, kind: ClusterObject['kind'], object: ClusterObject | null): void {
    this.#records.set(key, object);
    this.#objects.set(key, { index: this.index, kind, name, object });
  }

  putCluster(next: Cluster): void {
    const cluster = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putCluster(cluster);
    this.#note(recordKey(cluster), cluster.name, 'cluster', cluster);
  }

  putHost(next: Host): Host {
    const host = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putHost(host);
    this.#note(recordKey(host), host.name, 'host', host);
    return host;
  }

  deleteHost(host: Host): void {
    this.state.deleteHost(host);
    this.#note(recordKey(host), host.name, 'host', null);
  }

  putVm(next: Vm): Vm {
    const vm = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putVm(vm);
    this.#note(recordKey(vm), vm.name, 'vm', vm);
    return vm;
  }

  /** Replaces the status; `sinceMs` moves only with the phase. */
  putVmStatus(vm: Vm, status: Omit<VmStatus, 'sinceMs'>): Vm {
    const sinceMs = status.phase === vm.status.phase ? vm.status.sinceMs : this.atMs;
    return this.putVm({ ...vm, status: { ...status, message: clip(status.message, 1024), sinceMs } });
  }

  /** The VM is gone for good, and what it had is free, or held. */
  deleteVm(vm: Vm): void {
    this.state.deleteVm(vm);
    releaseAddresses(this, vm);
    this.#note(recordKey(vm), vm.name, 'vm', null);
  }

  putVmSet(next: VmSet): VmSet {
    const set = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putVmSet(set);
    this.#note(recordKey(set), set.name, 'vmset', set);
    return set;
  }

  deleteVmSet(set: VmSet): void {
    this.state.deleteVmSet(set);
    this.#note(recordKey(set), set.name, 'vmset', null);
  }

  putVolume(next: Omit<StoredVolume, 'modifiedIndex'>): void {
    const volume = inOrder({ ...next, modifiedIndex: this.index });
    this.state.stored.put(volume);
    this.#note(recordKey(volume), volume.uid, 'volume', volume);
  }

  deleteVolume(volume: StoredVolume): void {
    this.state.stored.delete(volume);
    this.#note(recordKey(volume), volume.uid, 'volume', null);
  }

  putToken(next: Token): void {
    const token = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putToken(token);
    this.#note(recordKey(token), token.id, 'token', token);
  }

  deleteToken(token: Token): void {
    this.state.deleteToken(token.id);
    this.#note(recordKey(token), token.id, 'token', null);
  }

  putLock(next: Lock): Lock {
    const lock = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putLock(lock);
    this.#note(recordKey(lock), lock.name, 'lock', lock);
    return lock;
  }

  deleteLock(lock: Lock): void {
    this.state.deleteLock(lock);
    this.#note(recordKey(lock), lock.name, 'lock', null);
  }

  putNetwork(next: Network): Network {
    const network = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putNetwork(network);
    this.#note(recordKey(network), network.name, 'network', network);
    return network;
  }

  deleteNetwork(network: Network): void {
    this.state.deleteNetwork(network);
    this.#note(recordKey(network), network.name, 'network', null);
  }

  /** No news to watchers: what is released stands in its network. */
  putReleased(next: ReleasedAddress): void {
    const released = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putReleased(released);
    this.#records.set(recordKey(released), released);
  }

  deleteReleased(released: ReleasedAddress): void {
    this.state.deleteReleased(released);
    this.#records.set(recordKey(released), null);
  }

  putProject(next: Project): Project {
    const project = inOrder({ ...next, modifiedIndex: this.index });
    this.state.putProject(project);
    this.#note(recordKey(project), project.name, 'project', project);
    return project;
  }

  deleteProject(project: Project): void {
    this.state.deleteProject(project);
    this.#note(recordKey(project), project.name, 'project', null);
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
    const evicted = this.state.pushEvent(event);
    this.#note(recordKey(event), `${event.index}.${event.ordinal}`, 'event', event);
    if (evicted === undefined) return;
    // An event that goes because of its age is no news to watchers.
    const key = recordKey(evicted);
    this.#records.set(key, null);
    this.#objects.delete(key);
  }

  /** Keeps the result of the request. */
  request(request: RequestRecord): void {
    const evicted = this.state.pushRequest(request);
    this.#records.set(recordKey(request), request);
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
