/**
 * Volumes of no VM that go to another host. The target copies what is there, and the entry that says that all of the copy
 * is whole gives the volume to it. Nobody writes on such a volume, so that there is nothing to be stopped first.
 */
import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import { poolCapacity, poolNames } from '../model/pool.ts';
import { formatSizeMib } from '../model/quantity.ts';
import type { StoredVolume, VolumeMove } from '../model/volume.ts';
import type { Command } from './command.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';
import { volumeOf } from './volume-of.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(uid: string): { kind: 'volume'; name: string } {
  return { kind: 'volume', name: uid };
}

function nameOf(state: ClusterState, hostId: number): string {
  return state.host(hostId)?.name ?? `host ${hostId}`;
}

/** Why a host cannot take a volume, to be put after the host's name; undefined when it can. */
function targetProblem(state: ClusterState, target: Host, { pool, sizeMib }: StoredVolume): string | undefined {
  if (target.membership === 'joining' || target.membership === 'leaving') return `is ${target.membership}`;
  if (!target.reachable) return 'is not heard from';
  if (target.cordonedSinceMs !== undefined) return 'is cordoned';
  const capacity = poolCapacity(target, pool);
  if (capacity === undefined) return `has no pool ${pool}, but ${poolNames(target).join(', ')}`;
  const { indexes } = state;
  const free = capacity - indexes.stored(target.id, pool) - indexes.of(target.id).disk(pool);
  if (sizeMib <= free) return undefined;
  return `has ${formatSizeMib(Math.max(0, free))} free of ${formatSizeMib(capacity)} in its pool ${pool}, and ${formatSizeMib(sizeMib)} are needed`;
}

/** The volume of no VM with this uid, or why it cannot be moved whatever the target is. */
function movable(state: ClusterState, uid: string): { volume: StoredVolume; source: Host } | { refusal: Verdict } {
  const refuse = (why: string) => ({
    refusal: no(ERROR_CODES.refused, `volume ${uid} cannot be moved: ${why}`, { uid }),
  });
  const found = volumeOf(state, uid);
  if (found === undefined) return { refusal: notFound('volume', uid, '`n3xctl volume list` shows those that do') };
  if (found.vm !== undefined) {
    const { name } = found.vm;
    return refuse(`it is ${found.volume.name} of VM ${name}, and moves with it: \`n3xctl vm migrate ${name}\``);
  }
  const volume = state.stored.get(uid);
  if (volume === undefined || volume.deleting === true) return refuse('it is being deleted');
  const source = state.host(volume.place?.hostId ?? 0);
  if (!volume.created || volume.place === undefined) return refuse('it was never made: there is nothing in it');
  if (source === undefined) return refuse(`it was on ${volume.place.host}, which is no member any more`);
  return { volume, source };
}

/** `volumeMove`. */
export function applyVolumeMove(tx: Transaction, command: CommandOf<'volumeMove'>): Verdict {
  const { uid } = command;
  const found = movable(tx.state, uid);
  if ('refusal' in found) return found.refusal;
  const { volume, source } = found;
  const target = tx.state.hostByName(command.host);
  if (target === undefined) return notFound('host', command.host, '`n3xctl host list` shows those that do');
  const refuse = (why: string): Verdict =>
    no(ERROR_CODES.refused, `volume ${uid} cannot be moved to ${target.name}: ${why}`, { uid, host: target.name });
  if (volume.moving !== undefined) {
    if (volume.moving.targetId === target.id) return unchanged({ hostId: target.id });
    const now = nameOf(tx.state, volume.moving.targetId);
    return refuse(`it moves to ${now} already: wait until it is there, or take that back with --cancel`);
  }
  if (target.id === source.id) return unchanged({ hostId: target.id });
  if (!source.reachable) return refuse(`${source.name}, which has it, is not heard from`);
  if (volume.former?.hostId === target.id) {
    return refuse(`what it was copied from is still there: it goes once ${source.name} has been seen to have it`);
  }
  const problem = targetProblem(tx.state, target, volume);
  if (problem !== undefined) return refuse(`${target.name} ${problem}`);
  const { moveFailure: _, ...rest } = volume;
  tx.putVolume({ ...rest, moving: { index: tx.index, targetId: target.id, sinceMs: tx.atMs } });
  tx.event(about(uid), 'Moving', `${volume.name} is copied from ${source.name} to ${target.name}`);
  return done({ hostId: target.id });
}

