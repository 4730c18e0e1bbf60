/**
 * The objects of the state, one table a kind, with what is derived from them: the one place where an object is put and
 * taken away. `ClusterState` is how everybody else reads them.
 */
import { assert } from '../base/assert.ts';
import type { Cluster, Token } from '../model/cluster.ts';
import { type Host, hostZone } from '../model/host.ts';
import type { Lock } from '../model/lock.ts';
import type { Network } from '../model/network.ts';
import { type Project, untouchedDefault } from '../model/project.ts';
import type { Vm } from '../model/vm.ts';
import type { VmSet } from '../model/vm-set.ts';
import type { StoredVolume } from '../model/volume.ts';
import { AddressBook } from './address-book.ts';
import { History, type StateLimits } from './history.ts';
import { HostTable } from './host-table.ts';
import { inOrder } from './in-order.ts';
import { VmIndexes } from './indexes.ts';
import { KeyedObjects, namedObjects } from './keyed-objects.ts';
import type { RecordObject } from './record-codec.ts';

/** All tables. */
export class StateTables {
  readonly hosts = new HostTable();
  readonly vms = namedObjects<Vm>();
  readonly sets = namedObjects<VmSet>();
  readonly locks = namedObjects<Lock>();
  readonly networks = namedObjects<Network>();
  readonly projects = namedObjects<Project>();
  readonly tokens = new KeyedObjects<Token>(({ id }) => id);
  /** The volumes that belong to no VM. */
  readonly volumes = new KeyedObjects<StoredVolume>(({ uid }) => uid);
  readonly history: History;
  readonly addresses = new AddressBook();
  readonly indexes = new VmIndexes();
  #cluster: Cluster | undefined;
  #untouched: Project | undefined;

  constructor(limits: StateLimits) {
    this.history = new History(limits);
  }

  /** Undefined before the first snapshot. */
  get cluster(): Cluster | undefined {
    return this.#cluster;
  }

  /** The project `default` while it has no record. */
  get untouchedDefault(): Project | undefined {
    return this.#untouched;
  }

  /** VMs assigned to a host, in no particular order. */
  *vmsOnHost(hostId: number): Generator<Vm> {
    yield* this.#vmsNamed(this.indexes.onHost(hostId));
  }

  /** VMs of other hosts that a host holds room for, in no particular order. */
  *vmsMovingTo(hostId: number): Generator<Vm> {
    yield* this.#vmsNamed(this.indexes.incoming(hostId));
  }

  *#vmsNamed(names: Iterable<string>): Generator<Vm> {
    for (const name of names) {
      const vm = this.vms.get(name);
      if (vm !== undefined) yield vm;
    }
  }

  /** Every object, in the order of the keys of their records. Not to be used across a change. */
  *objects(): Generator<RecordObject> {
    yield* this.addresses.inKeyOrder(this.networks.keys());
    if (this.#cluster !== undefined) yield this.#cluster;
    yield* this.history.events(0);
    yield* this.hosts.all();
    yield* this.locks.all();
    yield* this.networks.all();
    yield* this.projects.all();
    yield* this.history.requests();
    yield* this.tokens.all();
    yield* this.vms.all();
    yield* this.sets.all();
    yield* this.volumes.all();
  }

  /** Adds an object, or replaces the one of its key. Hands back what had to go for it: of history, the oldest goes. */
  put(object: RecordObject): RecordObject | undefined {
    switch (object.kind) {
      case 'address':
        this.addresses.putReleased(object);
        return undefined;
      case 'cluster':
        this.#cluster = object;
        this.#untouched ??= inOrder(untouchedDefault(object.createdAtMs));
        return undefined;
      case 'event':
        return this.history.pushEvent(object);
      case 'host':
        this.#putHost(object);
        return undefined;
      case 'lock':
        this.locks.put(object);
        return undefined;
      case 'network':
        this.networks.put(object);
        this.addresses.putNetwork(object);
        return undefined;
      case 'project':
        this.projects.put(object);
        return undefined;
      case 'request':
        return this.history.pushRequest(object);
      case 'token':
        this.tokens.put(object);
        return undefined;
      case 'vm':
        this.indexes.replace(this.vms.put(object), object);
        return undefined;
      case 'vmset':
        this.sets.put(object);
        return undefined;
      case 'volume':
        this.indexes.replaceStored(this.volumes.put(object), object);
        return undefined;
    }
  }

  /** Takes an object away. The cluster stays for ever, and history goes by age alone. */
  delete(object: RecordObject): void {
    switch (object.kind) {
      case 'address':
        this.addresses.deleteReleased(object);
        return;
      case 'host':
        this.hosts.delete(object);
        this.#moveHost(object.id, '');
        return;
      case 'lock':
        this.locks.delete(object);
        return;
      case 'network':
        this.networks.delete(object);
        this.addresses.deleteNetwork(object.name);
        return;
      case 'project':
        this.projects.delete(object);
        return;
      case 'token':
        this.tokens.delete(object);
        return;
      case 'vm':
        this.vms.delete(object);
        this.indexes.replace(object, undefined);
        return;
      case 'vmset':
        this.sets.delete(object);
        return;
      case 'volume':
        this.volumes.delete(object);
        this.indexes.replaceStored(object, undefined);
        return;
      case 'cluster':
      case 'event':
      case 'request':
        assert(false, `a record of kind ${object.kind} is never deleted`);
    }
  }

  #putHost(host: Host): void {
    const before = this.hosts.put(host);
    const zone = hostZone(host);
    if (before === undefined || hostZone(before) !== zone) this.#moveHost(host.id, zone);
  }

  #moveHost(id: number, zone: string): void {
    this.indexes.moveHost(id, zone, [...this.vmsOnHost(id), ...this.vmsMovingTo(id)]);
  }
}
