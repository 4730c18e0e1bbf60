/**
 * What must hold at every applied index, checked by recounting everything from the objects: for tests and the
 * simulator. Each finding is one line; none is right.
 */
import { hostCapacity, hostZone } from '../model/host.ts';
import { moveOf, moveTargetId } from '../model/move.ts';
import type { ObjectChange } from '../model/object.ts';
import type { Vm } from '../model/vm.ts';
import { inOrder } from './in-order.ts';
import { vmSlot, waitsForHost } from './indexes.ts';
import { checkLock, checkLocks } from './lock-invariants.ts';
import { checkNetworks, checkVmAddresses } from './network-invariants.ts';
import { Occupancy, vmPorts } from './occupancy.ts';
import { checkNeighbours } from './placement-invariants.ts';
import { checkProjectStep, checkProjects } from './project-invariants.ts';
import { recordKey } from './record-codec.ts';
import { RecordHash } from './record-hash.ts';
import type { ClusterState } from './state.ts';
import { checkSetStep, checkSets } from './vm-set-invariants.ts';
import { checkAssignedVolumes, checkVmVolumes, checkVolumes } from './volume-invariants.ts';

/** Notes who has each value, and finds the second one. */
class Owners {
  readonly #what: string;
  readonly #owners = new Map<string, string>();
  readonly #found: string[];

  constructor(what: string, found: string[]) {
    this.#what = what;
    this.#found = found;
  }

  claim(value: string, owner: string): void {
    const other = this.#owners.get(value);
    if (other !== undefined) this.#found.push(`${this.#what} ${value} belongs to ${other} and ${owner}`);
    this.#owners.set(value, owner);
  }
}

function checkAllocations(state: ClusterState, found: string[]): void {
  const cids = new Owners('vsock CID', found);
  const macs = new Owners('MAC', found);
  const names = new Owners('interface name', found);
  const autoPorts = new Owners('allocated port', found);
  for (const vm of state.vms()) {
    const { allocation, spec } = vm;
    cids.claim(String(allocation.cid), vm.name);
    for (const mac of allocation.macs) {
      macs.claim(mac, vm.name);
      if ((Number.parseInt(mac.slice(0, 2), 16) & 0b11) !== 0b10) found.push(`${vm.name}: ${mac} is not local unicast`);
    }
    for (const name of allocation.interfaceNames) {
      names.claim(name, vm.name);
      if (name.length > 15) found.push(`${vm.name}: interface name ${name} is longer than 15`);
    }
    const interfaces = spec.source.kind === 'inline' ? spec.source.interfaces.length : 0;
    const forwards = spec.source.kind === 'inline' ? spec.source.forwards : [];
    if (allocation.macs.length !== interfaces) found.push(`${vm.name}: not one MAC for each interface`);
    if (allocation.interfaceNames.length !== interfaces) found.push(`${vm.name}: not one name for each interface`);
    if (allocation.hostPorts.length !== forwards.length) found.push(`${vm.name}: not one port for each forward`);
    forwards.forEach((forward, i) => {
      const port = allocation.hostPorts[i];
      if (forward.hostPort === undefined) autoPorts.claim(String(port), vm.name);
      else if (forward.hostPort !== port) found.push(`${vm.name}: port ${forward.hostPort} was asked for, not ${port}`);
    });
  }
}

function checkAssignments(state: ClusterState, found: string[]): void {
  const ports = new Owners('port', found);
  for (const vm of state.vms()) {
    const { assignment } = vm;
    if (assignment === null) {
      if (vm.decision !== undefined && vm.decision.index > state.index)
        found.push(`${vm.name} was decided in the future`);
      if (vm.deleting) found.push(`${vm.name} is being deleted and has no host`);
      if (vm.moving !== undefined) found.push(`${vm.name} moves and has no host`);
      continue;
    }
    const { decision } = vm;
    // A record of an older build is absent, and never that of another assignment.
    if (decision !== undefined && (decision.index !== assignment.epoch || decision.hostId !== assignment.hostId)) {
      found.push(`${vm.name} has a record of how it came to host ${decision.hostId} at ${decision.index}, not of this`);
    }
    if (assignment.epoch > state.index) found.push(`${vm.name} has the epoch ${assignment.epoch} of the future`);
    if (state.host(assignment.hostId) === undefined) found.push(`${vm.name} is on host ${assignment.hostId}, unknown`);
    for (const key of vmPorts(vm)) ports.claim(`${assignment.hostId}:${key}`, vm.name);
    const targetId = moveTargetId(vm);
    if (targetId === undefined) continue;
    if (targetId === assignment.hostId) found.push(`${vm.name} moves to where it is`);
    if (state.host(targetId) === undefined) found.push(`${vm.name} moves to host ${targetId}, unknown`);
    for (const key of vmPorts(vm)) ports.claim(`${targetId}:${key}`, vm.name);
  }
}

