/** What the placement controller decides and what hosts report of their VMs. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster, ClusterEvent } from '../model/cluster.ts';
import { hostZone } from '../model/host.ts';
import { isLeaving, moveOf } from '../model/move.ts';
import { isDisposable, type Vm, type VmPhase, vmPriority } from '../model/vm.ts';
import { finishMove } from './apply-move.ts';
import { applyGate } from './apply-update.ts';
import { removeVm } from './apply-vm.ts';
import { memberFailed } from './apply-vm-set.ts';
import { assign, decision, unfit } from './assign.ts';
import type { Command, VmReport } from './command.ts';
import { same } from './difference.ts';
import { misfits } from './fit.ts';
import { withoutVms } from './occupancy.ts';
import { growthExcesses, guaranteeAgainst, heldText } from './quota.ts';
import { clip, type Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** Phases that are the cluster's to conclude, never a host's to report. */
const NOT_REPORTED: ReadonlySet<VmPhase> = new Set<VmPhase>(['pending', 'lost']);

function about(name: string): { kind: 'vm'; name: string } {
  return { kind: 'vm', name };
}

/** The VM that a placement decision was made for, or why the decision is void. */
function decidedFor(
  tx: Transaction,
  command: { name: string; uid: string; baseIndex: number },
): { vm: Vm } | { refusal: Verdict } {
  const { name, uid, baseIndex } = command;
  const vm = tx.state.vm(name);
  if (vm === undefined) return { refusal: notFound('VM', name, 'it went while a host was looked for') };
  if (vm.uid !== uid || vm.modifiedIndex !== baseIndex) {
    const message = `VM ${name} has changed since index ${baseIndex}, which the decision was made from: decide again`;
    return { refusal: no(ERROR_CODES.conflict, message, { name, modifiedIndex: vm.modifiedIndex }) };
  }
  const refusal = needsNone(tx, vm);
  return refusal === undefined ? { vm } : { refusal };
}

/** Why a VM needs no host. */
function needsNone(tx: Transaction, { name, assignment, deleting, power }: Vm): Verdict | undefined {
  if (assignment === null && !deleting && power === 'running') return undefined;
  const host = assignment === null ? undefined : tx.state.host(assignment.hostId)?.name;
  const state = deleting ? 'is being deleted' : assignment !== null ? `has a host, ${host}` : 'is stopped';
  return no(ERROR_CODES.refused, `VM ${name} ${state}: it needs no host`, { name });
}

