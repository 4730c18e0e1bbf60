/**
 * What becomes of a VM's volumes when it is made, gets a host, leaves one and goes. A volume that was made is tied to
 * the host that has it (`place`): nothing here gives it another one but the copy that was confirmed, or a user's word.
 */

import { assert } from '../base/assert.ts';
import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import { formatSizeMib } from '../model/quantity.ts';
import { mayLoseData, type Vm, type VmSpec, type Volume, vmVolumes } from '../model/vm.ts';
import { DEFAULT_POOL, renamed, type StoredVolume, type VmVolume, volumeUid } from '../model/volume.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { no, notFound, type Verdict } from './verdict.ts';
import { volumeOf } from './volume-of.ts';

/** The volumes that a spec asks for. */
export function volumeSpecs(spec: VmSpec): readonly Volume[] {
  return spec.source.kind === 'inline' ? spec.source.volumes : [];
}

/** The volumes that have to be copied before the VM can be another host's. */
export function volumesToCopy(vm: Vm, targetId: number): readonly VmVolume[] {
  if (mayLoseData(vm)) return [];
  return vmVolumes(vm).filter(({ created, place }) => created && place?.hostId !== targetId);
}

/** Of volumes with data: who has them, in words. */
export function placeText(volume: Pick<VmVolume, 'place'>): string {
  return volume.place === undefined ? 'on no host' : `on ${volume.place.host}`;
}

/** A volume that has yet to be made. */
export function freshVolume({ name, sizeMib, fsType, pool, keep }: Volume, uid: string): VmVolume {
  return {
    ...{ uid, name, sizeMib, fsType, pool: pool ?? DEFAULT_POOL, created: false, writer: 0 },
    ...(keep === true ? { keep: true } : {}),
  };
}

/** A volume of no VM as that of one. What was kept once is kept again unless somebody says otherwise. */
export function ownVolume(stored: StoredVolume, asked: Pick<Volume, 'name' | 'keep'>): VmVolume {
  const { kind: _k, formerVm: _f, modifiedIndex: _i, createdAtMs: _c, ...found } = stored;
  const { deleting: _d, moving: _m, moveFailure: _t, ...volume } = found;
  return { ...renamed(volume, asked.name), ...(asked.keep === false ? {} : { keep: true }) };
}

/** Why a volume of no VM cannot become the one that a spec asks for. */
export function takeRefusal(state: ClusterState, vm: string, asked: Volume, uid: string): Verdict | undefined {
  const found = volumeOf(state, uid);
  if (found === undefined) return notFound('volume', uid, '`n3xctl volume list` shows those that do');
  const { volume } = found;
  const refuse = (why: string): Verdict =>
    no(ERROR_CODES.refused, `volume ${uid} cannot become ${asked.name} of VM ${vm}: ${why}`, { uid, vm });
  if (found.vm !== undefined)
    return refuse(`it belongs to VM ${found.vm.name}: detach it there first, \`n3xctl volume detach ${uid}\``);
  if ('deleting' in volume && volume.deleting === true) return refuse('it is being deleted');
  if ('moving' in volume && volume.moving !== undefined)
    return refuse('it moves to another host: wait until it is there');
  if (volume.sizeMib !== asked.sizeMib) {
    return refuse(`its size is ${formatSizeMib(volume.sizeMib)}, not ${formatSizeMib(asked.sizeMib)}`);
  }
  if (volume.fsType !== asked.fsType) return refuse(`its file system is ${volume.fsType}, not ${asked.fsType}`);
  if ((asked.pool ?? volume.pool) !== volume.pool) return refuse(`it is in the pool ${volume.pool}`);
  return undefined;
}

/** What volumes a new VM gets. */
export type DraftedVolumes =
  | { readonly ok: true; readonly volumes: VmVolume[]; readonly taken: readonly StoredVolume[] }
  | { readonly ok: false; readonly verdict: Verdict };

