/**
 * Moves of VMs from host to host. The room on the target is held from the beginning on, and the assignment changes only
 * when the old host says that nothing of the VM is left on it.
 */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import { isDraining } from '../model/drain.ts';
import type { Host } from '../model/host.ts';
import { displacedBy, type Move, type MoveCause, moveOf, moveTargetId, withoutMove } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import { startCopying } from './apply-move-copy.ts';
import { assign, unfit } from './assign.ts';
import type { Command } from './command.ts';
import { misfits } from './fit.ts';
import { emptying, giveUp, loadsWithout, staysPut, withMove } from './moving.ts';
import type { Loads } from './occupancy.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';
import { unsettleVolumes, volumesToCopy } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

const FOR: Readonly<Record<MoveCause, string>> = {
  drain: 'because its host is drained',
  evacuate: 'because its host is evacuated',
  migrate: 'as asked for',
  rebalance: 'to even out the hosts',
};

function about(name: string): { kind: 'vm'; name: string } {
  return { kind: 'vm', name };
}

function nameOf(state: ClusterState, hostId: number | undefined): string {
  return state.host(hostId ?? 0)?.name ?? `host ${hostId}`;
}

function refused(vm: Vm, text: string): Verdict {
  return no(ERROR_CODES.refused, `VM ${vm.name} ${text}`, { name: vm.name });
}

/** Why the host must not let another go for this cause. */
function drainRefusal(state: ClusterState, vm: Vm, host: Host, cause: MoveCause): Verdict | undefined {
  if (cause !== 'drain' && cause !== 'evacuate') return undefined;
  const { drain } = host;
  if (!isDraining(drain)) return refused(vm, `stays: host ${host.name} is not to be emptied any more`);
  if (emptying(state, host.id) < drain.parallel) return undefined;
  return refused(vm, `waits: ${drain.parallel} of host ${host.name} are on their way already`);
}

/**
 * A move that is one of several. `judge` it first, which changes nothing, by what is taken where without those that go and
 * with the others where they go to; once all may go, each has been `judged`.
 */
export type Together = { readonly judge: (vm: Vm) => Loads } | 'judged';

/** Begins one move, or says why not. */
export function beginMove(tx: Transaction, command: Omit<CommandOf<'vmMove'>, 'type'>, together?: Together): Verdict {
  const { name, uid, epoch, cause, targetId } = command;
  const vm = tx.state.vm(name);
  if (vm === undefined || vm.uid !== uid) return notFound('VM', name, 'it went while its move was planned');
  const { assignment } = vm;
  const source = assignment === null ? undefined : tx.state.host(assignment.hostId);
  if (assignment === null || source === undefined || assignment.epoch !== epoch) {
    const where = source === undefined ? 'has no host now' : `is on ${source.name} since index ${assignment?.epoch}`;
    const message = `VM ${name} has moved on since its move was planned: it ${where}. Plan again`;
    return no(ERROR_CODES.conflict, message, { name, epoch: assignment?.epoch ?? 0 });
  }
  if (vm.deleting) return refused(vm, 'is being deleted: it moves nowhere');
  if (vm.moving !== undefined) {
    if (targetId !== undefined && moveTargetId(vm) === targetId) return unchanged({ hostId: targetId });
    const what = displacedBy(vm) === undefined ? `moves to ${nameOf(tx.state, moveTargetId(vm))}` : 'makes room';
    return refused(vm, `${what} already: wait until it has`);
  }
  const stays = staysPut(vm, cause);
  if (stays !== undefined) return refused(vm, `stays on ${source.name}: it ${stays.message}`);
  if (!source.reachable) {
    return refused(vm, `cannot leave ${source.name} in good order: the host is not heard from. Bring it back first`);
  }
  const full = together === undefined ? drainRefusal(tx.state, vm, source, cause) : undefined;
  if (full !== undefined) return full;
  const target = targetId === undefined ? undefined : tx.state.host(targetId);
  if (target === undefined) {
    if (targetId !== undefined) return notFound('host', String(targetId), 'it left while the move was planned');
    if (vm.power === 'running') return refused(vm, 'runs: its move needs a target');
    if (volumesToCopy(vm, 0).length > 0) return refused(vm, 'has volumes: its move needs a target that takes them');
  } else {
    if (target.id === source.id) return refused(vm, `is on ${source.name} already`);
    const isJudged = together === 'judged';
    const loads = together === undefined || isJudged ? loadsWithout(tx.state, vm) : together.judge(vm);
    const against = isJudged ? [] : misfits(vm, target, loads);
    const isBound = cause === 'migrate' && against.some(({ rule }) => rule === 'near');
    const along = isBound
      ? `; with those that it is to be near it moves by \`n3xctl vm migrate ${name} --together\``
      : '';
    const hint = `\`n3xctl vm explain ${name}\` shows where it fits${along}`;
    const misfit = unfit(vm, target, against, hint);
    if (misfit !== undefined) return misfit;
  }
  if (together !== undefined && together !== 'judged') return done();
  // Nothing to be built for what is stopped, and no time for it when all have to go.
  const step = vm.power === 'running' && cause !== 'evacuate' ? 'prepare' : 'leave';
  const moving: Move = {
    ...{ cause, step, index: tx.index, sinceMs: tx.atMs },
    ...(target === undefined ? {} : { targetId: target.id }),
    ...(command.weighing === undefined ? {} : { weighing: command.weighing }),
  };
  const { moveFailure: _failure, ...rest } = vm;
  if (step === 'prepare') {
    tx.putVm({ ...rest, moving });
    const message = `is to move from ${source.name} to ${nameOf(tx.state, targetId)} ${FOR[cause]}; it runs on until that has built it`;
    tx.event(about(name), 'MovePlanned', message);
  } else {
    leave(tx, { ...rest, moving }, moving);
  }
  return done({ epoch: tx.index, ...(target === undefined ? {} : { hostId: target.id }) });
}