/** `vmAssign`. */
export function applyVmAssign(tx: Transaction, cluster: Cluster, command: CommandOf<'vmAssign'>): Verdict {
  const found = decidedFor(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const host = tx.state.host(command.hostId);
  if (host === undefined) return notFound('host', String(command.hostId), 'it left while the decision was made');
  return assign(tx, cluster, vm, host, '', { maker: 'scheduler', weighing: command.weighing });
}

/** `vmPlace`: what a user decides is bound by the same rules. */
export function applyVmPlace(tx: Transaction, cluster: Cluster, command: CommandOf<'vmPlace'>): Verdict {
  const vm = tx.state.vm(command.name);
  if (vm === undefined) return notFound('VM', command.name, '`n3xctl vm list` shows those that do');
  const late = overtaken('VM', vm, command.ifModifiedIndex);
  if (late !== undefined) return late;
  const host = tx.state.hostByName(command.host);
  if (host === undefined) return notFound('host', command.host, '`n3xctl host list` shows those that do');
  if (vm.assignment?.hostId === host.id) return unchanged({ hostId: host.id, epoch: vm.assignment.epoch });
  const refusal = needsNone(tx, vm);
  return refusal ?? assign(tx, cluster, vm, host, ' by hand', { maker: 'user' });
}

/** Why a VM must not be made to give way to `vm`, in words; undefined when it may. */
function keeps(other: Vm | undefined, vm: Vm, victim: Victim, hostId: number): string | undefined {
  if (other === undefined || other.uid !== victim.uid) return 'is gone';
  if (other.assignment?.hostId !== hostId || other.assignment.epoch !== victim.epoch) return 'has moved';
  if (other.deleting || other.moving !== undefined) return 'is going already';
  if (vmPriority(other) >= vmPriority(vm)) return 'is as important';
  return isDisposable(other) ? undefined : 'has its data there';
}

type Victim = CommandOf<'vmPreempt'>['victims'][number];

/** `vmPreempt`: the victims are to be stopped and removed, and only then have no host; the room stays taken until then. */
export function applyVmPreempt(tx: Transaction, command: CommandOf<'vmPreempt'>): Verdict {
  const found = decidedFor(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const host = tx.state.host(command.hostId);
  if (host === undefined) return notFound('host', String(command.hostId), 'it left while the decision was made');
  const victims = new Map<string, Vm>();
  for (const victim of command.victims) {
    const other = tx.state.vm(victim.name);
    const why = keeps(other, vm, victim, host.id);
    if (why !== undefined || other === undefined) {
      const message = `VM ${victim.name} cannot make room for ${vm.name}: it ${why}. Decide again`;
      return no(ERROR_CODES.conflict, message, { name: vm.name, victim: victim.name });
    }
    victims.set(other.name, other);
  }
  const others = [...victims.values()];
  const guarantee = guaranteeAgainst(tx.state, vm, others);
  if (guarantee !== undefined) {
    const names = others.map(({ name }) => name).join(', ');
    const message = `VM ${names} cannot make room for ${vm.name}: ${guarantee}. Decide again`;
    return no(ERROR_CODES.refused, message, { name: vm.name, rules: ['guarantee'] });
  }
  const refusal = unfit(vm, host, misfits(vm, host, withoutVms(tx.state.indexes, host.id, hostZone(host), others)));
  if (refusal !== undefined) return refusal;
  for (const other of others) {
    const message = `makes room on ${host.name} for ${vm.name}, of priority ${vmPriority(vm)} against ${vmPriority(other)}`;
    tx.putVmStatus(
      { ...other, moving: { cause: 'preempted', for: vm.name } },
      { ...other.status, reason: 'Preempted', message },
    );
    tx.event(about(other.name), 'Preempted', message, 'warning');
  }
  const names = others.map(({ name }) => name).join(', ');
  const message = `waits until ${names} ${others.length === 1 ? 'has' : 'have'} made room on ${host.name}`;
  tx.putVmStatus(vm, { ...vm.status, phase: 'pending', reason: 'WaitsForRoom', message });
  tx.event(about(vm.name), 'Preempting', message);
  return done({ hostId: host.id });
}

/** `vmUnplaceable`. */
export function applyVmUnplaceable(tx: Transaction, command: CommandOf<'vmUnplaceable'>): Verdict {
  const found = decidedFor(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const { reason, message, weighing } = command;
  if (vm.status.phase === 'pending' && vm.status.reason === reason && vm.status.message === message) {
    return unchanged();
  }
  const told = decision(tx, { maker: 'scheduler', weighing }, { message });
  tx.putVmStatus({ ...vm, decision: told }, { ...vm.status, phase: 'pending', reason, message });
  tx.event(about(vm.name), reason, message, 'warning');
  return done();
}

const SEVERITY: Partial<Record<VmPhase, ClusterEvent['severity']>> = { failed: 'error', unhealthy: 'warning' };
const REASON: Partial<Record<VmPhase, string>> = {
  building: 'Building',
  starting: 'Starting',
  running: 'Running',
  unhealthy: 'Unhealthy',
  stopping: 'Stopping',
  stopped: 'Stopped',
  failed: 'Failed',
};

function phaseEvent(tx: Transaction, vm: Vm): void {
  const { phase, reason, message } = vm.status;
  tx.event(
    about(vm.name),
    reason === '' ? (REASON[phase] ?? phase) : reason,
    message === '' ? phase : `${phase}: ${message}`,
    SEVERITY[phase] ?? 'info',
  );
}

/** Takes over what became of a build; false when that is known. A set goes no further with what failed on one of its VMs. */
function judgeBuild(tx: Transaction, vm: Vm, gate: NonNullable<VmReport['gate']>): boolean {
  const outcome = applyGate(tx, vm, gate);
  if (outcome === undefined) return false;
  if (outcome !== 'ready') memberFailed(tx, vm, gate.message);
  return true;
}

/** Takes over one report; false when it is void or says nothing new. */
function applyReport(tx: Transaction, hostId: number, report: VmReport): boolean {
  const vm = tx.state.vm(report.name);
  if (vm === undefined || vm.uid !== report.uid || vm.assignment === null) return false;
  if (vm.assignment.hostId !== hostId || vm.assignment.epoch !== report.epoch) return false;
  if (NOT_REPORTED.has(report.status.phase)) return false;
  const { sinceMs, evaluated, ...rest } = report.status;
  const moved = report.status.phase !== vm.status.phase;
  // What an evaluation said stays known when a later report leaves it out.
  const known = evaluated ?? vm.status.evaluated;
  const status = {
    ...rest,
    sinceMs: moved ? sinceMs : vm.status.sinceMs,
    ...(known === undefined ? {} : { evaluated: known }),
  };
  // Why it goes stays in sight while it does.
  if (isLeaving(vm) && !vm.deleting) {
    status.reason = vm.status.reason;
    status.message = vm.status.message;
  }
  let changed = false;
  let next = vm;
  if (!same(vm.status, status)) {
    next = tx.putVm(heldToQuota(tx, vm, { ...vm, status }));
    // That n3x gives up is news, also about a VM that had failed before.
    const halted = status.halt !== undefined && !same(status.halt, vm.status.halt);
    if (moved || halted) phaseEvent(tx, next);
    changed = true;
  }
  return report.gate === undefined || vm.deleting ? changed : judgeBuild(tx, next, report.gate) || changed;
}

/**
 * `next` as it may be: a VM whose build turned out larger than its project's quotas allow is stopped, and counts as what
 * was asked for until it is started again with room for all of it.
 */
function heldToQuota(tx: Transaction, vm: Vm, next: Vm): Vm {
  if (same(vm.status.evaluated, next.status.evaluated)) return next;
  const { overQuota: before, ...free } = next;
  const found = growthExcesses(tx.state, vm, free);
  if (found.length === 0) return free;
  const overQuota = clip(heldText(vm.name, found), 256);
  if (overQuota !== before) tx.event(about(vm.name), 'QuotaExceeded', overQuota, 'warning');
  if (vm.power === 'stopped') return { ...free, overQuota };
  const generation = vm.generation + 1;
  return { ...free, overQuota, power: 'stopped', generation, poweredGeneration: generation };
}

/** `vmReport`. */
export function applyVmReport(tx: Transaction, command: CommandOf<'vmReport'>): Verdict {
  const { hostId } = command;
  if (tx.state.host(hostId) === undefined) return notFound('host', String(hostId), 'it is no member');
  let changed = false;
  for (const report of command.reports) changed = applyReport(tx, hostId, report) || changed;
  return changed ? done() : unchanged();
}

/** `vmRemoved`. */
export function applyVmRemoved(tx: Transaction, cluster: Cluster, command: CommandOf<'vmRemoved'>): Verdict {
  const { name, uid, hostId, epoch } = command;
  const vm = tx.state.vm(name);
  // Gone already, or another VM of that name: what was to happen has happened.
  if (vm === undefined || vm.uid !== uid) return unchanged();
  if (vm.assignment?.hostId !== hostId || vm.assignment.epoch !== epoch) {
    return no(ERROR_CODES.conflict, `VM ${name} is not on host ${hostId} at epoch ${epoch}`, { name, hostId, epoch });
  }
  // The same host at the same epoch may have started it again after a move that was given up.
  if (command.moveIndex !== (vm.deleting ? undefined : moveOf(vm)?.index)) {
    const message = `VM ${name} was removed for a move that was given up since: it is not gone`;
    return no(ERROR_CODES.conflict, message, { name, hostId, epoch });
  }
  if (!vm.deleting && isLeaving(vm)) return finishMove(tx, cluster, vm);
  if (!vm.deleting) {
    return no(ERROR_CODES.refused, `VM ${name} is not being deleted: its host must not remove it`, { name });
  }
  const where = tx.state.host(hostId)?.name ?? `host ${hostId}`;
  if (vm.releasing === true) {
    // Its disks are its host's again, as they are.
    tx.deleteVm(vm);
    tx.event(about(name), 'Released', `handed back on ${where} as it was`);
  } else {
    removeVm(tx, vm);
    tx.event(about(name), 'Deleted', `removed from ${where}`);
  }
  return done();
}