/** The volume stays where it is. */
function giveUp(tx: Transaction, volume: StoredVolume, { targetId }: VolumeMove, why: string): void {
  const { moving: _, ...rest } = volume;
  tx.putVolume({ ...rest, moveFailure: { hostId: targetId, message: why.slice(0, 256), atMs: tx.atMs } });
  tx.event(about(volume.uid), 'MoveCancelled', `stays on ${volume.place?.host ?? 'its host'}: ${why}`, 'warning');
}

/** `volumeMoveCancel`. */
export function applyVolumeMoveCancel(tx: Transaction, command: CommandOf<'volumeMoveCancel'>): Verdict {
  const volume = tx.state.stored.get(command.uid);
  if (volume === undefined && volumeOf(tx.state, command.uid) === undefined) {
    return notFound('volume', command.uid, '`n3xctl volume list` shows those that do');
  }
  if (volume?.moving === undefined) return unchanged();
  const { moving: _, ...rest } = volume;
  tx.putVolume(rest);
  tx.event(about(volume.uid), 'MoveCancelled', `stays on ${volume.place?.host ?? 'its host'}, as asked for`);
  return done();
}

/** Gives up every move of a volume that a host has a part in. To be called before the host goes. */
export function giveUpVolumeMoves(tx: Transaction, host: Host): void {
  for (const volume of [...tx.state.stored.all()]) {
    const { moving, place } = volume;
    if (moving === undefined || (moving.targetId !== host.id && place?.hostId !== host.id)) continue;
    giveUp(tx, volume, moving, `host ${host.name} has left the cluster`);
  }
}

/** The volume with exactly this move. */
function withMove(
  state: ClusterState,
  { uid, index, hostId }: { uid: string; index: number; hostId: number },
): { volume: StoredVolume; move: VolumeMove } | undefined {
  const volume = state.stored.get(uid);
  const move = volume?.moving;
  if (volume === undefined || move?.index !== index || move.targetId !== hostId) return undefined;
  return { volume, move };
}

/** `volumeMoveCopying`. */
export function applyVolumeMoveCopying(tx: Transaction, command: CommandOf<'volumeMoveCopying'>): Verdict {
  const found = withMove(tx.state, command);
  if (found === undefined) return unchanged();
  const { problem: _, ...move } = found.move;
  const { copiedBytes, problem } = command;
  tx.putVolume({
    ...found.volume,
    moving: { ...move, copiedBytes, ...(problem === undefined ? {} : { problem }) },
  });
  return done();
}

/** `volumeMoveCopied`. */
export function applyVolumeMoveCopied(tx: Transaction, command: CommandOf<'volumeMoveCopied'>): Verdict {
  const found = withMove(tx.state, command);
  // Given up meanwhile: whatever was copied is of no use to anybody.
  if (found === undefined) return unchanged();
  const { volume, move } = found;
  const target = tx.state.host(command.hostId);
  if (target === undefined) return notFound('host', String(command.hostId), 'it is no member');
  const stay = (why: string): Verdict => {
    giveUp(tx, volume, move, why);
    return done();
  };
  if (command.failure !== undefined) return stay(`${target.name} cannot copy it: ${command.failure}`);
  // Asked again it would be the same: what its host has is older than what was heard of, as when an old disk was put back.
  if (command.epoch < volume.writer) {
    return stay(`it was copied as of epoch ${command.epoch}, its newest data is of ${volume.writer}`);
  }
  if (target.membership === 'leaving') return stay(`host ${target.name} is leaving`);
  // What it takes there is known once the target has it under its own name; until then the old copy stays.
  const { moving: _m, usedBytes: _u, place: former, ...rest } = volume;
  const place = { hostId: target.id, host: target.name, since: tx.index, move: move.index, alone: true as const };
  tx.putVolume({
    ...rest,
    ...{ place, writer: Math.max(volume.writer, command.epoch) },
    ...(former === undefined ? {} : { former }),
  });
  tx.event(about(volume.uid), 'Moved', `${volume.name} is on ${target.name}, off ${former?.host ?? 'its host'}`);
  return done({ hostId: target.id });
}
