/**
 * The reconciler of a host's volumes: from what the cluster wants and what is found on the disks, to the next actions
 * and to what is reported. Pure and level-triggered, as that of VMs in `reconcile.ts`.
 *
 * What is removed is only what is known to hold nothing that is needed: what the log says is to go, an image on which
 * nobody ever wrote and that nobody wants here, and an old copy once a newer one has been written on elsewhere.
 */

import type { Command } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import { isLeaving } from '../model/move.ts';
import { vmVolumes } from '../model/vm.ts';
import { madeAt, type StoredVolume, type VmVolume } from '../model/volume.ts';
import type { ObservedVolume, VolumeAction } from '../ports/volumes.ts';

/** Commands that come of a reconciliation, each with a key that names the decision. */
export interface VolumeProposal {
  readonly key: string;
  readonly command: Extract<Command, { type: 'volumesCreated' | 'volumeReport' | 'volumeRemoved' }>;
}

/** What a reconciliation looks at. */
export interface VolumeInput {
  readonly state: ClusterState;
  readonly hostId: number;
  /** By uid. */
  readonly observed: ReadonlyMap<string, ObservedVolume>;
  /** Whether something is under way for a volume, or is not to be tried again yet. */
  readonly isBusy: (uid: string, action: VolumeAction['type']) => boolean;
  /** Whether what a volume takes of the disk may be reported again. */
  readonly mayReport: (uid: string, change: number, sizeMib: number) => boolean;
}

/** What is to be done. */
export interface VolumeReconciliation {
  readonly actions: readonly VolumeAction[];
  readonly proposals: readonly VolumeProposal[];
}

/** Volumes in one report. */
const REPORTS_PER_COMMAND = 256;

type Report = Extract<Command, { type: 'volumeReport' }>['reports'][number];

function hostVolume({ uid, name, pool, sizeMib, fsType }: VmVolume | StoredVolume): VolumeAction['volume'] {
  return { uid, name, pool, sizeMib, fsType };
}

/** Whether the uid is of a time that a recovery of the cluster left out. */
function isFromLostFuture(state: ClusterState, uid: string): boolean {
  const index = madeAt(uid);
  const recoveries = state.cluster?.recoveries ?? [];
  return index > state.index || recoveries.some((one) => index > one.lastIndex && index <= one.index);
}

/** Whether what is found here is of no use to anybody. */
function isLeftOver(state: ClusterState, hostId: number, found: ObservedVolume): boolean {
  const known = volumeOf(state, found.uid);
  if (known === undefined) return found.epoch === 0 && !isFromLostFuture(state, found.uid);
  const { volume } = known;
  if (volume.place?.hostId === hostId) return false;
  // The host of the place may be this one, under the id that it had before.
  if (volume.place !== undefined && state.host(volume.place.hostId) === undefined) return false;
  return found.epoch < volume.writer || (found.epoch === 0 && volume.place !== undefined);
}

/** One reconciliation of one host. */
export function reconcileVolumes(input: VolumeInput): VolumeReconciliation {
  const { state, hostId, observed, isBusy } = input;
  const actions: VolumeAction[] = [];
  const proposals: VolumeProposal[] = [];
  for (const vm of state.vmsOnHost(hostId)) {
    if (vm.assignment === null || vm.deleting || isLeaving(vm)) continue;
    const { epoch } = vm.assignment;
    const made: string[] = [];
    for (const volume of vmVolumes(vm)) {
      if (volume.created || volume.place?.hostId !== hostId) continue;
      if (observed.has(volume.uid)) made.push(volume.uid);
      else if (!isBusy(volume.uid, 'create')) actions.push({ type: 'create', volume: hostVolume(volume) });
    }
    if (made.length === 0) continue;
    const { name, uid } = vm;
    const command = { type: 'volumesCreated', hostId, name, uid, epoch, volumes: made } as const;
    proposals.push({ key: `volumesCreated/${uid}`, command });
  }
  for (const volume of state.stored.all()) {
    if (volume.deleting !== true || volume.place?.hostId !== hostId) continue;
    const { uid } = volume;
    if (!observed.has(uid)) {
      proposals.push({ key: `volumeRemoved/${uid}`, command: { type: 'volumeRemoved', hostId, uid } });
    } else if (!isBusy(uid, 'remove')) actions.push({ type: 'remove', volume: hostVolume(volume) });
  }
  proposals.push(...usage(input));
  for (const found of observed.values()) {
    if (!isLeftOver(state, hostId, found) || isBusy(found.uid, 'remove')) continue;
    const { uid, pool } = found;
    actions.push({ type: 'remove', volume: { uid, pool, name: 'left-over', sizeMib: 1, fsType: 'ext4' } });
  }
  return { actions, proposals };
}

/** What there is to be reported of the volumes that are here. */
function usage({ state, hostId, observed, mayReport }: VolumeInput): VolumeProposal[] {
  const reports: Report[] = [];
  for (const { uid, epoch, usedBytes } of observed.values()) {
    const known = volumeOf(state, uid)?.volume;
    if (known?.place === undefined || !known.created) continue;
    const isHere = known.place.hostId === hostId;
    const isBack = known.place.host === state.host(hostId)?.name && state.host(known.place.hostId) === undefined;
    if (!isHere && !isBack) continue;
    const change = Math.abs(usedBytes - (known.usedBytes ?? 0));
    const isNew = epoch > known.writer || known.usedBytes === undefined || isBack;
    if (isNew || (change > 0 && mayReport(uid, change, known.sizeMib))) reports.push({ uid, epoch, usedBytes });
  }
  const proposals: VolumeProposal[] = [];
  for (let at = 0; at < reports.length; at += REPORTS_PER_COMMAND) {
    const command = { type: 'volumeReport', hostId, reports: reports.slice(at, at + REPORTS_PER_COMMAND) } as const;
    proposals.push({ key: `volumeReport/${at}`, command });
  }
  return proposals;
}
