/** What must hold of volumes at every applied index. Written from the rules, not from `apply`. */

import type { Host } from '../model/host.ts';
import { moveTargetId } from '../model/move.ts';
import { poolCapacity } from '../model/pool.ts';
import { type Vm, vmVolumes } from '../model/vm.ts';
import { madeAt, type StoredVolume, type VmVolume } from '../model/volume.ts';
import type { ClusterState } from './state.ts';
import { volumeOf } from './volume-of.ts';
import { volumeSpecs } from './volumes.ts';

function checkOne(volume: VmVolume | StoredVolume, owner: string, index: number, found: string[]): void {
  const { uid, name, created, place, former, writer } = volume;
  const wrong = (what: string): void => void found.push(`volume ${uid} (${name} of ${owner}) ${what}`);
  if (created && place === undefined) wrong('was made and is nowhere');
  if (former !== undefined && (!created || former.hostId === place?.hostId)) wrong('was copied from where it is');
  if ('moving' in volume && volume.moving !== undefined) {
    if (!created || place === undefined || volume.deleting === true) wrong('moves, and there is nothing to be moved');
    if (volume.moving.targetId === place?.hostId) wrong('moves to where it is');
  }
  if (!created && writer > 0) wrong('was never made and has a writer');
  if (writer > index || madeAt(uid) > index || (place?.since ?? 0) > index) wrong('knows an index of the future');
}

/** What is wrong with the volumes of one VM as of `index`. */
export function checkVmVolumes(vm: Vm, index: number, found: string[]): void {
  const asked = volumeSpecs(vm.spec).map(({ name }) => name);
  const has = vmVolumes(vm).map(({ name }) => name);
  if (asked.join() !== has.join()) found.push(`${vm.name} asks for the volumes ${asked.join()} and has ${has.join()}`);
  for (const volume of vmVolumes(vm)) {
    checkOne(volume, vm.name, index, found);
    if (volume.created && vm.assignment !== null && volume.place?.hostId !== vm.assignment.hostId) {
      found.push(`${vm.name} is on host ${vm.assignment.hostId}, its volume ${volume.name} on ${volume.place?.hostId}`);
    }
    const isPlaced = volume.place !== undefined;
    if (!volume.created && isPlaced !== (vm.assignment !== null)) {
      found.push(`${vm.name}: ${volume.name} was not made, and ${isPlaced ? 'has' : 'lacks'} a place`);
    }
  }
}

/** MiB that volumes take of each pool of a host, counted one by one. */
function taken(state: ClusterState, hostId: number): Map<string, number> {
  const pools = new Map<string, number>();
  const count = ({ place, former, pool, sizeMib }: VmVolume | StoredVolume, coming = false): void => {
    for (const at of [place?.hostId, former?.hostId, coming ? hostId : undefined]) {
      if (at === hostId) pools.set(pool, (pools.get(pool) ?? 0) + sizeMib);
    }
  };
  for (const vm of state.vms()) {
    const comes = moveTargetId(vm) === hostId;
    for (const volume of vmVolumes(vm)) count(volume, comes && volume.created && volume.place?.hostId !== hostId);
  }
  // What was never made takes nothing, and is only there to be looked for.
  for (const volume of state.stored.all()) if (volume.created) count(volume, volume.moving?.targetId === hostId);
  return pools;
}

/** What is wrong with `vm` having just been assigned to `host`, as to its data. */
export function checkAssignedVolumes(state: ClusterState, vm: Vm, host: Host, found: string[]): void {
  for (const { name, place } of vmVolumes(vm)) {
    if (place?.hostId !== host.id) {
      found.push(`${vm.name} was assigned to ${host.name}, its volume ${name} is on ${place?.host ?? 'no host'}`);
    }
  }
  if (vmVolumes(vm).every((volume) => volume.created)) return;
  for (const [pool, mib] of taken(state, host.id)) {
    const capacity = poolCapacity(host, pool);
    if (!vmVolumes(vm).some((volume) => volume.pool === pool && !volume.created)) continue;
    if (capacity === undefined || mib > capacity) {
      found.push(`${vm.name}: the pool ${pool} of ${host.name} has ${capacity ?? 'nothing'}, not ${mib} MiB`);
    }
  }
}

/** What is wrong with all volumes. */
export function checkVolumes(state: ClusterState, found: string[]): void {
  const owners = new Map<string, string>();
  const claim = (uid: string, owner: string): void => {
    const other = owners.get(uid);
    if (other !== undefined) found.push(`volume ${uid} belongs to ${other} and ${owner}`);
    owners.set(uid, owner);
  };
  const stored = new Map<string, number>();
  const note = ({ created, place, former, pool, sizeMib }: VmVolume | StoredVolume, targetId?: number): void => {
    if (!created || place === undefined) return;
    const coming = targetId === place.hostId ? undefined : targetId;
    for (const hostId of [place.hostId, former?.hostId, coming]) {
      if (hostId === undefined) continue;
      const key = `${hostId}/${pool}`;
      stored.set(key, (stored.get(key) ?? 0) + sizeMib);
    }
  };
  for (const vm of state.vms()) {
    checkVmVolumes(vm, state.index, found);
    for (const volume of vmVolumes(vm)) {
      claim(volume.uid, vm.name);
      note(volume, moveTargetId(vm));
      if (volume.former !== undefined && !state.indexes.formerOn(volume.former.hostId).has(volume.uid)) {
        found.push(`volume ${volume.uid} was copied from ${volume.former.host}, which is not indexed`);
      }
      if (volumeOf(state, volume.uid)?.vm?.name !== vm.name) found.push(`volume ${volume.uid} is not found by its uid`);
    }
  }
  let before = '';
  let count = 0;
  for (const volume of state.stored.all()) {
    claim(volume.uid, 'no VM');
    note(volume, volume.moving?.targetId);
    const { moving } = volume;
    if (moving !== undefined && state.host(moving.targetId) === undefined) {
      found.push(`volume ${volume.uid} moves to host ${moving.targetId}, which is no member`);
    }
    checkOne(volume, `former ${volume.formerVm}`, state.index, found);
    if (volume.uid <= before) found.push(`volume ${volume.uid} is listed after ${before}`);
    before = volume.uid;
    count += 1;
  }
  if (count !== state.stored.size) found.push(`${count} volumes are listed, ${state.stored.size} are there`);
  for (const [key, mib] of stored) {
    const [hostId, pool] = key.split('/');
    const indexed = state.indexes.stored(Number(hostId), pool ?? '');
    if (indexed !== mib) found.push(`pool ${pool} of host ${hostId}: ${mib} MiB are taken, ${indexed} are indexed`);
  }
}