/** The volumes of a VM that is made at `index`; nothing changes yet. `first` numbers those that are new. */
export function draftVolumes(state: ClusterState, vm: string, spec: VmSpec, index: number, first = 0): DraftedVolumes {
  const volumes: VmVolume[] = [];
  const taken: StoredVolume[] = [];
  for (const [position, asked] of volumeSpecs(spec).entries()) {
    if (asked.from === undefined) {
      volumes.push(freshVolume(asked, volumeUid(index, first + position)));
      continue;
    }
    const refusal = takeRefusal(state, vm, asked, asked.from);
    const stored = state.stored.get(asked.from);
    if (refusal !== undefined || stored === undefined) {
      return { ok: false, verdict: refusal ?? notFound('volume', asked.from, 'it went meanwhile') };
    }
    taken.push(stored);
    volumes.push(ownVolume(stored, asked));
  }
  return { ok: true, volumes, taken };
}

/** The VM with these volumes, and without any where there are none. */
export function withVolumes(vm: Vm, volumes: VmVolume[]): Vm {
  const { volumes: _, ...rest } = vm;
  return volumes.length === 0 ? rest : { ...vm, volumes };
}

/** A volume without its VM. */
function stored(tx: Transaction, vm: Vm, volume: VmVolume, isKept: boolean): void {
  const { keep: _, ...fields } = volume;
  tx.putVolume({
    ...fields,
    ...{ kind: 'volume', formerVm: vm.name, createdAtMs: tx.atMs },
    ...(isKept ? {} : { deleting: true }),
  });
}

/** Lets go of one volume: kept ones stay where they are, the others are removed by the host that has them. */
export function letGo(tx: Transaction, vm: Vm, volume: VmVolume, isKept: boolean): void {
  if (volume.place === undefined) return;
  const hasHost = tx.state.host(volume.place.hostId) !== undefined;
  // What went with its host cannot be removed by it. What was never made may still be there as an empty image.
  if (volume.created ? isKept || hasHost : hasHost) stored(tx, vm, volume, volume.created && isKept);
}

/** The VM is about to go: what becomes of its volumes. To be called after its record was deleted. */
export function releaseVolumes(tx: Transaction, vm: Vm): void {
  for (const volume of vm.volumes ?? []) {
    letGo(tx, vm, volume, volume.keep === true);
    if (!volume.created) continue;
    const fate = volume.keep === true ? `is kept ${placeText(volume)}` : `goes with VM ${vm.name}`;
    tx.event({ kind: 'volume', name: volume.uid }, volume.keep === true ? 'Kept' : 'Deleted', `${volume.name} ${fate}`);
  }
}

/** `vm` as it is once `host` is its host: volumes that were not made yet are to be made there. */
export function settleVolumes(tx: Transaction, vm: Vm, host: Host): Vm {
  const place = { hostId: host.id, host: host.name, since: tx.index };
  const isUnknown = vm.spec.source.kind === 'flake' && vm.spec.disposable !== true;
  const home = isUnknown ? { home: { hostId: host.id, host: host.name } } : {};
  const volumes = (vm.volumes ?? []).map((volume, position): VmVolume => {
    if (volume.created && volume.place?.hostId === host.id) return volume;
    if (!volume.created) return { ...volume, place };
    assert(mayLoseData(vm), `the data of ${vm.name} may be left behind`);
    letGo(tx, vm, volume, false);
    const { place: _p, former: _f, usedBytes: _u, madeAs: _m, ...rest } = volume;
    return { ...rest, uid: volumeUid(tx.index, position), created: false, writer: 0, place };
  });
  return withVolumes({ ...vm, ...home }, volumes);
}

/** `vm` as it is once it has no host: what was not made has no place any more. */
export function unsettleVolumes(vm: Vm): Vm {
  const volumes = (vm.volumes ?? []).map((volume): VmVolume => {
    if (volume.created) return volume;
    const { place: _, ...rest } = volume;
    return rest;
  });
  return withVolumes(vm, volumes);
}
