/**
 * The data of a VM that moves: its target copies it once nothing of the VM is left on its host, and the entry that says
 * that all copies are whole gives the VM and its volumes to the target at once. Until then they are where they were.
 */
import { assert } from '../base/assert.ts';
import type { Cluster } from '../model/cluster.ts';
import { type Move, withoutMove } from '../model/move.ts';
import { roughSizeMib } from '../model/quantity.ts';
import { type Vm, vmVolumes } from '../model/vm.ts';
import type { VmVolume } from '../model/volume.ts';
import { assign, unfit } from './assign.ts';
import type { Command } from './command.ts';
import { misfits } from './fit.ts';
import { giveUp, loadsWithout, withMove } from './moving.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, notFound, unchanged, type Verdict } from './verdict.ts';
import { unsettleVolumes, volumesToCopy } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

const MIB = 1_048_576;

/** How far the copying of a move is, in words: `512M of 10G`. */
export function copiedText(vm: Vm, move: Move): string {
  const wholeMib = volumesToCopy(vm, move.targetId ?? 0).reduce((sum, { sizeMib }) => sum + sizeMib, 0);
  return `${roughSizeMib(Math.floor((move.copiedBytes ?? 0) / MIB))} of ${roughSizeMib(wholeMib)}`;
}

/** The VM is gone from its host, and its target is to copy what it has there. */
export function startCopying(tx: Transaction, vm: Vm, move: Move, targetId: number): Verdict {
  const [from, to] = [nameOf(tx.state, vm.assignment?.hostId), nameOf(tx.state, targetId)];
  const { pid: _pid, currentRunner: _current, bootedRunner: _booted, ...status } = vm.status;
  const names = volumesToCopy(vm, targetId).map(({ name }) => name);
  const message = `copies ${names.join(', ')} from ${from} to ${to}`;
  const phase = vm.power === 'running' ? 'building' : 'stopped';
  tx.putVmStatus({ ...vm, moving: { ...move, step: 'copy' } }, { ...status, phase, reason: 'CopyingVolumes', message });
  tx.event({ kind: 'vm', name: vm.name }, 'CopyingVolumes', message);
  return done();
}

/** `vmMoveCopying`. */
export function applyVmMoveCopying(tx: Transaction, command: CommandOf<'vmMoveCopying'>): Verdict {
  const found = withMove(tx.state, command);
  if (found === undefined) return unchanged();
  const { vm, move } = found;
  if (move.targetId !== command.hostId || move.step !== 'copy') return unchanged();
  const next: Move = { ...move, copiedBytes: command.copiedBytes };
  const from = nameOf(tx.state, vm.assignment?.hostId);
  const problem = command.problem === undefined ? '' : `; tries again: ${command.problem}`;
  const message = `copies its volumes from ${from} to ${nameOf(tx.state, move.targetId)}: ${copiedText(vm, next)}${problem}`;
  tx.putVmStatus({ ...vm, moving: next }, { ...vm.status, reason: 'CopyingVolumes', message: message.slice(0, 1024) });
  return done();
}

/** `vmMoveCopied`. */
export function applyVmMoveCopied(tx: Transaction, cluster: Cluster, command: CommandOf<'vmMoveCopied'>): Verdict {
  const found = withMove(tx.state, command);
  // Given up meanwhile: whatever was copied is of no use to anybody.
  if (found === undefined) return unchanged();
  const { vm, move } = found;
  if (move.targetId !== command.hostId || move.step !== 'copy') return unchanged();
  const target = tx.state.host(command.hostId);
  if (target === undefined) return notFound('host', String(command.hostId), 'it is no member');
  const stay = (message: string): Verdict => {
    const moveFailure = { hostId: target.id, message: message.slice(0, 256), atMs: tx.atMs };
    giveUp(tx, { ...vm, moveFailure }, message);
    return done();
  };
  if (command.failure !== undefined) return stay(`${target.name} cannot copy its data: ${command.failure}`);
  const epochs = new Map(command.volumes.map(({ uid, epoch }) => [uid, epoch]));
  const copied = new Set(volumesToCopy(vm, target.id).map(({ uid }) => uid));
  for (const { uid, name, writer } of vmVolumes(vm)) {
    const epoch = epochs.get(uid);
    if (!copied.has(uid) || (epoch !== undefined && epoch >= writer)) continue;
    const what =
      epoch === undefined ? 'was not copied' : `was copied as of epoch ${epoch}, its newest data is of ${writer}`;
    // Asked again it would be the same: what its host has is older than what was heard of, as when an old disk was put back.
    return stay(`volume ${name} (${uid}) ${what}`);
  }
  // Whether the target still takes it, before anything is given away.
  const misfit = unfit(vm, target, misfits(vm, target, loadsWithout(tx.state, vm)));
  if (misfit?.ok === false) return stay(misfit.error.message);
  const place = { hostId: target.id, host: target.name, since: tx.index, move: move.index };
  const volumes = vmVolumes(vm).map((volume): VmVolume => {
    if (!copied.has(volume.uid) || volume.place === undefined) return volume;
    const { uid, writer, place: former } = volume;
    return { ...volume, place, former, writer: Math.max(writer, epochs.get(uid) ?? 0) };
  });
  const from = nameOf(tx.state, vm.assignment?.hostId);
  const phase = vm.power === 'running' ? 'pending' : 'stopped';
  const rest = unsettleVolumes({ ...withoutMove(vm), volumes });
  const free = tx.putVmStatus({ ...rest, assignment: null }, { ...vm.status, phase });
  const assigned = assign(tx, cluster, free, target, `, off ${from}, with its data`, {
    maker: 'move',
    cause: move.cause,
    weighing: move.weighing,
  });
  assert(assigned.ok, `${target.name} takes ${vm.name}, as it was found to`);
  return assigned;
}

function nameOf(state: ClusterState, hostId: number | undefined): string {
  return state.host(hostId ?? 0)?.name ?? `host ${hostId}`;
}
