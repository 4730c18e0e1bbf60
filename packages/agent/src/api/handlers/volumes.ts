/** Volumes: what there is, and what shall go or begin anew. */

import type { RouteResult } from '@n3x/core/api/routes';
import type { VolumeView } from '@n3x/core/api/volume-routes';
import { N3xError } from '@n3x/core/base/errors';
import type { ClusterState } from '@n3x/core/machine/state';
import { volumeOf } from '@n3x/core/machine/volume-of';
import { type Vm, vmVolumes } from '@n3x/core/model/vm';
import type { StoredVolume, VmVolume } from '@n3x/core/model/volume';
import { type Call, unknownVm } from '../call.ts';
import { vmView } from '../views.ts';

interface Owned {
  readonly volume: VmVolume | StoredVolume;
  readonly vm: Vm | undefined;
}

/** Volumes of VMs by the names of these, then the others. */
function* allVolumes(state: ClusterState): Generator<Owned> {
  for (const vm of state.vms()) for (const volume of vmVolumes(vm)) yield { volume, vm };
  for (const volume of state.stored.all()) yield { volume, vm: undefined };
}

function stateOf(state: ClusterState, { volume, vm }: Owned): VolumeView['state'] {
  if ('deleting' in volume && volume.deleting === true) return 'deleting';
  if (!volume.created) return 'planned';
  if (volume.place !== undefined && state.host(volume.place.hostId) === undefined) return 'lost';
  if ('moving' in volume && volume.moving !== undefined) return 'moving';
  return vm === undefined ? 'kept' : 'attached';
}

function moveView(state: ClusterState, volume: Owned['volume']): Pick<VolumeView, 'move' | 'moveFailure'> {
  const { moving, moveFailure } = 'kind' in volume ? volume : {};
  const to = state.host(moving?.targetId ?? 0)?.name;
  const { copiedBytes = 0, problem = null } = moving ?? {};
  return { move: to === undefined ? null : { to, copiedBytes, problem }, moveFailure: moveFailure?.message ?? null };
}

function volumeView(state: ClusterState, owned: Owned): VolumeView {
  const { volume, vm } = owned;
  const { uid, name, pool, sizeMib, fsType, writer, place } = volume;
  return {
    ...{ uid, name, pool, sizeMib, fsType, writer },
    state: stateOf(state, owned),
    vm: vm?.name ?? null,
    formerVm: 'formerVm' in volume ? volume.formerVm : null,
    host: place?.host ?? null,
    reachable: place !== undefined && state.host(place.hostId)?.reachable === true,
    usedBytes: volume.usedBytes ?? null,
    since: place?.since ?? null,
    copiedFrom: volume.former?.host ?? null,
    ...moveView(state, volume),
    keep: vm === undefined || ('keep' in volume && volume.keep === true),
  };
}

/** The volume that `ref` means. Throws `N3X_NOT_FOUND`, or `N3X_CONFLICT` when it means more than one. */
function findVolume(state: ClusterState, ref: string): Owned {
  const byUid = volumeOf(state, ref);
  if (byUid !== undefined) return byUid;
  const at = ref.lastIndexOf('.');
  const [first, second] = at < 0 ? [ref, undefined] : [ref.slice(0, at), ref.slice(at + 1)];
  const found = [...allVolumes(state)].filter(({ volume, vm }) => {
    if (second === undefined) return volume.name === first;
    return volume.name === second && (vm?.name ?? ('formerVm' in volume ? volume.formerVm : '')) === first;
  });
  const [only] = found;
  if (only === undefined) {
    const message = `volume ${ref} does not exist: \`n3xctl volume list\` shows those that do`;
    throw new N3xError('N3X_NOT_FOUND', message, { details: { kind: 'volume', name: ref } });
  }
  if (found.length === 1) return only;
  const uids = found.map(({ volume, vm }) => `${volume.uid}${vm === undefined ? '' : ` of VM ${vm.name}`}`);
  const message = `${ref} may be any of ${uids.slice(0, 8).join(', ')}: name one by its uid`;
  throw new N3xError('N3X_CONFLICT', message, { details: { kind: 'volume', name: ref } });
}

/** `GET /v1/volumes` */
export async function listVolumes(call: Call<'listVolumes'>): Promise<RouteResult<'listVolumes'>> {
  const { consistency } = call.query;
  const state = await call.stateFor(consistency);
  const items = [...allVolumes(state)].map((owned) => volumeView(state, owned));
  return { items, index: state.index, stale: consistency === 'stale' };
}

