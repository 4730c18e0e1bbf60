/** What users ask of sets of VMs. The work is done step by step by the leader, see `apply-vm-set-step.ts`. */
import { ERROR_CODES } from '../base/errors.ts';
import { REVISIONS_MAX } from '../model/revision.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { isMember, memberName, type TemplateRevision, templateRevision, type VmSet } from '../model/vm-set.ts';
import { unknownProject } from './apply-project.ts';
import { inPlaceRefusal } from './apply-update.ts';
import { keepingVolumes, keepsVolumes, removeVm, setPower } from './apply-vm.ts';
import type { Command } from './command.ts';
import { same } from './difference.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** Longest name of a set: its members have a dash and up to three digits more. */
const NAME_MAX = 59;

/** What an event about a set is about. */
export function aboutSet(name: string): { kind: 'vmset'; name: string } {
  return { kind: 'vmset', name };
}

/** `vmSetCreate`. */
export function applyVmSetCreate(tx: Transaction, command: CommandOf<'vmSetCreate'>): Verdict {
  const { name, template, replicas, maxUnavailable, onFailure, power } = command;
  if (name.length > NAME_MAX) {
    return no(
      ERROR_CODES.invalid,
      `the name of a set has at most ${NAME_MAX} characters, so that there is room for the numbers of its VMs`,
      { name },
    );
  }
  const existing = tx.state.vmSet(name);
  if (existing !== undefined) {
    if (existing.deleting) return beingDeleted(existing);
    const now = templateRevision(existing, existing.current);
    const alike =
      existing.replicas === replicas &&
      existing.power === power &&
      existing.maxUnavailable === maxUnavailable &&
      existing.onFailure === onFailure;
    if (alike && now !== undefined && same(now.template, template)) return unchanged();
    return no(
      ERROR_CODES.conflict,
      `the set ${name} exists with other wishes: change it with \`n3xctl vm update ${name}\` or \`n3xctl vm scale ${name}\``,
      { name },
    );
  }
  const project = projectOf(name);
  if (tx.state.project(project) === undefined) return unknownProject(project);
  if (tx.state.vm(name) !== undefined) {
    return no(ERROR_CODES.conflict, `there is a VM ${name}, and sets share their names with VMs: choose another name`, {
      name,
    });
  }
  tx.putVmSet({
    ...{ kind: 'vmset', name, uid: command.uid, generation: 1, modifiedIndex: tx.index, createdAtMs: tx.atMs },
    ...{ replicas, span: replicas, maxUnavailable, onFailure, current: 1, good: 1, deleting: false },
    ...(power === undefined ? {} : { power }),
    revisions: [{ number: 1, atMs: tx.atMs, template, outcome: 'pending' }],
  });
  tx.event(aboutSet(name), 'Created', `created, to have ${replicas} VMs${power === undefined ? '' : ', not started'}`);
  return done();
}

function beingDeleted(set: VmSet): Verdict {
  return no(ERROR_CODES.conflict, `the set ${set.name} is being deleted: wait until it is gone`, {
    name: set.name,
    deleting: true,
  });
}

/** The set that a change is for, or why it cannot be made. */
function target(
  tx: Transaction,
  command: { name: string; ifGeneration?: number | undefined },
): { set: VmSet } | { refusal: Verdict } {
  const set = tx.state.vmSet(command.name);
  if (set === undefined) return { refusal: notFound('set', command.name, '`n3xctl vm sets` shows those that do') };
  const { ifGeneration } = command;
  if (ifGeneration !== undefined && ifGeneration !== set.generation) {
    const message = `the set ${set.name} has changed: it is at generation ${set.generation}, the request was made for ${ifGeneration}. Read it again`;
    return { refusal: no(ERROR_CODES.conflict, message, { name: set.name, generation: set.generation, ifGeneration }) };
  }
  return set.deleting ? { refusal: beingDeleted(set) } : { set };
}

/** `vmSetScale`. */
export function applyVmSetScale(tx: Transaction, command: CommandOf<'vmSetScale'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { set } = found;
  const { replicas } = command;
  if (set.replicas === replicas) return unchanged();
  tx.putVmSet({ ...set, replicas, span: Math.max(set.span, replicas), generation: set.generation + 1 });
  tx.event(aboutSet(set.name), 'Scaled', `from ${set.replicas} to ${replicas} VMs`);
  return done();
}

