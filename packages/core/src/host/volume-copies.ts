/**
 * Copies of volumes on the target of a move: made once the VM is gone from its host, told of when all of them are whole,
 * made the volumes themselves once the log says that they are, and removed when they are of no use. Pure.
 */
import type { Command } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import { volumesToCopy } from '../machine/volumes.ts';
import { type Move, moveOf } from '../model/move.ts';
import { type Vm, vmVolumes } from '../model/vm.ts';
import type { HostVolume, StoredVolume, VmVolume } from '../model/volume.ts';
import type { ObservedCopy, VolumeAction } from '../ports/volumes.ts';
import type { ActionFailure } from './backoff.ts';

/** `vmMoveCopied`, `vmMoveCopying`. */
export type CopyCommand = Extract<Command, { type: 'vmMoveCopied' | 'vmMoveCopying' }>;

/** What is known of the last tries to copy a volume for a move. */
export interface CopyTrouble {
  readonly failure: ActionFailure;
  /** Tries that failed one after the other without getting any further. */
  readonly attempts: number;
  /** Whether another try is of any use. */
  readonly retriable: boolean;
}

/** What a look at the copies needs. */
export interface CopyInput {
  readonly state: ClusterState;
  readonly hostId: number;
  /** By uid of the volume. */
  readonly copies: ReadonlyMap<string, ObservedCopy>;
  /** Whether something is under way for a volume, or is not to be tried again yet. */
  readonly isBusy: (uid: string, action: VolumeAction) => boolean;
  readonly trouble: (uid: string, move: number) => CopyTrouble | undefined;
  /** Whether it is time to tell of bytes that were copied since the last time. */
  readonly mayTell: (vmUid: string) => boolean;
}

/** What is to be done about copies. */
export interface CopySteps {
  readonly actions: readonly VolumeAction[];
  readonly proposals: readonly { readonly key: string; readonly command: CopyCommand }[];
}

/** Tries without any progress after which a move is given up: with the pauses between them, a few minutes. */
export const COPY_ATTEMPTS = 8;

/** What is to be known of a volume to make it, and to find it. */
export function hostVolume({ uid, name, pool, sizeMib, fsType }: VmVolume | StoredVolume): HostVolume {
  return { uid, name, pool, sizeMib, fsType };
}

/** The copy that is to become the volume, if the log has confirmed it and that has not been done yet. */
export function copyToAccept(
  { uid, place }: Pick<VmVolume, 'uid' | 'place'>,
  hostId: number,
  copies: ReadonlyMap<string, ObservedCopy>,
): ObservedCopy | undefined {
  const copy = copies.get(uid);
  if (copy === undefined || place?.hostId !== hostId || place.move !== copy.move || !copy.isWhole) return undefined;
  return copy;
}

/** What the target tells of one move, once there is something to tell. */
function tell(input: CopyInput, vm: Vm, move: Move, wanted: readonly VmVolume[]): CopyCommand | undefined {
  const { hostId, copies, trouble, mayTell } = input;
  const base = { hostId, name: vm.name, uid: vm.uid, index: move.index } as const;
  const whole: { uid: string; epoch: number }[] = [];
  let copiedBytes = 0;
  let problem: string | undefined;
  for (const { uid } of wanted) {
    const copy = copies.get(uid);
    if (copy?.move === move.index) {
      copiedBytes += copy.copiedBytes;
      if (copy.isWhole) {
        whole.push({ uid, epoch: copy.epoch });
        continue;
      }
    }
    const failed = trouble(uid, move.index);
    if (failed === undefined) continue;
    problem = `${failed.failure.reason}: ${failed.failure.message}`.slice(0, 256);
    if (!failed.retriable || failed.attempts >= COPY_ATTEMPTS) {
      return { type: 'vmMoveCopied', ...base, volumes: [], failure: problem };
    }
  }
  if (whole.length === wanted.length) return { type: 'vmMoveCopied', ...base, volumes: whole };
  const isNew =
    copiedBytes !== (move.copiedBytes ?? 0) || (problem !== undefined && !vm.status.message.includes(problem));
  if (!isNew || !mayTell(vm.uid)) return undefined;
  return { type: 'vmMoveCopying', ...base, copiedBytes, ...(problem === undefined ? {} : { problem }) };
}

/** Whether somebody may still want the copy. */
function isWanted(state: ClusterState, hostId: number, copy: ObservedCopy): boolean {
  // The log is still being read again: it cannot know of the move yet.
  if (copy.move > state.index) return true;
  const found = volumeOf(state, copy.uid);
  if (found === undefined) return false;
  const { volume, vm } = found;
  if (volume.place?.hostId === hostId && volume.place.move === copy.move) return true;
  const move = vm === undefined ? undefined : moveOf(vm);
  return move?.index === copy.move && move.targetId === hostId;
}

/** One look at the copies of one host. */
export function reconcileCopies(input: CopyInput): CopySteps {
  const { state, hostId, copies, isBusy } = input;
  const actions: VolumeAction[] = [];
  const proposals: { key: string; command: CopyCommand }[] = [];
  const offer = (action: VolumeAction): void => {
    if (!isBusy(action.volume.uid, action)) actions.push(action);
  };
  for (const vm of state.vmsMovingTo(hostId)) {
    const move = moveOf(vm);
    if (move?.step !== 'copy' || vm.deleting) continue;
    const wanted = volumesToCopy(vm, hostId);
    for (const volume of wanted) {
      const copy = copies.get(volume.uid);
      if (volume.place === undefined || (copy?.move === move.index && copy.isWhole)) continue;
      const { hostId: sourceId } = volume.place;
      offer({ type: 'copy', volume: hostVolume(volume), move: move.index, sourceId });
    }
    const command = tell(input, vm, move, wanted);
    if (command !== undefined) proposals.push({ key: `${command.type}/${vm.uid}`, command });
  }
  for (const copy of copies.values()) {
    const volume = volumeOf(state, copy.uid)?.volume;
    // It goes together with its volume.
    if (volume?.place?.hostId === hostId && 'deleting' in volume && volume.deleting === true) continue;
    if (volume !== undefined && copyToAccept(volume, hostId, copies) !== undefined) {
      offer({ type: 'accept', volume: hostVolume(volume), move: copy.move });
    } else if (!isWanted(state, hostId, copy)) {
      const { uid, pool } = copy;
      offer({ type: 'discard', volume: { uid, pool } });
    }
  }
  return { actions, proposals };
}

/** Whether a VM has run with its volumes where they are now, so that what they were copied from may go. */
export function hasRunWithCopy(vm: Vm): boolean {
  const { assignment, status } = vm;
  if (assignment === null || (status.phase !== 'running' && status.phase !== 'unhealthy')) return false;
  return vmVolumes(vm).every(({ place, writer }) => place?.hostId === assignment.hostId && writer >= assignment.epoch);
}