/** `GET /v1/volumes/:ref` */
export async function getVolume(call: Call<'getVolume'>): Promise<RouteResult<'getVolume'>> {
  const state = await call.stateFor(call.query.consistency);
  return volumeView(state, findVolume(state, call.params.ref));
}

/** The uid of the volume that `ref` means. Of a uid nothing is asked: sent again, a request means the same volume. */
async function uidOf(
  call: { stateFor(consistency: 'linearizable'): Promise<ClusterState> },
  ref: string,
): Promise<string> {
  return /^v\d+-\d+$/.test(ref) ? ref : findVolume(await call.stateFor('linearizable'), ref).volume.uid;
}

/** `DELETE /v1/volumes/:ref` */
export async function deleteVolume(call: Call<'deleteVolume'>): Promise<RouteResult<'deleteVolume'>> {
  const uid = await uidOf(call, call.params.ref);
  const { changed, index } = await call.command({ type: 'volumeDelete', uid });
  return { changed, index };
}

/** The volume as of a change. */
function changedVolume(
  state: ClusterState,
  uid: string | undefined,
  { changed, index }: { readonly changed: boolean; readonly index: number },
): RouteResult<'attachVolume'> {
  const owned = uid === undefined ? undefined : volumeOf(state, uid);
  return { volume: owned === undefined ? null : volumeView(state, owned), changed, index };
}

/** `POST /v1/volumes/:ref/attach` */
export async function attachVolume(call: Call<'attachVolume'>): Promise<RouteResult<'attachVolume'>> {
  const uid = await uidOf(call, call.params.ref);
  const { vm, name, mountPoint } = call.body;
  const { ifModifiedIndex } = call.query;
  const result = await call.command({
    ...{ type: 'volumeAttach', name: vm, uid },
    ...(name === undefined ? {} : { as: name }),
    ...(mountPoint === undefined ? {} : { mountPoint }),
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  return changedVolume(await call.stateAt(result.index), uid, result);
}

/** `POST /v1/volumes/:ref/detach` */
export async function detachVolume(call: Call<'detachVolume'>): Promise<RouteResult<'detachVolume'>> {
  const uid = await uidOf(call, call.params.ref);
  const { ifModifiedIndex } = call.query;
  const result = await call.command({
    ...{ type: 'volumeDetach', uid },
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  return changedVolume(await call.stateAt(result.index), uid, result);
}

/** `POST /v1/volumes/:ref/move` */
export async function moveVolume(call: Call<'moveVolume'>): Promise<RouteResult<'moveVolume'>> {
  const uid = await uidOf(call, call.params.ref);
  const result = await call.command({ type: 'volumeMove', uid, host: call.body.host });
  return changedVolume(await call.stateAt(result.index), uid, result);
}

/** `POST /v1/volumes/:ref/move/cancel` */
export async function cancelVolumeMove(call: Call<'cancelVolumeMove'>): Promise<RouteResult<'cancelVolumeMove'>> {
  const uid = await uidOf(call, call.params.ref);
  const result = await call.command({ type: 'volumeMoveCancel', uid });
  return changedVolume(await call.stateAt(result.index), uid, result);
}

/** `POST /v1/vms/:name/volumes` */
export async function createVolume(call: Call<'createVolume'>): Promise<RouteResult<'createVolume'>> {
  const { name } = call.params;
  const { ifModifiedIndex } = call.query;
  const result = await call.command({
    ...{ type: 'volumeCreate', name, volume: call.body },
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  const state = await call.stateAt(result.index);
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  return changedVolume(state, vmVolumes(vm).find((one) => one.name === call.body.name)?.uid, result);
}

/** `POST /v1/vms/:name/recreate-volumes` */
export async function recreateVolumes(call: Call<'recreateVolumes'>): Promise<RouteResult<'recreateVolumes'>> {
  const { name } = call.params;
  const { volumes } = call.body;
  const { ifModifiedIndex } = call.query;
  const { changed, index } = await call.command({
    ...{ type: 'volumeRecreate', name },
    ...(volumes === undefined ? {} : { volumes }),
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  const state = await call.stateAt(index);
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  return { vm: vmView(state, vm), changed, index };
}
