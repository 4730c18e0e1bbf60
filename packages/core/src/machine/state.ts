/** The replicated state in memory. Objects are immutable values that are replaced whole; only `apply` (through `Transaction`) replaces them, everyone else reads. Reading: `cluster`, `host(id)`, `hostByName`, `hosts()`, `lock(name)`, `locks()`, `network(name)`, `networks()`, `addresses`, `project(name)`, `projects()`, `vm(name)`, `vms(from)`, `vmsOnHost(id)`, `volume(uid)`, `stored`, `vmSet(name)`, `vmSets()`, `token`, `tokens()`, `events(fromIndex)`, `request(id)`, `load(hostId)`, `waiting`. As records: `ClusterState.fromRecords`, `records()`. Divergence: `hash()`. */
import { assert } from '../base/assert.ts';
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import type { Cluster, ClusterEvent, Token } from '../model/cluster.ts';
import { type Host, hostZone } from '../model/host.ts';
import type { Lock } from '../model/lock.ts';
import type { Network, ReleasedAddress } from '../model/network.ts';
import { type Project, untouchedDefault } from '../model/project.ts';
import type { Vm } from '../model/vm.ts';
import { DEFAULT_PROJECT } from '../model/vm-name.ts';
import type { VmSet } from '../model/vm-set.ts';
import { AddressBook } from './address-book.ts';
import type { CommandResult } from './command.ts';
import { VmIndexes } from './indexes.ts';
import { NamedObjects } from './named-objects.ts';
import type { Occupancy } from './occupancy.ts';
import { encodeRecord, type RecordObject, type RequestRecord, recordKey } from './record-codec.ts';
import { RecordHash } from './record-hash.ts';
import { Ring } from './ring.ts';
import { SortedKeys } from './sorted-keys.ts';
import { STATE_CODEC, type StateCodec } from './state-codec.ts';
import { StoredVolumes } from './stored-volumes.ts';

export { recordKey } from './record-codec.ts';

/**
 * How much history is kept. Every host must keep the same, or their states differ: the figures belong to
 * the command format.
 */
export interface StateLimits {
  /** Events. */
  readonly events: number;
  /** Results by request id. */
  readonly requests: number;
}

/** The limits of command format 1. */
export const STATE_LIMITS: StateLimits = { events: 4096, requests: 16_384 };

/** The replicated state. */
export class ClusterState {
  readonly limits: StateLimits;
  #index = 0;
  #cluster: Cluster | undefined;
  readonly #hosts = new Map<number, Host>();
  readonly #hostIdByName = new Map<string, number>();
  readonly #hostIdByPeer = new Map<string, number>();
  readonly #vms = new Map<string, Vm>();
  readonly #vmNames = new SortedKeys();
  /** The volumes that belong to no VM. */
  readonly stored = new StoredVolumes((before, after) => this.#indexes.replaceStored(before, after));
  readonly #tokens = new Map<string, Token>();
  readonly #locks = new NamedObjects<Lock>();
  readonly #projects = new NamedObjects<Project>();
  /** The project `default` while it has no record. */
  #untouched: Project | undefined;
  #locksVersion = 0;
  readonly #networks = new NamedObjects<Network>();
  #networksVersion = 0;
  readonly #addresses = new AddressBook();
  readonly #sets = new NamedObjects<VmSet>();
  #hostsVersion = 0;
  readonly #events: Ring<ClusterEvent>;
  readonly #requests: Ring<RequestRecord>;
  readonly #results = new Map<string, CommandResult>();
  readonly #indexes = new VmIndexes();
  readonly #hash = new RecordHash();
  /** Records that the hash does not hold as they are now; never more than there are or have been hashed. */
  readonly #unhashed = new Map<string, RecordObject | null>();

  /** An empty state: that of a host before its first snapshot. */
  constructor(limits: StateLimits = STATE_LIMITS) {
    this.limits = limits;
    this.#events = new Ring(limits.events);
    this.#requests = new Ring(limits.requests);
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
    for (const [key, value] of records) {
      const { object, hash } = codec.record(key, value);
      const evicted = state.#load(object);
      if (evicted) {
        throw new N3xError(ERROR_CODES.corrupt, `record ${key} does not belong where it is`);
      }
      state.#hash.put(key, hash);
    }
    if (state.#hash.size > 0 && state.#cluster === undefined) {
      throw new N3xError(ERROR_CODES.corrupt, 'the record of the cluster is missing');
    }
    state.#index = index;
    return state;
  }

  #load(object: RecordObject): boolean {
    switch (object.kind) {
      case 'address':
        this.putReleased(object);
        return false;
      case 'cluster':
        this.putCluster(object);
        return false;
      case 'event':
        return this.pushEvent(object) !== undefined;
      case 'host':
        this.putHost(object);
        return false;
      case 'lock':
        this.putLock(object);
        return false;
      case 'network':
        this.putNetwork(object);
        return false;
      case 'project':
        this.putProject(object);
        return false;
      case 'request':
        return this.pushRequest(object) !== undefined;
      case 'token':
        this.putToken(object);
        return false;
      case 'vm':
        this.putVm(object);
        return false;
      case 'vmset':
        this.putVmSet(object);
        return false;
      case 'volume':
        this.stored.put(object);
        return false;
    }
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
    return this.#cluster;
  }

