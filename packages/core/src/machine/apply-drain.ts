/** Drains: a host that is to be empty. What moves when is decided by the leader, one VM at a time. */
import { ERROR_CODES } from '../base/errors.ts';
import { type Drain, isDraining } from '../model/drain.ts';
import type { Host } from '../model/host.ts';
import { moveOf } from '../model/move.ts';
import type { Command } from './command.ts';
import { giveUp } from './moving.ts';
import { clip, type Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

const HINT = '`n3xctl host list` shows those that do';

function about(host: Host): { kind: 'host'; name: string } {
  return { kind: 'host', name: host.name };
}

function vms(count: number): string {
  return count === 1 ? '1 VM' : `${count} VMs`;
}

/** `hostDrain`. */
export function applyHostDrain(tx: Transaction, command: CommandOf<'hostDrain'>): Verdict {
  const { mode, parallel, deadlineMs } = command;
  const host = tx.state.hostByName(command.name);
  if (host === undefined) return notFound('host', command.name, HINT);
  const values = { hostId: host.id };
  if (host.membership === 'leaving') {
    return no(ERROR_CODES.refused, `host ${host.name} is leaving the cluster: it has nothing to be drained`, {
      name: host.name,
    });
  }
  const before = isDraining(host.drain) ? host.drain : undefined;
  if (before?.mode === mode && before.parallel === parallel && before.deadlineMs === deadlineMs) {
    return unchanged({ ...values, index: before.index });
  }
  const onHost = [...tx.state.vmsOnHost(host.id)].length;
  const drain: Drain = {
    ...{ mode, parallel, index: before?.index ?? tx.index },
    ...{ startedAtMs: before?.startedAtMs ?? tx.atMs, total: before?.total ?? onHost },
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
  tx.putHost({ ...host, drain, cordonedSinceMs: host.cordonedSinceMs ?? tx.atMs, generation: host.generation + 1 });
  const what =
    mode === 'drain'
      ? `${vms(onHost)} to be moved off, ${parallel} at a time`
      : `${vms(onHost)} to be moved off at once`;
  const reason = mode === 'drain' ? 'Draining' : 'Evacuating';
  tx.event(about(host), reason, `takes no more VMs; ${what}`, mode === 'drain' ? 'info' : 'warning');
  return done({ ...values, index: drain.index });
}

/** Ends what moves off a host for the sake of a drain and still runs there; what has begun to stop goes on. */
export function stopEmptying(tx: Transaction, host: Host, reason: string): void {
  for (const vm of [...tx.state.vmsOnHost(host.id)].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const move = moveOf(vm);
    if (move === undefined || move.step !== 'prepare' || (move.cause !== 'drain' && move.cause !== 'evacuate'))
      continue;
    giveUp(tx, vm, reason);
  }
}

/** `hostUndrain`. */
export function applyHostUndrain(tx: Transaction, command: CommandOf<'hostUndrain'>): Verdict {
  const host = tx.state.hostByName(command.name);
  if (host === undefined) return notFound('host', command.name, HINT);
  const { drain, cordonedSinceMs, ...rest } = host;
  if (drain === undefined && cordonedSinceMs === undefined) return unchanged({ hostId: host.id });
  stopEmptying(tx, host, `the drain of ${host.name} was ended`);
  tx.putHost({ ...rest, generation: host.generation + 1 });
  const left = [...tx.state.vmsOnHost(host.id)].length;
  const why = drain === undefined ? 'was cordoned' : `was drained with ${vms(left)} left`;
  tx.event(about(host), 'Undrained', `${why}; takes VMs again`);
  return done({ hostId: host.id });
}

/** `hostDrainNote`. */
export function applyHostDrainNote(tx: Transaction, command: CommandOf<'hostDrainNote'>): Verdict {
  const { hostId, index, outcome } = command;
  const host = tx.state.host(hostId);
  if (host === undefined) return notFound('host', String(hostId), 'it is no member');
  const before = host.drain;
  // Of an earlier drain, or one that is over.
  if (before === undefined || before.index !== index || !isDraining(before)) return unchanged();
  const left = [...tx.state.vmsOnHost(hostId)].length;
  if (outcome === 'drained' && left > 0) {
    return no(ERROR_CODES.conflict, `host ${host.name} is not empty: ${vms(left)} left`, { name: host.name });
  }
  const message = outcome === undefined ? '' : clip(command.message, 1024);
  if (before.outcome === outcome && (before.message ?? '') === message) return unchanged();
  const { outcome: _outcome, message: _message, left: _left, ...rest } = before;
  const drain: Drain = { ...rest, ...(outcome === undefined ? {} : { outcome, message, left }) };
  if (outcome === 'expired') stopEmptying(tx, host, `the deadline of the drain of ${host.name} passed`);
  tx.putHost({ ...host, drain });
  switch (outcome) {
    case undefined:
      tx.event(about(host), 'DrainGoesOn', 'VMs are moved off again');
      break;
    case 'drained':
      tx.event(about(host), 'Drained', message);
      break;
    case 'stuck':
      tx.event(about(host), 'DrainStuck', message, 'warning');
      break;
    case 'expired':
      tx.event(about(host), 'DrainExpired', message, 'warning');
      break;
  }
  return done();
}