/** The kept revisions with one more; what is in use stays. */
function withRevision(set: VmSet, more: TemplateRevision): TemplateRevision[] {
  const { revisions, current, good } = set;
  const all = [...revisions, more];
  while (all.length > REVISIONS_MAX) {
    const at = all.findIndex(({ number }) => number !== current && number !== good && number !== more.number);
    if (at < 0) break;
    all.splice(at, 1);
  }
  return all;
}

function closed(revisions: readonly TemplateRevision[], number: number): TemplateRevision[] {
  return revisions.map((one) =>
    one.number === number && one.outcome === 'pending' ? { ...one, outcome: 'replaced' } : one,
  );
}

/** `vmSetUpdate`. */
export function applyVmSetUpdate(tx: Transaction, command: CommandOf<'vmSetUpdate'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { set } = found;
  const { template, rebuild, maxUnavailable = set.maxUnavailable, onFailure = set.onFailure } = command;
  const now = templateRevision(set, set.current);
  if (now === undefined)
    return no(ERROR_CODES.internal, `the set ${set.name} has lost revision ${set.current}`, { name: set.name });
  const limits = { maxUnavailable, onFailure };
  const wider = set.maxUnavailable !== maxUnavailable || set.onFailure !== onFailure;
  if (!rebuild && same(now.template, template)) {
    if (!wider) return unchanged();
    tx.putVmSet({ ...set, ...limits, generation: set.generation + 1 });
    tx.event(aboutSet(set.name), 'Changed', `at most ${maxUnavailable} unavailable at once, on failure ${onFailure}`);
    return done();
  }
  const refusal = inPlaceRefusal({ name: set.name, spec: now.template, assignment: { hostId: 1, epoch: 1 } }, template);
  if (refusal !== undefined) return refusal;
  const number = Math.max(...set.revisions.map((one) => one.number)) + 1;
  const rebuilds = (now.rebuilds ?? 0) + (rebuild ? 1 : 0);
  const more: TemplateRevision = {
    number,
    atMs: tx.atMs,
    template,
    ...(rebuilds === 0 ? {} : { rebuilds }),
    outcome: 'pending',
  };
  // Before the first revision has proved itself there is none to fall back to: the newest wish is as good as any.
  const good = templateRevision(set, set.good)?.outcome === 'ready' ? set.good : number;
  const revisions = closed(withRevision({ ...set, good }, more), set.current);
  tx.putVmSet({ ...set, ...limits, good, current: number, revisions, generation: set.generation + 1 });
  tx.event(aboutSet(set.name), 'UpdateRequested', `revision ${number}, at most ${maxUnavailable} unavailable at once`);
  return done({ revision: number });
}

/** `vmSetRollback`. */
export function applyVmSetRollback(tx: Transaction, command: CommandOf<'vmSetRollback'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { set } = found;
  const ready = set.revisions.filter(({ outcome, number }) => outcome === 'ready' && number !== set.current);
  const below = ready.filter(({ number }) => number < set.current);
  const back = command.to === undefined ? (below.at(-1) ?? ready.at(-1)) : templateRevision(set, command.to);
  if (back?.number === set.current) return unchanged();
  if (back === undefined || back.outcome !== 'ready') {
    const kept = ready.map(({ number }) => number).join(', ');
    const which = command.to === undefined ? 'back' : `back to revision ${command.to}`;
    const hint = kept === '' ? 'no other one was ready on all its VMs' : `ready on all its VMs were ${kept}`;
    return no(ERROR_CODES.refused, `the set ${set.name} cannot go ${which}: ${hint}`, { name: set.name });
  }
  goBack(tx, set, back.number, set.generation + 1);
  tx.event(aboutSet(set.name), 'RollbackRequested', `from revision ${set.current} back to ${back.number}`);
  return done({ revision: back.number });
}

function goBack(tx: Transaction, set: VmSet, to: number, generation: number): VmSet {
  const revisions = closed(set.revisions, set.current);
  return tx.putVmSet({ ...set, revisions, current: to, good: to, generation });
}

/** The members of a set that are there, by rising number. */
function membersOf(tx: Transaction, set: VmSet): Vm[] {
  const members: Vm[] = [];
  for (let ordinal = 0; ordinal < set.span; ordinal++) {
    const vm = tx.state.vm(memberName(set.name, ordinal));
    if (isMember(set, vm)) members.push(vm);
  }
  return members;
}