/** Its host is to stop and remove it. */
function leave(tx: Transaction, vm: Vm, move: Move): void {
  const from = nameOf(tx.state, vm.assignment?.hostId);
  const to = move.targetId === undefined ? '' : ` to ${nameOf(tx.state, move.targetId)}`;
  const message = `moves off ${from}${to} ${FOR[move.cause]}`;
  tx.putVmStatus({ ...vm, moving: { ...move, step: 'leave' } }, { ...vm.status, reason: 'Moving', message });
  tx.event(about(vm.name), 'Moving', message);
}

/** `vmMove`. */
export function applyVmMove(tx: Transaction, command: CommandOf<'vmMove'>): Verdict {
  const vm = tx.state.vm(command.name);
  const late = vm === undefined ? undefined : overtaken('VM', vm, command.ifModifiedIndex);
  return late ?? beginMove(tx, command);
}

/** `clusterRebalance`: what has moved on, or fits no more, is left out, and the first reason is told. */
export function applyClusterRebalance(tx: Transaction, command: CommandOf<'clusterRebalance'>): Verdict {
  let [moved, left] = [0, 0];
  let reason: Verdict | undefined;
  for (const move of command.moves) {
    const verdict = beginMove(tx, { ...move, cause: 'rebalance' });
    if (verdict.ok) {
      if (verdict.changed) moved += 1;
      continue;
    }
    left += 1;
    reason ??= verdict;
  }
  if (moved === 0) return reason ?? unchanged({ moved, left });
  return done({ moved, left, ...(reason?.ok === false ? { reason: reason.error.message } : {}) });
}

/** `vmMoveBuilt`. */
export function applyVmMoveBuilt(tx: Transaction, command: CommandOf<'vmMoveBuilt'>): Verdict {
  const found = withMove(tx.state, command);
  if (found === undefined) return unchanged();
  const { vm, move } = found;
  if (move.targetId !== command.hostId || move.step !== 'prepare') return unchanged();
  if (command.failure !== undefined) {
    const message = `${nameOf(tx.state, command.hostId)} cannot build it: ${command.failure}`.slice(0, 256);
    const moveFailure = { hostId: command.hostId, message, atMs: tx.atMs };
    giveUp(tx, { ...vm, moveFailure }, message);
    return done();
  }
  leave(tx, vm, move);
  return done();
}

/** `vmMoveCancel`. */
export function applyVmMoveCancel(tx: Transaction, command: CommandOf<'vmMoveCancel'>): Verdict {
  const found = withMove(tx.state, command);
  // It has arrived, or was given up before.
  if (found === undefined) return unchanged();
  giveUp(tx, found.vm, command.reason);
  return done();
}

/** A VM is off its host: it is its target's, or waits for another host, or for what it has there to be copied. */
export function finishMove(tx: Transaction, cluster: Cluster, vm: Vm): Verdict {
  const move = moveOf(vm);
  if (move?.step === 'copy') return unchanged();
  if (move?.targetId !== undefined && volumesToCopy(vm, move.targetId).length > 0) {
    return startCopying(tx, vm, move, move.targetId);
  }
  const from = nameOf(tx.state, vm.assignment?.hostId);
  const waits = vm.power === 'running';
  const room = displacedBy(vm);
  const { pid: _pid, currentRunner: _current, bootedRunner: _booted, ...status } = vm.status;
  const phase = waits ? 'pending' : 'stopped';
  const off = `${room === undefined ? `left ${from}` : `made room on ${from} for ${room}`}`;
  const message = `${off}${waits ? ', and waits for a host' : ''}`;
  const reason = room === undefined ? 'Moving' : 'Preempted';
  const free = tx.putVmStatus(
    { ...unsettleVolumes(withoutMove(vm)), assignment: null },
    { ...status, phase, reason, message },
  );
  const targetId = move?.targetId;
  const target = targetId === undefined ? undefined : tx.state.host(targetId);
  if (room !== undefined || target === undefined) {
    tx.event(about(vm.name), room === undefined ? 'Moved' : 'Displaced', message);
    return done();
  }
  const verdict = assign(tx, cluster, free, target, `, off ${from}`, {
    maker: 'move',
    cause: move?.cause,
    weighing: move?.weighing,
  });
  if (verdict.ok) return verdict;
  // It has stopped already: where it fits now is the scheduler's to find.
  tx.event(
    about(vm.name),
    'TargetLost',
    `${off}, and ${target.name} does not take it any more: ${verdict.error.message}`,
    'warning',
  );
  return done();
}
