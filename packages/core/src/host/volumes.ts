/**
 * The reconciler of a host's volumes: from what the cluster wants and what is found on the disks, to the next actions
 * and to what is reported. Pure and level-triggered, as that of VMs in `reconcile.ts`.
 *
 * What is removed is only what is known to hold nothing that is needed: what the log says is to go, an image on which
 * nobody ever wrote and that nobody wants here, an old copy once a newer one has been written on elsewhere, and what a
 * volume was copied from once a VM has run with the copy, or, where it belongs to none, its new host has found it.
 */

import type { Command } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import { isLeaving } from '../model/move.ts';
import { vmVolumes } from '../model/vm.ts';
import { madeAt } from '../model/volume.ts';
import type { ObservedVolume, VolumeAction } from '../ports/volumes.ts';
import { type CopyCommand, type CopyInput, hasRunWithCopy, hostVolume, reconcileCopies } from './volume-copies.ts';

/** Commands that come of a reconciliation, each with a key that names the decision. */
export interface VolumeProposal {
  readonly key: string;
  readonly command: Extract<Command, { type: 'volumesCreated' | 'volumeReport' | 'volumeRemoved' }> | CopyCommand;
}

/** What a reconciliation looks at. */
export interface VolumeInput extends CopyInput {
  /** By uid. */
  readonly observed: ReadonlyMap<string, ObservedVolume>;
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
  if (volume.former?.hostId === hostId) return false;
  return volume.place !== undefined && found.epoch <= volume.writer;
}

/**
 * Whether what a volume was copied from may be the newest that is known to be good: no VM has run with the copy yet, nor,
 * if it was copied while it belonged to none, has its new host been seen to have it.
 */
function isNewestKnown({ volume, vm }: NonNullable<ReturnType<typeof volumeOf>>): boolean {
  if (volume.place?.alone === true && volume.usedBytes !== undefined) return false;
  return vm === undefined ? !('deleting' in volume && volume.deleting === true) : !hasRunWithCopy(vm);
}

/** One reconciliation of one host. */
export function reconcileVolumes(input: VolumeInput): VolumeReconciliation {
  const { state, hostId, observed, copies, isBusy } = input;
  const steps = reconcileCopies(input);
  const actions: VolumeAction[] = [...steps.actions];
  const proposals: VolumeProposal[] = [...steps.proposals];
  const offer = (action: VolumeAction): void => {
    if (!isBusy(action.volume.uid, action)) actions.push(action);
  };
  for (const vm of state.vmsOnHost(hostId)) {
    if (vm.assignment === null || vm.deleting || isLeaving(vm)) continue;
    const { epoch } = vm.assignment;
    const made: string[] = [];
    for (const volume of vmVolumes(vm)) {
      if (volume.created || volume.place?.hostId !== hostId) continue;
      if (observed.has(volume.uid)) made.push(volume.uid);
      else offer({ type: 'create', volume: hostVolume(volume) });
    }
    if (made.length === 0) continue;
    const { name, uid } = vm;
    const command = { type: 'volumesCreated', hostId, name, uid, epoch, volumes: made } as const;
    proposals.push({ key: `volumesCreated/${uid}`, command });
  }
  for (const volume of state.stored.all()) {
    if (volume.deleting !== true || volume.place?.hostId !== hostId) continue;
    const { uid } = volume;
    if (observed.has(uid) || copies.has(uid)) offer({ type: 'remove', volume: hostVolume(volume) });
    else proposals.push({ key: `volumeRemoved/${uid}`, command: { type: 'volumeRemoved', hostId, uid } });
  }
  for (const uid of state.indexes.formerOn(hostId)) {
    const found = volumeOf(state, uid);
    if (found?.volume.former?.hostId !== hostId || isNewestKnown(found)) continue;
    if (observed.has(uid)) offer({ type: 'remove', volume: hostVolume(found.volume) });
    else proposals.push({ key: `volumeRemoved/${uid}`, command: { type: 'volumeRemoved', hostId, uid } });
  }
  proposals.push(...usage(input));
  for (const found of observed.values()) {
    if (!isLeftOver(state, hostId, found)) continue;
    const { uid, pool } = found;
    offer({ type: 'remove', volume: { uid, pool } });
  }
  // One at a time for each volume, the first that was thought of: what is still due then is found again.
  const uids = new Set<string>();
  const first = actions.filter(({ volume: { uid } }) => !uids.has(uid) && uids.add(uid));
  return { actions: first, proposals };
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
