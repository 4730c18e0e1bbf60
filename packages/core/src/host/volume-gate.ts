/**
 * Whether a VM may be started with the volumes that are on its host. A runner makes a new, empty image where one is
 * missing, so that nothing is started before each volume was found, is known to the log as made, and bears the stamp
 * of its last writer.
 */
import { type Vm, vmVolumes } from '../model/vm.ts';
import type { AttachedVolume, VmVolume } from '../model/volume.ts';
import type { ObservedCopy, ObservedVolume } from '../ports/volumes.ts';
import type { ActionFailure } from './backoff.ts';
import { copyToAccept } from './volume-copies.ts';

/** Volumes of this host, as the reconciler of VMs sees them. */
export interface VolumeView {
  /** By uid; null before the first look. */
  readonly observed: ReadonlyMap<string, ObservedVolume> | null;
  /** Copies that are not volumes yet, by uid. */
  readonly copies: ReadonlyMap<string, ObservedCopy>;
  /** What the last attempt to make a volume, or to make a copy the volume, failed with. */
  failure(uid: string): ActionFailure | undefined;
}

/** Why a VM is not started yet, or must not be. */
export interface VolumeHold {
  readonly phase: 'building' | 'failed';
  readonly reason: string;
  readonly message: string;
}

/** Why a volume that was made must not be used as it is. */
export interface VolumeProblem extends VolumeHold {
  readonly reason: 'VolumeMissing' | 'VolumeStale';
}

function wayOut(vm: string, volume: string): string {
  return `to begin with an empty one, stop it, and: n3xctl vm recreate-volumes ${vm} --volume ${volume}`;
}

/** What is wrong with a volume that was made, as it is found on the host that has it. `host` is its name. */
export function volumeProblem(
  vm: string,
  volume: Pick<AttachedVolume, 'uid' | 'name' | 'writer'>,
  found: Pick<ObservedVolume, 'epoch'> | undefined,
  host: string,
): VolumeProblem | undefined {
  const { uid, name, writer } = volume;
  if (found === undefined) {
    const message = `volume ${name} (${uid}) is not on ${host}, which is to have its data: bring its disk back, or, ${wayOut(vm, name)}`;
    return { phase: 'failed', reason: 'VolumeMissing', message };
  }
  if (found.epoch < writer) {
    const message = `volume ${name} (${uid}) on ${host} was last written at epoch ${found.epoch}, its newest data at ${writer}: bring that back, or, ${wayOut(vm, name)}`;
    return { phase: 'failed', reason: 'VolumeStale', message };
  }
  return undefined;
}

function holdOf(vm: Vm, hostId: number, volume: VmVolume, view: VolumeView): VolumeHold | undefined {
  if (view.observed === null) return { phase: 'building', reason: 'CreatingVolumes', message: 'looks for its volumes' };
  if (!volume.created) {
    const failure = view.failure(volume.uid);
    if (failure !== undefined) return { phase: 'failed', reason: failure.reason, message: failure.message };
    return { phase: 'building', reason: 'CreatingVolumes', message: `makes its volume ${volume.name}` };
  }
  const { place } = volume;
  if (place?.hostId !== hostId) {
    const message = `volume ${volume.name} (${volume.uid}) is on ${place?.host ?? 'no host'}, not here`;
    return { phase: 'failed', reason: 'VolumeElsewhere', message };
  }
  // What is under its name until then is older, if it is there at all.
  if (copyToAccept(volume, hostId, view.copies) !== undefined) {
    const failure = view.failure(volume.uid);
    if (failure !== undefined) return { phase: 'failed', reason: failure.reason, message: failure.message };
    const message = `puts the copy of its volume ${volume.name} in its place`;
    return { phase: 'building', reason: 'CopyingVolumes', message };
  }
  return volumeProblem(vm.name, volume, view.observed.get(volume.uid), place.host);
}

/** Why the VM is not to be started with its volumes as they are; undefined when it may. */
export function volumeHold(vm: Vm, hostId: number, view: VolumeView): VolumeHold | undefined {
  for (const volume of vmVolumes(vm)) {
    const hold = holdOf(vm, hostId, volume, view);
    if (hold !== undefined) return hold;
  }
  return undefined;
}
