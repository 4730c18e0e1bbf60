/** Which other host may read the data of a volume, and when: nobody but the target of its move, while nobody writes on it. */
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import { moveOf } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import type { HostVolume, StoredVolume, VmVolume } from '../model/volume.ts';
import type { ObservedVm } from '../ports/driver.ts';
import { hostVolume } from './volume-copies.ts';

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

/** The host that is asked. */
export interface ServingHost {
  readonly hostId: number;
  readonly state: ClusterState;
  /** What its driver last found; null before the first look. */
  readonly observed: readonly ObservedVm[] | null;
}

/** Whether a host may let `readerId` read a volume. To be asked again while it is read: a move may be given up. */
export function servedVolume(host: ServingHost, readerId: number, { uid, move }: VolumeRequest): ServedVolume {
  const found = volumeOf(host.state, uid);
  if (found === undefined) return { ok: false, message: `volume ${uid} is not known here` };
  const { volume, vm } = found;
  const why = vm === undefined ? ofNoVm(host, readerId, volume, move) : ofVm(host, readerId, volume, vm, move);
  return why === undefined ? { ok: true, volume: hostVolume(volume) } : { ok: false, message: why };
}

function notTo(uid: string, readerId: number): string {
  return `volume ${uid} does not move to host ${readerId}`;
}

function ofVm({ hostId }: ServingHost, readerId: number, { uid }: VmVolume | StoredVolume, vm: Vm, move: number) {
  const now = moveOf(vm);
  if (vm.assignment?.hostId !== hostId || now?.index !== move || now.targetId !== readerId) return notTo(uid, readerId);
  return now.step === 'copy' ? undefined : `VM ${vm.name}, which volume ${uid} is of, may still run`;
}

function ofNoVm(host: ServingHost, readerId: number, volume: VmVolume | StoredVolume, move: number) {
  const { uid, place } = volume;
  const now = 'moving' in volume ? volume.moving : undefined;
  if (place?.hostId !== host.hostId || now?.index !== move || now.targetId !== readerId) return notTo(uid, readerId);
  if (host.observed === null) return `this host has not looked yet whether anybody writes on volume ${uid}`;
  const writer = host.observed.find((vm) => isStray(host, vm));
  return writer && `VM ${writer.name} still runs on this host, which it is not of: it may write on volume ${uid}`;
}

/**
 * Whether a process runs here that nobody knows of: the host was taken out of the cluster while it ran on, and is back.
 * It may have been started with volumes that belong to no VM since.
 */
function isStray({ state, hostId }: ServingHost, { name, managed, process }: ObservedVm): boolean {
  if (process === undefined || managed === undefined) return false;
  const vm = state.vm(name);
  return vm?.uid !== managed.uid || vm.assignment?.hostId !== hostId;
}