/** `vmSetRun`. Starting and stopping is for all at once; restarts follow one after the other, as updates do. */
export function applyVmSetRun(tx: Transaction, command: CommandOf<'vmSetRun'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { set } = found;
  const { name } = set;
  const generation = set.generation + 1;
  if (command.action === 'restart') {
    if (set.power === 'stopped') {
      return no(ERROR_CODES.refused, `the set ${name} is stopped: start it with \`n3xctl vm start ${name}\``, { name });
    }
    tx.putVmSet({ ...set, restarts: (set.restarts ?? 0) + 1, generation });
    const pace = `at most ${set.maxUnavailable} unavailable at once`;
    tx.event(aboutSet(name), 'RestartRequested', `its VMs are to be restarted, ${pace}`);
    return done();
  }
  const starts = command.action === 'start';
  const verdicts = membersOf(tx, set)
    .filter((vm) => !vm.deleting && (vm.memberOf?.ordinal ?? 0) < set.replicas)
    .map((vm) => setPower(tx, vm, starts ? 'running' : 'stopped'));
  const changed = verdicts.filter((verdict) => verdict.ok && verdict.changed).length;
  const { power, ...rest } = set;
  const isNew = (power === undefined) !== starts;
  const refusal = verdicts.find((verdict) => !verdict.ok);
  if (changed === 0 && !isNew) return refusal ?? unchanged();
  tx.putVmSet({ ...(starts ? rest : { ...rest, power: 'stopped' }), generation });
  const left = refusal?.ok === false ? `, but not all: ${refusal.error.message}` : '';
  if (starts) tx.event(aboutSet(name), 'StartRequested', `its VMs are to be started${left}`);
  else tx.event(aboutSet(name), 'StopRequested', 'its VMs are to be stopped');
  return done();
}

/** `vmSetDelete`. */
export function applyVmSetDelete(tx: Transaction, command: CommandOf<'vmSetDelete'>): Verdict {
  const isKept = command.keepVolumes === true;
  const before = tx.state.vmSet(command.name);
  // Deleting twice is fine whatever generation the second request was made for, and never too late to keep something.
  if (before?.deleting === true) {
    const late = isKept ? membersOf(tx, before).filter((vm) => !keepsVolumes(vm)) : [];
    for (const vm of late) tx.putVm(keepingVolumes(vm));
    return late.length === 0 ? unchanged() : done();
  }
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { set } = found;
  tx.putVmSet({ ...set, deleting: true, generation: set.generation + 1 });
  for (const vm of membersOf(tx, set)) {
    const leaving = isKept ? keepingVolumes(vm) : vm;
    if (!removeMember(tx, leaving) && isKept) tx.putVm(leaving);
  }
  tx.event(aboutSet(set.name), 'DeleteRequested', 'to be deleted with its VMs');
  return done();
}

/** Asks for a member to go; false when it was on its way already. */
export function removeMember(tx: Transaction, vm: Vm): boolean {
  if (vm.deleting) return false;
  const about = { kind: 'vm', name: vm.name } as const;
  if (vm.assignment === null) {
    removeVm(tx, vm);
    tx.event(about, 'Deleted', 'deleted');
    return true;
  }
  tx.putVm({ ...vm, deleting: true });
  tx.event(about, 'DeleteRequested', 'to be stopped and removed from its host');
  return true;
}

/** A member did not get ready with the build that its set gave it; `vm` is the member before it went back by itself. */
export function memberFailed(tx: Transaction, vm: Vm, why: string): void {
  const { memberOf } = vm;
  const set = memberOf === undefined ? undefined : tx.state.vmSet(memberOf.set);
  if (memberOf === undefined || set?.uid !== memberOf.uid || set.deleting || set.current !== memberOf.template) return;
  const message = `${vm.name}: ${why}`.slice(0, 1024);
  const revisions = set.revisions.map(
    (one): TemplateRevision => (one.number === set.current ? { ...one, outcome: 'failed', message } : one),
  );
  const back = set.onFailure === 'rollback' && set.good !== set.current;
  const failed = { ...set, revisions };
  if (back) goBack(tx, failed, set.good, set.generation);
  else tx.putVmSet(failed);
  const then = back ? `all go back to revision ${set.good}` : 'no other VM gets it';
  tx.event(aboutSet(set.name), 'UpdateFailed', `revision ${set.current} failed on ${message}; ${then}`, 'error');
}