function checkIndexes(state: ClusterState, found: string[]): void {
  const perHost = new Map<number, Vm[]>();
  const movingTo = new Map<number, Vm[]>();
  let moving = 0;
  const slots = new Set<number>();
  const allPorts = new Set<number>();
  let waiting = 0;
  let before = '';
  let count = 0;
  for (const vm of state.vms()) {
    count += 1;
    if (vm.name <= before) found.push(`${vm.name} is listed after ${before}`);
    before = vm.name;
    slots.add(vmSlot(vm));
    if (!state.indexes.slotTaken(vmSlot(vm))) found.push(`the slot of ${vm.name} is not indexed`);
    if (waitsForHost(vm) !== state.waiting.has(vm.name)) found.push(`${vm.name} is indexed wrongly as waiting`);
    if (waitsForHost(vm)) waiting += 1;
    for (const port of vm.allocation.hostPorts) {
      allPorts.add(port);
      if (!state.indexes.portTaken(port)) found.push(`port ${port} of ${vm.name} is not indexed`);
    }
    if ((vm.moving !== undefined) !== state.indexes.moving.has(vm.name)) {
      found.push(`${vm.name} is indexed wrongly as moving`);
    }
    if (vm.moving !== undefined) moving += 1;
    const targetId = moveTargetId(vm);
    if (targetId !== undefined) movingTo.set(targetId, [...(movingTo.get(targetId) ?? []), vm]);
    if (vm.assignment === null) continue;
    const list = perHost.get(vm.assignment.hostId) ?? [];
    list.push(vm);
    perHost.set(vm.assignment.hostId, list);
  }
  if (count !== state.vmCount) found.push(`${count} VMs are listed, ${state.vmCount} are there`);
  if (waiting !== state.waiting.size) found.push(`${waiting} VMs wait, ${state.waiting.size} are indexed`);
  if (moving !== state.indexes.moving.size) found.push(`${moving} VMs move, ${state.indexes.moving.size} are indexed`);
  if (allPorts.size !== state.indexes.portCount) found.push(`${allPorts.size} ports are in use`);
  if (slots.size !== state.indexes.slotCount) found.push(`${slots.size} slots are in use`);
  const zones = new Map<string, Occupancy>();
  for (const host of state.hosts()) {
    const vms = perHost.get(host.id) ?? [];
    const counted = new Occupancy('host');
    const zone = zones.get(hostZone(host)) ?? new Occupancy('zone');
    zones.set(hostZone(host), zone);
    const incoming = movingTo.get(host.id) ?? [];
    for (const vm of [...vms, ...incoming]) {
      counted.add(vm);
      zone.add(vm);
    }
    const [right, indexed] = [counted.summary(), state.load(host.id).summary()];
    if (right !== indexed) found.push(`${host.name}: ${right} is taken, ${indexed} is indexed`);
    const names = new Set(state.indexes.onHost(host.id));
    if (names.size !== vms.length || vms.some((vm) => !names.has(vm.name)))
      found.push(`${host.name}: its VMs are wrong`);
    const held = state.indexes.incoming(host.id);
    if (held.size !== incoming.length || incoming.some((vm) => !held.has(vm.name))) {
      found.push(`${host.name}: the VMs that move to it are wrong`);
    }
  }
  for (const [name, zone] of zones) {
    const [right, indexed] = [zone.summary(), state.indexes.zone(name).summary()];
    if (right !== indexed) found.push(`zone ${name}: ${right} is taken, ${indexed} is indexed`);
  }
}

function checkHosts(state: ClusterState, found: string[]): void {
  const { cluster } = state;
  if (cluster === undefined) return;
  const names = new Owners('host name', found);
  const peers = new Owners('peer id', found);
  for (const host of state.hosts()) {
    names.claim(host.name, String(host.id));
    peers.claim(host.peerId, String(host.id));
    const { restarting } = host;
    if (restarting !== undefined && (restarting.index > state.index || restarting.waitMs <= restarting.holdMs)) {
      found.push(`${host.name} has a lease to restart that is not one`);
    }
    if (host.id >= cluster.nextHostId) found.push(`host id ${host.id} was never handed out`);
    if (state.hostByName(host.name) !== host) found.push(`${host.name} is not found by name`);
    if (state.hostByPeer(host.peerId) !== host) found.push(`${host.name} is not found by peer id`);
  }
}

function checkHistory(state: ClusterState, found: string[]): void {
  let before = -1;
  let ordinal = -1;
  for (const event of state.events()) {
    if (event.index < before || (event.index === before && event.ordinal <= ordinal)) {
      found.push(`event ${event.index}.${event.ordinal} is out of order`);
    }
    before = event.index;
    ordinal = event.ordinal;
  }
  if (state.eventCount > state.limits.events) found.push(`${state.eventCount} events are kept`);
  if (state.requestCount > state.limits.requests) found.push(`${state.requestCount} results are kept`);
}

function checkRecords(state: ClusterState, found: string[]): void {
  const hash = new RecordHash();
  let before = '';
  for (const object of state.objects()) {
    const key = recordKey(object);
    if (key <= before) found.push(`record ${key} follows ${before}`);
    before = key;
    // Its bytes are made from it as it is.
    if (inOrder(object) !== object) found.push(`record ${key} is not in order`);
    hash.set(key, object);
  }
  if (hash.digest() !== state.hash()) found.push(`the hash is ${state.hash()}, the records have ${hash.digest()}`);
}

