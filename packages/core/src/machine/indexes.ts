/**
 * What the scheduler and `apply` ask of the VMs, kept change by change: who is on a host and what it takes
 * there, which ports are in use, which allocations are taken, who waits for a host. Never stored: it
 * follows from the VMs.
 */

import { allocatedTexts } from '../model/allocated-texts.ts';
import { displacedBy, moveTargetId } from '../model/move.ts';
import type { LabelPair } from '../model/placement.ts';
import { type Vm, vmPriority, vmVolumes } from '../model/vm.ts';
import { isElsewhere, type StoredVolume, type VmVolume } from '../model/volume.ts';
import { LabelCounts } from './label-counts.ts';
import { type Loads, Occupancy } from './occupancy.ts';
import { type ProjectUse, ProjectUses } from './project-use.ts';

/** First context id that is handed out is this plus 1. Below are the reserved ones and those a user may pick by hand. */
export const CID_BASE = 1000;

interface HostIndex {
  readonly vms: Set<string>;
  /** VMs that move here and are still on other hosts. */
  readonly incoming: Set<string>;
  readonly load: Occupancy;
}

const EMPTY_HOST = new Occupancy('host');
const EMPTY_ZONE = new Occupancy('zone');
const EMPTY_SET: ReadonlySet<string> = new Set();

/** The number all of a VM's allocations are made from. */
export function vmSlot(vm: Vm): number {
  return vm.allocation.cid - CID_BASE;
}

/** Whether the scheduler has to find a host for it. */
export function waitsForHost(vm: Vm): boolean {
  return vm.assignment === null && vm.power === 'running' && !vm.deleting;
}

/** The derived indexes over all VMs. */
export class VmIndexes implements Loads {
  readonly #byHost = new Map<number, HostIndex>();
  readonly #zoneOfHost = new Map<number, string>();
  readonly #zones = new Map<string, Occupancy>();
  readonly #hostLabels = new LabelCounts();
  readonly #everywhere = new Occupancy('zone');
  /** By name of a VM that others make room for: on which hosts how many do. */
  readonly #makingRoom = new Map<string, Map<number, number>>();
  /** How many VMs with a host have which priority. */
  readonly #priorities = new Map<number, number>();
  readonly #projects = new ProjectUses();
  readonly #waiting = new Set<string>();
  readonly #moving = new Set<string>();
  readonly #slots = new Map<number, string>();
  readonly #portUsers = new Map<number, number>();
  readonly #addressUsers = new Map<string, string>();
  /** By network: how many interfaces are on it. */
  readonly #networkUses = new Map<string, number>();
  /** Name of the VM by uid of its volume. */
  readonly #volumeOwners = new Map<string, string>();
  /** MiB by host and pool of the volumes that are there, whether their VM is or not, and of those that are to come. */
  readonly #stored = new Map<number, Map<string, number>>();

  /** By host: uids of the volumes of which it has what they were copied from. */
  readonly #formers = new Map<number, Set<string>>();

  /** Names of VMs that have no host and want one, in no particular order. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** Names of the VMs assigned to a host, in no particular order. */
  onHost(hostId: number): ReadonlySet<string> {
    return this.#byHost.get(hostId)?.vms ?? EMPTY_SET;
  }

  /** Names of VMs that leave their hosts or are to, in no particular order. */
  get moving(): ReadonlySet<string> {
    return this.#moving;
  }

  /** Names of the VMs of other hosts that a host holds room for, in no particular order. */
  incoming(hostId: number): ReadonlySet<string> {
    return this.#byHost.get(hostId)?.incoming ?? EMPTY_SET;
  }

  /** What is taken on a host, and held for VMs that move there. The object is live. */
  of(hostId: number): Occupancy {
    return this.#byHost.get(hostId)?.load ?? EMPTY_HOST;
  }

  /** What is taken in a zone; live too. */
  zone(name: string): Occupancy {
    return this.#zones.get(name) ?? EMPTY_ZONE;
  }

  /** Number of VMs with a label that have a host. */
  placed(pair: LabelPair): number {
    return this.#everywhere.count(pair);
  }

  /** Name of the VM that a volume belongs to. */
  volumeOwner(uid: string): string | undefined {
    return this.#volumeOwners.get(uid);
  }

  /** MiB of one of a host's pools that are taken by volumes, by what they were copied from, and held for what moves there. */
  stored(hostId: number, pool: string): number {
    return this.#stored.get(hostId)?.get(pool) ?? 0;
  }

  /** Uids of the volumes of which a host still has what they were copied from, in no particular order. */
  formerOn(hostId: number): ReadonlySet<string> {
    return this.#formers.get(hostId) ?? EMPTY_SET;
  }

