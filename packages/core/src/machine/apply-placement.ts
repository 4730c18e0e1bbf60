/** What the placement controller decides and what hosts report of their VMs. */
import { ERROR_CODES } from '../base/errors.ts';
import type { ClusterEvent } from '../model/cluster.ts';
import type { Vm, VmPhase } from '../model/vm.ts';
import type { Command, VmReport } from './command.ts';
import { same } from './difference.ts';
import { describeMisfit, misfits } from './fit.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

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
  if (vm.assignment !== null || vm.deleting || vm.power === 'stopped') {
    const state = vm.deleting ? 'is being deleted' : vm.assignment !== null ? 'has a host' : 'is stopped';
    return { refusal: no(ERROR_CODES.refused, `VM ${name} ${state}: it needs no host`, { name }) };
  }
  return { vm };
}

/** `vmAssign`. */
export function applyVmAssign(tx: Transaction, command: CommandOf<'vmAssign'>): Verdict {
  const found = decidedFor(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const host = tx.state.host(command.hostId);
  if (host === undefined) return notFound('host', String(command.hostId), 'it left while the decision was made');
  const against = misfits(vm, host, tx.state.load(host.id));
  if (against.length > 0) {
    const reasons = against.map(describeMisfit).join(' and ');
    return no(ERROR_CODES.refused, `VM ${vm.name} cannot go to ${host.name}: it ${reasons}. Decide again`, {
      name: vm.name,
      host: host.name,
      rules: against.map((misfit) => misfit.rule),
    });
  }
  tx.putVmStatus(
    { ...vm, assignment: { hostId: host.id, epoch: tx.index } },
    { ...vm.status, phase: 'building', reason: 'Assigned', message: `assigned to ${host.name}` },
  );
  tx.event(about(vm.name), 'Assigned', `assigned to ${host.name}`);
  return done({ hostId: host.id, epoch: tx.index });
}

/** `vmUnplaceable`. */
export function applyVmUnplaceable(tx: Transaction, command: CommandOf<'vmUnplaceable'>): Verdict {
  const found = decidedFor(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const { reason, message } = command;
  if (vm.status.phase === 'pending' && vm.status.reason === reason && vm.status.message === message) {
    return unchanged();
  }
  tx.putVmStatus(vm, { ...vm.status, phase: 'pending', reason, message });
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
  if (same(vm.status, status)) return false;
  const next = tx.putVm({ ...vm, status });
  if (moved) phaseEvent(tx, next);
  return true;
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
export function applyVmRemoved(tx: Transaction, command: CommandOf<'vmRemoved'>): Verdict {
  const { name, uid, hostId, epoch } = command;
  const vm = tx.state.vm(name);
  // Gone already, or another VM of that name: what was to happen has happened.
  if (vm === undefined || vm.uid !== uid) return unchanged();
  if (vm.assignment?.hostId !== hostId || vm.assignment.epoch !== epoch) {
    return no(ERROR_CODES.conflict, `VM ${name} is not on host ${hostId} at epoch ${epoch}`, { name, hostId, epoch });
  }
  if (!vm.deleting) {
    return no(ERROR_CODES.refused, `VM ${name} is not being deleted: its host must not remove it`, { name });
  }
  tx.deleteVm(vm);
  tx.event(about(name), 'Deleted', `removed from ${tx.state.host(hostId)?.name ?? `host ${hostId}`}`);
  return done();
}
