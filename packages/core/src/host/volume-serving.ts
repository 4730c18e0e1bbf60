/** Which other host may read the data of a volume, and when: nobody but the target of its move, once its VM is gone here. */
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import { moveOf } from '../model/move.ts';
import type { HostVolume } from '../model/volume.ts';

/** What the target of a move asks for. */
export interface VolumeRequest {
  readonly uid: string;
  /** Raft index at which the move began. */
  readonly move: number;
}

/** The volume that may be read, or why not. A host that lags behind may say no to what is right: it is to be asked again. */
export type ServedVolume =
  | { readonly ok: true; readonly volume: HostVolume }
  | { readonly ok: false; readonly message: string };

/** Whether host `hostId` may let `readerId` read a volume. To be asked again while it is read: a move may be given up. */
export function servedVolume(
  state: ClusterState,
  hostId: number,
  readerId: number,
  request: VolumeRequest,
): ServedVolume {
  const { uid, move } = request;
  const found = volumeOf(state, uid);
  if (found === undefined) return { ok: false, message: `volume ${uid} is not known here` };
  const { volume, vm } = found;
  const now = vm === undefined ? undefined : moveOf(vm);
  if (vm?.assignment?.hostId !== hostId || now?.index !== move || now.targetId !== readerId) {
    return { ok: false, message: `volume ${uid} does not move to host ${readerId}` };
  }
  if (now.step !== 'copy') return { ok: false, message: `VM ${vm.name}, which volume ${uid} is of, may still run` };
  const { name, pool, sizeMib, fsType } = volume;
  return { ok: true, volume: { uid, name, pool, sizeMib, fsType } };
}
