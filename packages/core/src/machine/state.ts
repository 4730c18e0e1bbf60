/**
 * The replicated state in memory. Objects are immutable values that are replaced whole; only `apply` (through
 * `Transaction`) replaces them, everyone else reads.
 */
import { assert } from '../base/assert.ts';
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import type { Cluster, ClusterEvent, Token } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import type { Lock } from '../model/lock.ts';
import type { Network, ReleasedAddress } from '../model/network.ts';
import type { Project } from '../model/project.ts';
import type { Vm } from '../model/vm.ts';
import { DEFAULT_PROJECT } from '../model/vm-name.ts';
import type { VmSet } from '../model/vm-set.ts';
import type { StoredVolume } from '../model/volume.ts';
import type { AddressBook } from './address-book.ts';
import type { CommandResult } from './command.ts';
import { STATE_LIMITS, type StateLimits } from './history.ts';
import type { VmIndexes } from './indexes.ts';
import type { KeyedObjects } from './keyed-objects.ts';
import type { Occupancy } from './occupancy.ts';
import { encodeRecord, type RecordObject, recordKey } from './record-codec.ts';
import { RecordHash } from './record-hash.ts';
import { STATE_CODEC, type StateCodec } from './state-codec.ts';
import { StateTables } from './state-tables.ts';

/** The replicated state. */
export class ClusterState {
  readonly limits: StateLimits;
  readonly #tables: StateTables;
  #index = 0;
  /** Undefined until someone asks: the simulator does at every index, a daemon never. */
  #hash: RecordHash | undefined;
  /** Records that the hash does not hold as they are now; never more than there are or have been hashed. */
  readonly #unhashed = new Map<string, RecordObject | null>();

  /** An empty state: that of a host before its first snapshot. */
  constructor(limits: StateLimits = STATE_LIMITS) {
    this.limits = limits;
    this.#tables = new StateTables(limits);
  }

  /**
   * The state at `index` from its records, in any order of kinds, each kind in key order. Throws
   * {@link N3xError} `N3X_CORRUPT` naming the record that cannot be read.
   */
  static fromRecords(
    index: number,
    records: Iterable<readonly [string, Uint8Array]>,
    limits: StateLimits = STATE_LIMITS,
    codec: StateCodec = STATE_CODEC,
  ): ClusterState {
    const state = new ClusterState(limits);
    let isEmpty = true;
    for (const [key, value] of records) {
      const object = codec.record(key, value);
      if (state.put(object) !== undefined) {
        throw new N3xError(ERROR_CODES.corrupt, `record ${key} does not belong where it is`);
      }
      isEmpty = false;
    }
    if (!isEmpty && state.cluster === undefined) {
      throw new N3xError(ERROR_CODES.corrupt, 'the record of the cluster is missing');
    }
    state.#index = index;
    return state;
  }

  /** Raft index of the last entry that was applied. */
  get index(): number {
    return this.#index;
  }

