/**
 * Moves of VMs from host to host. The room on the target is held from the beginning on, and the assignment changes only
 * when the old host says that nothing of the VM is left on it.
 */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import { isDraining } from '../model/drain.ts';
import { type Host, hostZone } from '../model/host.ts';
import { displacedBy, type Move, type MoveCause, moveOf, moveTargetId, withoutMove } from '../model/move.ts';
import { isDisposable, type Vm } from '../model/vm.ts';
import { assign, unfit } from './assign.ts';
import type { Command } from './command.ts';
import { misfits } from './fit.ts';
import { type Loads, withoutVm } from './occupancy.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';
import { unsettleVolumes } from './volumes.ts';

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

/** Why a VM must not be moved for this cause, to be put after its name; undefined when it may. */
export function staysPut(vm: Vm, cause: MoveCause): { readonly reason: string; readonly message: string } | undefined {
  if (!isDisposable(vm)) {
    const message =
      vm.spec.source.kind === 'inline'
        ? 'has volumes, and their data is on its host'
        : 'is from a flake of its own, which may keep data on its host: a spec with `disposable` says that it does not';
    return { reason: 'HasData', message };
  }
  if (cause === 'migrate' || vm.spec.failover !== 'stay') return undefined;
  return { reason: 'Stays', message: 'is to stay on its host (failover: stay)' };
}

/** What is taken where, were it not for a VM that has a host. */
export function loadsWithout(state: ClusterState, vm: Vm): ReturnType<typeof withoutVm> {
  const place = (hostId: number) => {
    const host = state.host(hostId);
    return { hostId, zone: host === undefined ? '' : hostZone(host) };
  };
  const targetId = moveTargetId(vm);
  const held = targetId === undefined ? undefined : place(targetId);
  return withoutVm(state.indexes, vm, place(vm.assignment?.hostId ?? 0), held);
}

/** Number of VMs that are on their way off a host because it is to be empty. */
export function emptying(state: ClusterState, hostId: number): number {
  let count = 0;
  for (const vm of state.vmsOnHost(hostId)) {
    const cause = moveOf(vm)?.cause;
    if (cause === 'drain' || cause === 'evacuate') count += 1;
  }
  return count;
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
  const { name, ifModifiedIndex: expected } = command;
  const vm = tx.state.vm(name);
  if (vm !== undefined && expected !== undefined && expected !== vm.modifiedIndex) {
    const message = `VM ${name} has changed: it is at index ${vm.modifiedIndex}, the request was made for ${expected}. Read it again`;
    return no(ERROR_CODES.conflict, message, { name, modifiedIndex: vm.modifiedIndex });
  }
  return beginMove(tx, command);
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

/** The VM with exactly this move. */
function withMove(
  state: ClusterState,
  command: { name: string; uid: string; index: number },
): { vm: Vm; move: Move } | undefined {
  const vm = state.vm(command.name);
  const move = vm === undefined ? undefined : moveOf(vm);
  if (vm === undefined || vm.uid !== command.uid || move?.index !== command.index) return undefined;
  return { vm, move };
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

/** The VM is its old host's again, and of no other: what the target has built is removed there. */
export function giveUp(tx: Transaction, vm: Vm, reason: string): void {
  tx.putVm(withoutMove(vm));
  const host = nameOf(tx.state, vm.assignment?.hostId);
  tx.event(about(vm.name), 'MoveCancelled', `stays on ${host}: ${reason}`, 'warning');
}

/** Gives up every move to a host that is no more. To be called before the host goes. */
export function giveUpMovesTo(tx: Transaction, host: Host): void {
  const vms = [...tx.state.vmsMovingTo(host.id)].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const vm of vms) {
    giveUp(tx, vm, `host ${host.name} has left the cluster`);
  }
}

/** A VM is off its host: it is its target's, or waits for another host. */
export function finishMove(tx: Transaction, cluster: Cluster, vm: Vm): Verdict {
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
  const move = moveOf(vm);
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

/** Whether a VM is on its way off, so that it need not be moved. */
export function goesAnyway(vm: Vm): boolean {
  return vm.deleting || vm.moving?.cause === 'preempted';
}