  /** The host with this id. */
  host(id: number): Host | undefined {
    return this.#hosts.get(id);
  }

  /** The host with this name. */
  hostByName(name: string): Host | undefined {
    const id = this.#hostIdByName.get(name);
    return id === undefined ? undefined : this.#hosts.get(id);
  }

  /** The host with this libp2p peer id. */
  hostByPeer(peerId: string): Host | undefined {
    const id = this.#hostIdByPeer.get(peerId);
    return id === undefined ? undefined : this.#hosts.get(id);
  }

  /** All hosts by rising id. */
  hosts(): IterableIterator<Host> {
    return this.#hosts.values();
  }

  /** Moves with every change of a host. Of this object only, never replicated. */
  get hostsVersion(): number {
    return this.#hostsVersion;
  }

  /** Number of hosts. */
  get hostCount(): number {
    return this.#hosts.size;
  }

  /** The VM with this name. */
  vm(name: string): Vm | undefined {
    return this.#vms.get(name);
  }

  /** VMs by name, from the first that is not less than `from`. Not to be used across a change. */
  *vms(from = ''): Generator<Vm> {
    for (const name of this.#vmNames.from(from)) {
      const vm = this.#vms.get(name);
      if (vm !== undefined) yield vm;
    }
  }

  /** Number of VMs. */
  get vmCount(): number {
    return this.#vms.size;
  }

  /** VMs assigned to a host, in no particular order. */
  *vmsOnHost(hostId: number): Generator<Vm> {
    for (const name of this.#indexes.onHost(hostId)) {
      const vm = this.#vms.get(name);
      if (vm !== undefined) yield vm;
    }
  }

  /** VMs of other hosts that a host holds room for, in no particular order. */
  *vmsMovingTo(hostId: number): Generator<Vm> {
    for (const name of this.#indexes.incoming(hostId)) {
      const vm = this.#vms.get(name);
      if (vm !== undefined) yield vm;
    }
  }

  /** Derived indexes over the VMs: loads, ports, allocations, who waits. */
  get indexes(): Omit<VmIndexes, 'replace' | 'replaceStored' | 'moveHost'> {
    return this.#indexes;
  }

  /** What the VMs of a host take from it. Live. */
  load(hostId: number): Occupancy {
    return this.#indexes.of(hostId);
  }

  /** Names of VMs that want a host and have none, in no particular order. */
  get waiting(): ReadonlySet<string> {
    return this.#indexes.waiting;
  }