  /** The entry at `index` has been applied, whatever it held. */
  advance(index: number): void {
    assert(index > this.#index, `index ${index} applied after ${this.#index}`);
    this.#index = index;
  }

  /** Undefined before the first snapshot. */
  get cluster(): Cluster | undefined {
    return this.#tables.cluster;
  }

  /** The host with this id. */
  host(id: number): Host | undefined {
    return this.#tables.hosts.get(id);
  }

  /** The host with this name. */
  hostByName(name: string): Host | undefined {
    return this.#tables.hosts.byName(name);
  }

  /** The host with this libp2p peer id. */
  hostByPeer(peerId: string): Host | undefined {
    return this.#tables.hosts.byPeer(peerId);
  }

  /** All hosts by rising id. */
  hosts(): IterableIterator<Host> {
    return this.#tables.hosts.all();
  }

  /** Moves with every change of a host. Of this object only, never replicated. */
  get hostsVersion(): number {
    return this.#tables.hosts.version;
  }

  /** Number of hosts. */
  get hostCount(): number {
    return this.#tables.hosts.size;
  }

  /** The VM with this name. */
  vm(name: string): Vm | undefined {
    return this.#tables.vms.get(name);
  }

  /** VMs by name, from the first that is not less than `from`. Not to be used across a change. */
  vms(from = ''): Generator<Vm> {
    return this.#tables.vms.all(from);
  }

  /** Number of VMs. */
  get vmCount(): number {
    return this.#tables.vms.size;
  }

  /** VMs assigned to a host, in no particular order. */
  vmsOnHost(hostId: number): Generator<Vm> {
    return this.#tables.vmsOnHost(hostId);
  }

  /** VMs of other hosts that a host holds room for, in no particular order. */
  vmsMovingTo(hostId: number): Generator<Vm> {
    return this.#tables.vmsMovingTo(hostId);
  }

  /** Derived indexes over the VMs: loads, ports, allocations, who waits. */
  get indexes(): Omit<VmIndexes, 'replace' | 'replaceStored' | 'moveHost'> {
    return this.#tables.indexes;
  }

  /** What the VMs of a host take from it. Live. */
  load(hostId: number): Occupancy {
    return this.#tables.indexes.of(hostId);
  }

  /** Names of VMs that want a host and have none, in no particular order. */
  get waiting(): ReadonlySet<string> {
    return this.#tables.indexes.waiting;
  }

  /** The join token with this id. */
  token(id: string): Token | undefined {
    return this.#tables.tokens.get(id);
  }

  /** All join tokens by id. */
  tokens(): Token[] {
    return [...this.#tables.tokens.all()];
  }

  /** Number of join tokens. */
  get tokenCount(): number {
    return this.#tables.tokens.size;
  }

  /** The lock with this name; undefined when nobody holds it. */
  lock(name: string): Lock | undefined {
    return this.#tables.locks.get(name);
  }

  /** Locks in use, by name. Not to be used across a change. */
  locks(): Generator<Lock> {
    return this.#tables.locks.all();
  }

  /** Number of locks in use. */
  get lockCount(): number {
    return this.#tables.locks.size;
  }

  /** Moves with every change of a lock, so that one need not look for changes. Of this object only, never replicated. */
  get locksVersion(): number {
    return this.#tables.locks.version;
  }

  /** The network with this name. */
  network(name: string): Network | undefined {
    return this.#tables.networks.get(name);
  }

  /** All networks, by name. Not to be used across a change. */
  networks(): Generator<Network> {
    return this.#tables.networks.all();
  }

  /** The volumes that belong to no VM, by uid. */
  get stored(): Pick<KeyedObjects<StoredVolume>, 'get' | 'size' | 'all'> {
    return this.#tables.volumes;
  }

  /** Number of networks. */
  get networkCount(): number {
    return this.#tables.networks.size;
  }

  /** Moves with every change of a network. Of this object only, never replicated. */
  get networksVersion(): number {
    return this.#tables.networks.version;
  }

  /** All addresses that VMs had and nobody has since, in the order of their keys. Not to be used across a change. */
  releasedAddresses(): Generator<ReleasedAddress> {
    return this.#tables.addresses.inKeyOrder(this.#tables.networks.keys());
  }

  /** Derived indexes over networks and released addresses. */
  get addresses(): Pick<AddressBook, 'plan' | 'released' | 'oldestFirst' | 'releasedCount' | 'size'> {
    return this.#tables.addresses;
  }

  /** The set of VMs with this name. */
  vmSet(name: string): VmSet | undefined {
    return this.#tables.sets.get(name);
  }

  /** Sets of VMs, by name. Not to be used across a change. */
  vmSets(): Generator<VmSet> {
    return this.#tables.sets.all();
  }

  /** Number of sets of VMs. */
  get vmSetCount(): number {
    return this.#tables.sets.size;
  }

  /** The project with this name; `default` is always there. */
  project(name: string): Project | undefined {
    const { projects, untouchedDefault } = this.#tables;
    return projects.get(name) ?? (name === DEFAULT_PROJECT ? untouchedDefault : undefined);
  }

  /** Projects that have a record, by name: all but a `default` that was never changed. Not to be used across a change. */
  projects(): Generator<Project> {
    return this.#tables.projects.all();
  }

  /** Kept events with an index of at least `fromIndex`, oldest first. Not to be used across a change. */
  events(fromIndex = 0): Generator<ClusterEvent> {
    return this.#tables.history.events(fromIndex);
  }

  /** Number of kept events. */
  get eventCount(): number {
    return this.#tables.history.eventCount;
  }

  /** The newest event. */
  get lastEvent(): ClusterEvent | undefined {
    return this.#tables.history.lastEvent;
  }

  /** The kept result of a request. */
  request(requestId: string): CommandResult | undefined {
    return this.#tables.history.result(requestId);
  }

  /** Number of kept results. */
  get requestCount(): number {
    return this.#tables.history.requestCount;
  }

  /** Every object, in the order of the keys. Not to be used across a change; the objects themselves never change. */
  objects(): Generator<RecordObject> {
    return this.#tables.objects();
  }

  /** Everything as records, in key order. Not to be used across a change. */
  *records(): Generator<readonly [string, Uint8Array]> {
    for (const object of this.objects()) yield [recordKey(object), encodeRecord(object)];
  }

  /** 16 hex digits that differ, all but certainly, when two states differ. The index is not part of it. */
  hash(): string {
    if (this.#hash === undefined) {
      this.#hash = new RecordHash();
      for (const object of this.objects()) this.#hash.set(recordKey(object), object);
    }
    for (const [key, object] of this.#unhashed) this.#hash.set(key, object);
    this.#unhashed.clear();
    return this.#hash.digest();
  }

  // What follows is for `Transaction` and loading only.

  /** Notes a record that has been replaced, for the hash: what is noted is hashed when someone asks again. */
  seal(key: string, object: RecordObject | null): void {
    if (this.#hash === undefined) return;
    if (object === null && !this.#hash.has(key)) this.#unhashed.delete(key);
    else this.#unhashed.set(key, object);
  }

  /** As {@link StateTables.put}. */
  put(object: RecordObject): RecordObject | undefined {
    return this.#tables.put(object);
  }

  /** As {@link StateTables.delete}. */
  delete(object: RecordObject): void {
    this.#tables.delete(object);
  }
}
