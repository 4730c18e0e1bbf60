/**
 * Copies of volumes on the target of a move: made once nobody writes on them where they are, told of when all of a VM's are
 * whole, made the volumes themselves once the log says that they are, and removed when they are of no use. Pure.
 */
import type { Command } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import { volumesToCopy } from '../machine/volumes.ts';
import { type Move, moveOf } from '../model/move.ts';
import { type Vm, vmVolumes } from '../model/vm.ts';
import type { HostVolume, StoredVolume, VmVolume, VolumeMove } from '../model/volume.ts';
import type { ObservedCopy, VolumeAction } from '../ports/volumes.ts';
import type { ActionFailure } from './backoff.ts';

/** What a target tells of the move of a VM, or of a volume of no VM. */
export type CopyCommand = Extract<
  Command,
  { type: 'vmMoveCopied' | 'vmMoveCopying' | 'volumeMoveCopied' | 'volumeMoveCopying' }
>;

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
  /** Whether it is time to tell of bytes that were copied since the last time, by uid of what moves. */
  readonly mayTell: (uid: string) => boolean;
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

/** What moves: a VM with volumes, or a volume of no VM. */
interface Moved {
  readonly uid: string;
  /** Raft index at which it began. */
  readonly index: number;
  /** As last told. */
  readonly copiedBytes: number;
  /** Whether this problem was told already. */
  readonly isTold: (problem: string) => boolean;
}

/** What there is to be told of a move. */
type News =
  | { readonly type: 'whole'; readonly volumes: readonly { readonly uid: string; readonly epoch: number }[] }
  | { readonly type: 'failed'; readonly failure: string }
  | { readonly type: 'copying'; readonly copiedBytes: number; readonly problem?: string };

/** What the target has to tell of one move; undefined when that is nothing new. */
function newsOf(input: CopyInput, moved: Moved, wanted: readonly { readonly uid: string }[]): News | undefined {
  const { copies, trouble, mayTell } = input;
  const whole: { uid: string; epoch: number }[] = [];
  let copiedBytes = 0;
  let problem: string | undefined;
  for (const { uid } of wanted) {
    const copy = copies.get(uid);
    if (copy?.move === moved.index) {
      copiedBytes += copy.copiedBytes;
      if (copy.isWhole) {
        whole.push({ uid, epoch: copy.epoch });
        continue;
      }
    }
    const failed = trouble(uid, moved.index);
    if (failed === undefined) continue;
    problem = `${failed.failure.reason}: ${failed.failure.message}`.slice(0, 256);
    if (!failed.retriable || failed.attempts >= COPY_ATTEMPTS) return { type: 'failed', failure: problem };
  }
  if (whole.length === wanted.length) return { type: 'whole', volumes: whole };
  const isNew = copiedBytes !== moved.copiedBytes || (problem !== undefined && !moved.isTold(problem));
  if (!isNew || !mayTell(moved.uid)) return undefined;
  return { type: 'copying', copiedBytes, ...(problem === undefined ? {} : { problem }) };
}

function tellOfVm(input: CopyInput, vm: Vm, move: Move, wanted: readonly VmVolume[]): CopyCommand | undefined {
  const { uid, name } = vm;
  const moved = {
    ...{ uid, index: move.index, copiedBytes: move.copiedBytes ?? 0 },
    isTold: (problem: string) => vm.status.message.includes(problem),
  };
  const news = newsOf(input, moved, wanted);
  const base = { hostId: input.hostId, name, uid, index: move.index } as const;
  switch (news?.type) {
    case undefined:
      return undefined;
    case 'whole':
      return { type: 'vmMoveCopied', ...base, volumes: [...news.volumes] };
    case 'failed':
      return { type: 'vmMoveCopied', ...base, volumes: [], failure: news.failure };
    case 'copying': {
      const { type: _, ...rest } = news;
      return { type: 'vmMoveCopying', ...base, ...rest };
    }
  }
}

function tellOfVolume(input: CopyInput, volume: StoredVolume, move: VolumeMove): CopyCommand | undefined {
  const { uid } = volume;
  const moved = {
    ...{ uid, index: move.index, copiedBytes: move.copiedBytes ?? 0 },
    isTold: (problem: string) => move.problem === problem,
  };
  const news = newsOf(input, moved, [volume]);
  const base = { hostId: input.hostId, uid, index: move.index } as const;
  switch (news?.type) {
    case undefined:
      return undefined;
    case 'whole':
      return { type: 'volumeMoveCopied', ...base, epoch: news.volumes[0]?.epoch ?? 0 };
    case 'failed':
      return { type: 'volumeMoveCopied', ...base, epoch: 0, failure: news.failure };
    case 'copying': {
      const { type: _, ...rest } = news;
      return { type: 'volumeMoveCopying', ...base, ...rest };
    }
  }
}

/** The move that a volume is part of: of its VM, or its own. */
export function movingTo(
  volume: VmVolume | StoredVolume,
  vm: Vm | undefined,
): { readonly index: number; readonly targetId?: number | undefined } | undefined {
  if (vm !== undefined) return moveOf(vm);
  return 'moving' in volume ? volume.moving : undefined;
}

/** Whether somebody may still want the copy. */
function isWanted(state: ClusterState, hostId: number, copy: ObservedCopy): boolean {
  // The log is still being read again: it cannot know of the move yet.
  if (copy.move > state.index) return true;
  const found = volumeOf(state, copy.uid);
  if (found === undefined) return false;
  const { volume, vm } = found;
  if (volume.place?.hostId === hostId && volume.place.move === copy.move) return true;
  const move = movingTo(volume, vm);
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
    const command = tellOfVm(input, vm, move, wanted);
    if (command !== undefined) proposals.push({ key: `${command.type}/${vm.uid}`, command });
  }
  for (const volume of state.stored.all()) {
    const { uid, moving, place } = volume;
    if (moving?.targetId !== hostId || place === undefined) continue;
    const copy = copies.get(uid);
    if (copy?.move !== moving.index || !copy.isWhole) {
      offer({ type: 'copy', volume: hostVolume(volume), move: moving.index, sourceId: place.hostId });
    }
    const command = tellOfVolume(input, volume, moving);
    if (command !== undefined) proposals.push({ key: `${command.type}/${uid}`, command });
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