  /** A volume of no VM was replaced; as {@link replace}. */
  replaceStored(before: StoredVolume | undefined, after: StoredVolume | undefined): void {
    if (before !== undefined) this.#countStored(before, -1);
    if (after !== undefined) this.#countStored(after, 1);
  }

  #countStored(volume: StoredVolume, by: 1 | -1): void {
    this.#count(volume, by);
    const { moving, pool, sizeMib } = volume;
    if (moving !== undefined) this.#store(moving.targetId, pool, by * sizeMib);
  }

  #count({ uid, created, place, former, pool, sizeMib }: VmVolume | StoredVolume, by: 1 | -1): void {
    if (!created || place === undefined) return;
    this.#store(place.hostId, pool, by * sizeMib);
    if (former === undefined) return;
    this.#store(former.hostId, pool, by * sizeMib);
    const uids = this.#formers.get(former.hostId) ?? new Set<string>();
    if (by === 1) uids.add(uid);
    else uids.delete(uid);
    if (uids.size === 0) this.#formers.delete(former.hostId);
    else this.#formers.set(former.hostId, uids);
  }

  #store(hostId: number, pool: string, mib: number): void {
    const pools = this.#stored.get(hostId) ?? new Map<string, number>();
    const next = (pools.get(pool) ?? 0) + mib;
    if (next === 0) pools.delete(pool);
    else pools.set(pool, next);
    if (pools.size === 0) this.#stored.delete(hostId);
    else this.#stored.set(hostId, pools);
  }

  /** Room for what is copied to the target of a move. */
  #hold(vm: Vm, targetId: number, by: 1 | -1): void {
    for (const volume of vmVolumes(vm)) {
      if (isElsewhere(volume, targetId)) this.#store(targetId, volume.pool, by * volume.sizeMib);
    }
  }

  /** Hosts on which VMs make room for the one of this name. */
  roomMadeOn(name: string): number[] {
    return [...(this.#makingRoom.get(name)?.keys() ?? [])];
  }

  /** What the VMs of a project have; a value, not live. */
  projectUse(project: string): ProjectUse {
    return this.#projects.of(project);
  }

  /** The lowest priority of a VM that has a host; infinite without one. */
  lowestPriority(): number {
    return Math.min(...this.#priorities.keys());
  }

  /** A host is in `zone` from now on; `vms` are those on it and those that it holds room for. */
  moveHost(hostId: number, zone: string, vms: Iterable<Vm>): void {
    const before = this.#zoneOfHost.get(hostId) ?? '';
    if (zone === '') this.#zoneOfHost.delete(hostId);
    else this.#zoneOfHost.set(hostId, zone);
    if (before === zone) return;
    for (const vm of vms) {
      this.#leaveZone(before, vm);
      this.#enterZone(zone, vm);
    }
  }

  #enterZone(name: string, vm: Vm): void {
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      zone = new Occupancy('zone');
      this.#zones.set(name, zone);
    }
    zone.add(vm);
  }

  #leaveZone(name: string, vm: Vm): void {
    this.#zones.get(name)?.remove(vm);
  }

  /** Whether a living VM was allocated from this slot. */
  slotTaken(slot: number): boolean {
    return this.#slots.has(slot);
  }

  /** Number of slots in use. */
  get slotCount(): number {
    return this.#slots.size;
  }

  /** Whether any VM, wherever it is, has this host port. */
  portTaken(port: number): boolean {
    return this.#portUsers.has(port);
  }

  /** Number of different host ports in use. */
  get portCount(): number {
    return this.#portUsers.size;
  }

  /** Name of the VM that has an address. */
  addressUser(address: string): string | undefined {
    return this.#addressUsers.get(address);
  }

  /** Number of addresses that VMs have. */
  get addressCount(): number {
    return this.#addressUsers.size;
  }

  /** Number of interfaces on a network. */
  networkUses(name: string): number {
    return this.#networkUses.get(name) ?? 0;
  }

  #countNetworks(vm: Vm, by: 1 | -1): void {
    for (const { network } of vm.allocation.addresses ?? []) {
      const count = this.networkUses(network) + by;
      if (count === 0) this.#networkUses.delete(network);
      else this.#networkUses.set(network, count);
    }
  }

  /** One VM was replaced: `before` is absent when it is new, `after` when it went. */
  replace(before: Vm | undefined, after: Vm | undefined): void {
    this.#projects.replace(before, after);
    // Most changes leave a VM what it was given when it was made.
    const keeps = before?.allocation === after?.allocation && before?.volumes === after?.volumes;
    if (before !== undefined) {
      this.#remove(before);
      if (!keeps) this.#disown(before);
    }
    if (after !== undefined) {
      if (!keeps) this.#own(after);
      this.#add(after);
    }
  }

  /** What a VM has wherever it is. */
  #own(vm: Vm): void {
    this.#slots.set(vmSlot(vm), vm.name);
    for (const port of vm.allocation.hostPorts) this.#portUsers.set(port, (this.#portUsers.get(port) ?? 0) + 1);
    for (const address of allocatedTexts(vm.allocation.addresses)) this.#addressUsers.set(address, vm.name);
    this.#countNetworks(vm, 1);
    for (const volume of vmVolumes(vm)) {
      this.#volumeOwners.set(volume.uid, vm.name);
      this.#count(volume, 1);
    }
  }

  #disown(vm: Vm): void {
    this.#slots.delete(vmSlot(vm));
    for (const port of vm.allocation.hostPorts) {
      const users = (this.#portUsers.get(port) ?? 0) - 1;
      if (users > 0) this.#portUsers.set(port, users);
      else this.#portUsers.delete(port);
    }
    for (const address of allocatedTexts(vm.allocation.addresses)) this.#addressUsers.delete(address);
    this.#countNetworks(vm, -1);
    for (const volume of vmVolumes(vm)) {
      this.#volumeOwners.delete(volume.uid);
      this.#count(volume, -1);
    }
  }

  /** Where a VM is and what it takes there. */
  #add(vm: Vm): void {
    if (waitsForHost(vm)) this.#waiting.add(vm.name);
    if (vm.assignment === null) return;
    const { hostId } = vm.assignment;
    this.#host(hostId).vms.add(vm.name);
    this.#take(hostId, vm);
    this.#everywhere.add(vm);
    this.#countPriority(vm, 1);
    if (vm.moving === undefined) return;
    this.#moving.add(vm.name);
    const targetId = moveTargetId(vm);
    if (targetId !== undefined) {
      this.#host(targetId).incoming.add(vm.name);
      this.#take(targetId, vm);
      this.#hold(vm, targetId, 1);
    }
    const madeFor = displacedBy(vm);
    if (madeFor !== undefined) this.#countRoom(madeFor, hostId, 1);
  }

  #host(hostId: number): HostIndex {
    let host = this.#byHost.get(hostId);
    if (host === undefined) {
      const load = new Occupancy('host', undefined, { counts: this.#hostLabels, place: hostId });
      host = { vms: new Set(), incoming: new Set(), load };
      this.#byHost.set(hostId, host);
    }
    return host;
  }

  #take(hostId: number, vm: Vm): void {
    this.#host(hostId).load.add(vm);
    this.#enterZone(this.#zoneOfHost.get(hostId) ?? '', vm);
  }

  #give(hostId: number, vm: Vm): void {
    const host = this.#host(hostId);
    host.load.remove(vm);
    this.#leaveZone(this.#zoneOfHost.get(hostId) ?? '', vm);
    if (host.vms.size === 0 && host.incoming.size === 0) this.#byHost.delete(hostId);
  }

  #countPriority(vm: Vm, by: 1 | -1): void {
    const priority = vmPriority(vm);
    const count = (this.#priorities.get(priority) ?? 0) + by;
    if (count === 0) this.#priorities.delete(priority);
    else this.#priorities.set(priority, count);
  }

  #countRoom(name: string, hostId: number, by: 1 | -1): void {
    const hosts = this.#makingRoom.get(name) ?? new Map<number, number>();
    const count = (hosts.get(hostId) ?? 0) + by;
    if (count === 0) hosts.delete(hostId);
    else hosts.set(hostId, count);
    if (hosts.size === 0) this.#makingRoom.delete(name);
    else this.#makingRoom.set(name, hosts);
  }

  #remove(vm: Vm): void {
    this.#waiting.delete(vm.name);
    if (vm.assignment === null) return;
    const { hostId } = vm.assignment;
    this.#host(hostId).vms.delete(vm.name);
    this.#give(hostId, vm);
    this.#everywhere.remove(vm);
    this.#countPriority(vm, -1);
    if (vm.moving === undefined) return;
    this.#moving.delete(vm.name);
    const targetId = moveTargetId(vm);
    if (targetId !== undefined) {
      this.#host(targetId).incoming.delete(vm.name);
      this.#give(targetId, vm);
      this.#hold(vm, targetId, -1);
    }
    const madeFor = displacedBy(vm);
    if (madeFor !== undefined) this.#countRoom(madeFor, hostId, -1);
  }
}