  /** The join token with this id. */
  token(id: string): Token | undefined {
    return this.#tokens.get(id);
  }

  /** All join tokens by id. */
  tokens(): Token[] {
    return [...this.#tokens.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Number of join tokens. */
  get tokenCount(): number {
    return this.#tokens.size;
  }

  /** The lock with this name; undefined when nobody holds it. */
  lock(name: string): Lock | undefined {
    return this.#locks.get(name);
  }

  /** Locks in use, by name. Not to be used across a change. */
  locks(): Generator<Lock> {
    return this.#locks.all();
  }

  /** Number of locks in use. */
  get lockCount(): number {
    return this.#locks.size;
  }

  /** Moves with every change of a lock, so that one need not look for changes. Of this object only, never replicated. */
  get locksVersion(): number {
    return this.#locksVersion;
  }

  /** The network with this name. */
  network(name: string): Network | undefined {
    return this.#networks.get(name);
  }

  /** All networks, by name. Not to be used across a change. */
  networks(): Generator<Network> {
    return this.#networks.all();
  }

  /** Number of networks. */
  get networkCount(): number {
    return this.#networks.size;
  }

  /** Moves with every change of a network. Of this object only, never replicated. */
  get networksVersion(): number {
    return this.#networksVersion;
  }

  /** All addresses that VMs had and nobody has since, in the order of their keys. Not to be used across a change. */
  releasedAddresses(): Generator<ReleasedAddress> {
    return this.#addresses.inKeyOrder(this.#networks.names());
  }

  /** Derived indexes over networks and released addresses. */
  get addresses(): Pick<AddressBook, 'plan' | 'released' | 'oldestFirst' | 'releasedCount' | 'size'> {
    return this.#addresses;
  }

  /** The set of VMs with this name. */
  vmSet(name: string): VmSet | undefined {
    return this.#sets.get(name);
  }

  /** Sets of VMs, by name. Not to be used across a change. */
  vmSets(): Generator<VmSet> {
    return this.#sets.all();
  }

  /** Number of sets of VMs. */
  get vmSetCount(): number {
    return this.#sets.size;
  }

  /** The project with this name; `default` is always there. */
  project(name: string): Project | undefined {
    return this.#projects.get(name) ?? (name === DEFAULT_PROJECT ? this.#untouched : undefined);
  }

  /** Projects that have a record, by name: all but a `default` that was never changed. Not to be used across a change. */
  projects(): Generator<Project> {
    return this.#projects.all();
  }

  /** Kept events with an index of at least `fromIndex`, oldest first. Not to be used across a change. */
  events(fromIndex = 0): Generator<ClusterEvent> {
    return this.#events.from(this.#events.firstNot((event) => event.index < fromIndex));
  }

  /** Number of kept events. */
  get eventCount(): number {
    return this.#events.size;
  }

  /** The newest event. */
  get lastEvent(): ClusterEvent | undefined {
    return this.#events.at(this.#events.size - 1);
  }

  /** The kept result of a request. */
  request(requestId: string): CommandResult | undefined {
    return this.#results.get(requestId);
  }

  /** Number of kept results. */
  get requestCount(): number {
    return this.#requests.size;
  }

  /** Every object, in the order of the keys. Not to be used across a change; the objects themselves never change. */
  *objects(): Generator<RecordObject> {
    yield* this.releasedAddresses();
    if (this.#cluster !== undefined) yield this.#cluster;
    yield* this.#events.from(0);
    yield* this.#hosts.values();
    yield* this.locks();
    yield* this.networks();
    yield* this.projects();
    yield* this.#requests.from(0);
    yield* this.tokens();
    yield* this.vms();
    yield* this.vmSets();
    yield* this.stored.all();
  }

  /** Everything as records, in key order. Not to be used across a change. */
  *records(): Generator<readonly [string, Uint8Array]> {
    for (const object of this.objects()) yield [recordKey(object), encodeRecord(object)];
  }

  /** 16 hex digits that differ, all but certainly, when two states differ. The index is not part of it. */
  hash(): string {
    for (const [key, object] of this.#unhashed) this.#hash.set(key, object);
    this.#unhashed.clear();
    return this.#hash.digest();
  }

  // What follows is for `Transaction` and loading only.

  /** Notes a record that has been replaced, for the hash: it is hashed only when someone asks for that. */
  seal(key: string, object: RecordObject | null): void {
    if (object === null && !this.#hash.has(key)) this.#unhashed.delete(key);
    else this.#unhashed.set(key, object);
  }

  putCluster(cluster: Cluster): void {
    this.#cluster = cluster;
    this.#untouched ??= untouchedDefault(cluster.createdAtMs);
  }

  putHost(host: Host): void {
    const before = this.#hosts.get(host.id);
    if (before !== undefined) this.#unname(before);
    this.#hosts.set(host.id, host);
    this.#hostsVersion += 1;
    this.#hostIdByName.set(host.name, host.id);
    this.#hostIdByPeer.set(host.peerId, host.id);
    const zone = hostZone(host);
    if (before === undefined || hostZone(before) !== zone) {
      this.#indexes.moveHost(host.id, zone, [...this.vmsOnHost(host.id), ...this.vmsMovingTo(host.id)]);
    }
  }

  deleteHost(host: Host): void {
    this.#unname(host);
    this.#hosts.delete(host.id);
    this.#indexes.moveHost(host.id, '', [...this.vmsOnHost(host.id), ...this.vmsMovingTo(host.id)]);
    this.#hostsVersion += 1;
  }

  #unname(host: Host): void {
    this.#hostIdByName.delete(host.name);
    this.#hostIdByPeer.delete(host.peerId);
  }

  putVm(vm: Vm): void {
    const before = this.#vms.get(vm.name);
    if (before === undefined) this.#vmNames.add(vm.name);
    this.#vms.set(vm.name, vm);
    this.#indexes.replace(before, vm);
  }

  deleteVm(vm: Vm): void {
    this.#vms.delete(vm.name);
    this.#vmNames.delete(vm.name);
    this.#indexes.replace(vm, undefined);
  }

  putLock(lock: Lock): void {
    this.#locks.put(lock);
    this.#locksVersion += 1;
  }

  deleteLock(lock: Lock): void {
    this.#locks.delete(lock);
    this.#locksVersion += 1;
  }

  putNetwork(network: Network): void {
    this.#networks.put(network);
    this.#addresses.putNetwork(network);
    this.#networksVersion += 1;
  }

  deleteNetwork(network: Network): void {
    this.#networks.delete(network);
    this.#addresses.deleteNetwork(network.name);
    this.#networksVersion += 1;
  }

  putReleased(released: ReleasedAddress): void {
    this.#addresses.putReleased(released);
  }

  deleteReleased(released: ReleasedAddress): void {
    this.#addresses.deleteReleased(released);
  }

  putVmSet(set: VmSet): void {
    this.#sets.put(set);
  }

  deleteVmSet(set: VmSet): void {
    this.#sets.delete(set);
  }

  putProject(project: Project): void {
    this.#projects.put(project);
  }

  deleteProject(project: Project): void {
    this.#projects.delete(project);
  }

  putToken(token: Token): void {
    this.#tokens.set(token.id, token);
  }

  deleteToken(id: string): void {
    this.#tokens.delete(id);
  }

  /** Hands back the event that had to go. */
  pushEvent(event: ClusterEvent): ClusterEvent | undefined {
    return this.#events.push(event);
  }

  /** Hands back the result that had to go. */
  pushRequest(request: RequestRecord): RequestRecord | undefined {
    const evicted = this.#requests.push(request);
    if (evicted !== undefined) this.#results.delete(evicted.requestId);
    this.#results.set(request.requestId, request.result);
    return evicted;
  }
}
