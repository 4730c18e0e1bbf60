/** Finds volumes, whether they belong to a VM or to none. */
import type { Vm } from '../model/vm.ts';
import type { StoredVolume, VmVolume } from '../model/volume.ts';
import type { ClusterState } from './state.ts';

/** The volume with this uid, and the VM that it belongs to, if any. */
export function volumeOf(
  state: ClusterState,
  uid: string,
): { readonly volume: VmVolume | StoredVolume; readonly vm: Vm | undefined } | undefined {
  const vm = state.vm(state.indexes.volumeOwner(uid) ?? '');
  const volume = state.stored.get(uid) ?? vm?.volumes?.find((one) => one.uid === uid);
  return volume === undefined ? undefined : { volume, vm };
}