/** Everything that is wrong with a state, one line each. Its cost grows with the state. */
export function checkInvariants(state: ClusterState): string[] {
  const found: string[] = [];
  checkAllocations(state, found);
  checkAssignments(state, found);
  checkIndexes(state, found);
  checkHosts(state, found);
  checkLocks(state, found);
  checkNetworks(state, found);
  checkSets(state, found);
  checkProjects(state, found);
  checkVolumes(state, found);
  checkHistory(state, found);
  checkRecords(state, found);
  return found;
}

/** Whether the room on the target of a move that has just begun is counted there. */
function checkHold(state: ClusterState, vm: Vm, targetId: number, found: string[]): void {
  const counted = new Occupancy('host');
  for (const other of [...state.vmsOnHost(targetId), ...state.vmsMovingTo(targetId)]) counted.add(other);
  const [right, indexed] = [counted.summary(), state.load(targetId).summary()];
  if (right !== indexed)
    found.push(`${vm.name} moves to host ${targetId}: ${right} is held there, ${indexed} is indexed`);
}

/** What is wrong with a move that has just begun, but for whether it fits on its target. */
function checkMove(state: ClusterState, vm: Vm, found: string[]): void {
  const targetId = moveTargetId(vm);
  if (targetId !== undefined) checkHold(state, vm, targetId, found);
  const source = state.host(vm.assignment?.hostId ?? 0);
  const cause = moveOf(vm)?.cause;
  if (source === undefined || (cause !== 'drain' && cause !== 'evacuate')) return;
  let leaving = 0;
  let earlier = 0;
  for (const other of state.vmsOnHost(source.id)) {
    const move = moveOf(other);
    if (move?.cause !== 'drain' && move?.cause !== 'evacuate') continue;
    leaving += 1;
    if (move.index !== moveOf(vm)?.index) earlier += 1;
  }
  const { drain } = source;
  if (drain === undefined) found.push(`${vm.name} is moved off ${source.name}, which is not drained`);
  // A drain that is asked for again with another limit begins with what is under way.
  // Those that can only go together go at one index, and where they are more than the limit alone.
  else if (leaving > drain.parallel && (earlier > 0 || leaving === 1))
    found.push(`${leaving} VMs leave ${source.name}, ${drain.parallel} may`);
}

/**
 * What is wrong with what one entry did, `state` being as it left it. Capacity is judged here, when a VM is
 * assigned: later a report may show that a VM takes more than was known, or a host may be given less.
 */
export function checkStep(state: ClusterState, changes: readonly ObjectChange[]): string[] {
  const found: string[] = [];
  checkProjectStep(state, changes, found);
  for (const { object, index } of changes) {
    if (object === null) continue;
    if (object.kind !== 'event' && object.modifiedIndex !== index) {
      found.push(`${recordKey(object)} was changed at ${index} and says ${object.modifiedIndex}`);
    }
    if (object.kind === 'lock') checkLock(object, index, found);
    if (object.kind !== 'vm') continue;
    checkVmAddresses(state, object, found);
    checkSetStep(state, object, changes, found);
    checkVmVolumes(object, index, found);
    const move = moveOf(object);
    if (move?.index === index) checkMove(state, object, found);
    const isAssigned = object.assignment?.epoch === index;
    const host = state.host((isAssigned ? object.assignment?.hostId : move?.index === index ? move.targetId : 0) ?? 0);
    if (host === undefined) continue;
    const capacity = hostCapacity(host);
    const load = state.load(host.id);
    if (load.vcpu > capacity.vcpu)
      found.push(`${object.name}: ${host.name} has ${capacity.vcpu} vcpu, not ${load.vcpu}`);
    if (load.memoryMib > capacity.memoryMib) {
      found.push(`${object.name}: ${host.name} has ${capacity.memoryMib} MiB, not ${load.memoryMib}`);
    }
    if (isAssigned) {
      checkNeighbours(state, object, host, found);
      checkAssignedVolumes(state, object, host, found);
    }
    if (host.cordonedSinceMs !== undefined)
      found.push(`${object.name} was assigned to ${host.name}, which is cordoned`);
    if (host.restarting !== undefined) found.push(`${object.name} was assigned to ${host.name}, which restarts`);
    if (!host.reachable || host.membership === 'leaving' || host.membership === 'joining') {
      found.push(`${object.name} was assigned to ${host.name}, which takes none`);
    }
  }
  return found;
}

/** Whether two states hold the same, record by record; the first difference in words, else undefined. */
export function firstDifference(a: ClusterState, b: ClusterState): string | undefined {
  const records = new Map(b.records());
  for (const [key, value] of a.records()) {
    const other = records.get(key);
    if (other === undefined) return `${key} is only in the first`;
    if (other.length !== value.length || other.some((byte, i) => byte !== value[i])) return `${key} differs`;
    records.delete(key);
  }
  for (const key of records.keys()) return `${key} is only in the second`;
  return undefined;
}
