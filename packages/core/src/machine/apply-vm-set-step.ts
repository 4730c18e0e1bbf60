/** The steps by which the leader brings a set of VMs to what is asked. Each is judged by itself: a stale one is refused. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import type { PastRevision, Vm } from '../model/vm.ts';
import {
  isMember,
  memberName,
  memberSpec,
  type TemplateRevision,
  templateRevision,
  type VmSet,
} from '../model/vm-set.ts';
import { takeAddresses } from './address-allocation.ts';
import { draftUpdate } from './apply-update.ts';
import { draftVm } from './apply-vm.ts';
import { aboutSet, memberFailed, removeMember } from './apply-vm-set.ts';
import type { Command } from './command.ts';
import { isProven, setProgress, whyNotTouch, whyNotUpdate } from './set-progress.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type StepCommand = Extract<Command, { type: 'vmSetStep' }>;

function refused(set: VmSet, why: string): Verdict {
  return no(ERROR_CODES.refused, `a step of the set ${set.name} is void: ${why}`, { name: set.name });
}

/** `vmSetStep`. */
export function applyVmSetStep(tx: Transaction, cluster: Cluster, command: StepCommand): Verdict {
  const { name, uid, step } = command;
  const set = tx.state.vmSet(name);
  if (set === undefined || set.uid !== uid) return notFound('set', name, 'it went while the step was decided');
  switch (step.type) {
    case 'create':
      return create(tx, cluster, set, step.ordinal);
    case 'remove':
      return remove(tx, set, step.ordinal);
    case 'update':
      return updateMember(tx, set, step.ordinal, step.template);
    case 'restart':
      return restartMember(tx, set, step.ordinal);
    case 'settle':
      return settle(tx, set);
    case 'forget':
      return forget(tx, set);
  }
}

function create(tx: Transaction, cluster: Cluster, set: VmSet, ordinal: number): Verdict {
  if (set.deleting || ordinal >= set.replicas) return refused(set, `it has no place ${ordinal}`);
  const name = memberName(set.name, ordinal);
  const revision = templateRevision(set, set.good);
  if (revision === undefined) return refused(set, `revision ${set.good} is not kept`);
  if (tx.state.vm(name) !== undefined) return refused(set, `there is a VM ${name}`);
  const spec = memberSpec(set.name, revision.template);
  const uid = `${set.uid}.${tx.index}`;
  const draft = draftVm(tx.state, cluster, { name, uid, spec, power: set.power ?? 'running' }, tx);
  if (draft.type === 'refused') return draft.verdict;
  if (draft.type === 'there') return unchanged();
  tx.putCluster({ ...cluster, nextVmOrdinal: draft.nextVmOrdinal });
  takeAddresses(tx, draft.addresses);
  const restarts = set.restarts === undefined ? {} : { restarts: set.restarts };
  tx.putVm({ ...draft.vm, memberOf: { set: set.name, uid: set.uid, ordinal, template: revision.number, ...restarts } });
  tx.event({ kind: 'vm', name }, 'Created', `created for the set ${set.name}, revision ${revision.number}`);
  return done();
}

function remove(tx: Transaction, set: VmSet, ordinal: number): Verdict {
  const vm = tx.state.vm(memberName(set.name, ordinal));
  if (!isMember(set, vm)) return unchanged();
  const wanted = ordinal < set.replicas && !set.deleting;
  if (wanted && !wasLost(vm)) return refused(set, `${vm.name} is to stay`);
  return removeMember(tx, vm) ? done() : unchanged();
}

/** Whether a member went with its host for good, and waits for somebody to say what becomes of it. */
export function wasLost(vm: Vm): boolean {
  return vm.assignment === null && vm.status.phase === 'lost' && !vm.deleting;
}

function updateMember(tx: Transaction, set: VmSet, ordinal: number, template: number): Verdict {
  const revision = templateRevision(set, template);
  if (set.deleting || template !== set.current || revision === undefined)
    return refused(set, 'another revision is wanted');
  const progress = setProgress(tx.state, set);
  const place = progress.places.find((one) => one.ordinal === ordinal);
  const vm = place?.vm;
  if (place === undefined || !isMember(set, vm)) return refused(set, `it has no member ${ordinal}`);
  if (place.updated) return unchanged();
  const why = whyNotUpdate(set, progress, place);
  if (why !== undefined) return refused(set, why);
  const restores = buildOf(vm, revision);
  const spec = memberSpec(set.name, revision.template);
  const more = (revision.rebuilds ?? 0) > (vm.revision?.rebuilds ?? 0);
  const draft = draftUpdate(tx, vm, restores === undefined ? { spec, rebuild: more } : { spec, restores });
  if ('refusal' in draft) {
    const { refusal } = draft;
    if (refusal.ok || refusal.error.code !== ERROR_CODES.refused) return refusal;
    // It cannot be had on this member, now or later: as good as a build that does not get ready.
    memberFailed(tx, { ...vm, memberOf: { ...vm.memberOf, template } }, refusal.error.message);
    return done();
  }
  tx.putVm({ ...draft.vm, memberOf: { ...vm.memberOf, template } });
  tx.event({ kind: 'vm', name: vm.name }, 'UpdateRequested', `the set ${set.name} brings it to revision ${template}`);
  return done();
}

function restartMember(tx: Transaction, set: VmSet, ordinal: number): Verdict {
  const progress = setProgress(tx.state, set);
  const place = progress.places.find((one) => one.ordinal === ordinal);
  const vm = place?.vm;
  if (place === undefined || !isMember(set, vm)) return refused(set, `it has no member ${ordinal}`);
  if (place.restarted || set.restarts === undefined) return unchanged();
  const why = whyNotTouch(set, progress, place);
  if (why !== undefined) return refused(set, why);
  const memberOf = { ...vm.memberOf, restarts: set.restarts };
  // One that somebody has stopped starts anew by itself, once it is started.
  if (vm.power === 'stopped') {
    tx.putVm({ ...vm, memberOf });
    return done();
  }
  tx.putVm({ ...vm, memberOf, restarts: vm.restarts + 1 });
  tx.event({ kind: 'vm', name: vm.name }, 'RestartBySet', `the set ${set.name} restarts it`);
  return done();
}

/** The build that a member had with this revision before and was ready with, when it left it for another. */
function buildOf(vm: Vm, { number }: TemplateRevision): PastRevision | undefined {
  return vm.revisions?.findLast((past) => past.template === number && past.outcome === 'ready');
}

function settle(tx: Transaction, set: VmSet): Verdict {
  const progress = setProgress(tx.state, set);
  if (set.deleting || progress.excess.length > 0) return refused(set, 'members are still to go');
  const proven = isProven(set, progress);
  const current = templateRevision(set, set.current);
  const completes = proven && current?.outcome === 'pending';
  if (!completes && set.span === set.replicas) return unchanged();
  const revisions = set.revisions.map(
    (one): TemplateRevision => (completes && one.number === set.current ? { ...one, outcome: 'ready' } : one),
  );
  tx.putVmSet({ ...set, span: set.replicas, revisions, good: completes ? set.current : set.good });
  if (completes)
    tx.event(aboutSet(set.name), 'Updated', `all ${set.replicas} VMs are ready with revision ${set.current}`);
  return done();
}

function forget(tx: Transaction, set: VmSet): Verdict {
  const { excess } = setProgress(tx.state, set);
  if (!set.deleting || excess.length > 0) return refused(set, 'it is not gone yet');
  tx.deleteVmSet(set);
  tx.event(aboutSet(set.name), 'Deleted', 'deleted with its VMs');
  return done();
}
