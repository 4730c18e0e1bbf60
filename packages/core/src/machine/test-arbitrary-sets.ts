/** Random commands that change VMs in place and work on sets of them, for property tests. */
import * as fc from 'fast-check';
import type { Vm } from '../model/vm.ts';
import { memberName, memberSpec, type VmSet } from '../model/vm-set.ts';
import type { Command } from './command.ts';
import { sampleSpec } from './sample.ts';
import type { ClusterState } from './state.ts';
import type { SetStep } from './vm-set-command.ts';

const SETS = ['blue', 'red'] as const;

function template(vcpu: number) {
  return sampleSpec({ vcpu, memoryMib: 64 });
}

function step(kind: string, ordinal: number, revision: number): SetStep {
  switch (kind) {
    case 'create':
    case 'remove':
    case 'restart':
      return { type: kind, ordinal };
    case 'update':
      return { type: 'update', ordinal, template: revision };
    case 'settle':
    case 'forget':
      return { type: kind };
    default:
      return { type: 'create', ordinal };
  }
}

/** The report of a member whose guest is ready, or that will not be. */
function report(vm: Vm, isReady: boolean): Command {
  const { name, uid, assignment, revision, generation, status } = vm;
  const runner = `/nix/store/${name}-${generation}`;
  const gate =
    revision === undefined
      ? undefined
      : ({ generation: revision.generation, outcome: isReady ? 'ready' : 'failed', message: 'no' } as const);
  return {
    type: 'vmReport',
    hostId: assignment?.hostId ?? 1,
    reports: [
      {
        ...{ name, uid, epoch: assignment?.epoch ?? 1, ...(gate === undefined ? {} : { gate }) },
        status: {
          ...{ ...status, phase: isReady ? 'running' : 'starting', bootedRunner: runner, currentRunner: runner },
          observedRestarts: vm.restarts,
        },
      },
    ],
  };
}

function isBackable({ revisions, current, deleting }: VmSet): boolean {
  return !deleting && revisions.some(({ outcome, number }) => outcome === 'ready' && number !== current);
}

/** What brings a VM to where there is something to go back to. */
function driveVm(state: ClusterState, vm: Vm, vcpu: number): Command {
  const { name, uid, modifiedIndex, assignment, status, revisions = [] } = vm;
  if (assignment === null) return { type: 'vmAssign', name, uid, hostId: 1, baseIndex: modifiedIndex };
  if (status.phase !== 'running') return report(vm, true);
  if (revisions.some(({ outcome }) => outcome === 'ready')) return { type: 'vmRollback', name };
  const here = { ...template(vcpu), labels: vm.spec.labels, placement: vm.spec.placement };
  return { type: 'vmUpdate', name, spec: { ...here, memoryMib: 32 + (state.index % 32) }, rebuild: false };
}

/** What a set needs next to have two revisions that were ready, and goes back then. */
function driveSet(state: ClusterState, name: string): Command {
  const set = state.vmSet(name);
  if (set === undefined) {
    const limits = { replicas: 1, maxUnavailable: 1, onFailure: 'rollback' } as const;
    return { type: 'vmSetCreate', name, uid: `s-${name}`, template: template(1), ...limits };
  }
  const { uid, current, revisions } = set;
  const next = (made: SetStep): Command => ({ type: 'vmSetStep', name, uid, step: made });
  const vm = state.vm(memberName(name, 0));
  if (set.replicas !== 1) return { type: 'vmSetScale', name, replicas: 1 };
  if (vm === undefined) return next({ type: 'create', ordinal: 0 });
  if (vm.assignment === null || vm.status.phase !== 'running') return driveVm(state, vm, 1);
  if (vm.revision?.state === 'pending') return report(vm, true);
  if (vm.memberOf?.template !== current) return next({ type: 'update', ordinal: 0, template: current });
  if (revisions.some((one) => one.number === current && one.outcome === 'pending')) return next({ type: 'settle' });
  if (isBackable(set)) return { type: 'vmSetRollback', name };
  return { type: 'vmSetUpdate', name, template: template(1 + (state.index % 2)), rebuild: true };
}

/** Commands about sets and changes in place; most know how the set stands. */
export const arbitrarySetCommand: fc.Arbitrary<(state: ClusterState) => Command> = fc
  .record({
    kind: fc.constantFrom(
      ...([
        'make',
        'make',
        'scale',
        'change',
        'back',
        'delete',
        'create',
        'create',
        'create',
        'update',
        'update',
        'restart',
        'run',
      ] as const),
      ...([
        'remove',
        'settle',
        'settle',
        'forget',
        'place',
        'place',
        'ready',
        'ready',
        'ready',
        'failed',
        'vmUpdate',
      ] as const),
      ...(['vmUpdate', 'vmRollback', 'drive'] as const),
      ...Array.from({ length: 30 }, () => 'drive' as const),
      ...(['driveVm', 'driveVm', 'driveVm', 'driveVm', 'driveVm', 'driveVm'] as const),
    ),
    name: fc.constantFrom(SETS[0], SETS[0], SETS[1]),
    ordinal: fc.constantFrom(0, 0, 0, 1, 2),
    vcpu: fc.constantFrom(1, 1, 2),
    flag: fc.boolean(),
  })
  .map(({ kind, name: drawn, ordinal, vcpu, flag }) => (state: ClusterState): Command => {
    const going = [...state.vmSets()].find(({ deleting }) => deleting);
    const set = (kind === 'forget' ? going : undefined) ?? state.vmSet(drawn);
    const name = set?.name ?? drawn;
    const vm = state.vm(memberName(name, ordinal)) ?? [...state.vms()][ordinal];
    const base = { type: 'vmUpdate', name: vm?.name ?? 'web' } as const;
    switch (kind) {
      case 'drive':
        return driveSet(state, SETS[0]);
      case 'driveVm': {
        const one = [...state.vms()].find(({ memberOf, deleting }) => memberOf === undefined && !deleting);
        return one === undefined ? driveSet(state, drawn) : driveVm(state, one, vcpu);
      }
      case 'make':
        return {
          type: 'vmSetCreate',
          name,
          uid: `s-${name}`,
          template: template(1),
          replicas: 1,
          maxUnavailable: 1,
          onFailure: flag ? 'pause' : 'rollback',
        };
      case 'scale':
        return { type: 'vmSetScale', name, replicas: ordinal };
      case 'change':
        return { type: 'vmSetUpdate', name, template: template(vcpu), rebuild: flag };
      case 'back':
        return { type: 'vmSetRollback', name: [...state.vmSets()].find(isBackable)?.name ?? name };
      case 'delete':
        return { type: 'vmSetDelete', name, keepVolumes: flag };
      case 'run':
        return { type: 'vmSetRun', name, action: ordinal > 0 ? 'restart' : flag ? 'start' : 'stop' };
      case 'place':
        return {
          type: 'vmAssign',
          name: base.name,
          uid: vm?.uid ?? 'u1',
          hostId: 1,
          baseIndex: vm?.modifiedIndex ?? 1,
        };
      case 'ready':
      case 'failed':
        return vm === undefined ? { type: 'vmSetScale', name, replicas: 3 } : report(vm, kind === 'ready');
      case 'vmUpdate':
        return {
          ...base,
          spec: vm?.memberOf === undefined ? template(vcpu) : memberSpec(name, template(vcpu)),
          rebuild: flag,
        };
      case 'vmRollback': {
        const back = [...state.vms()].find(
          (one) => one.memberOf === undefined && one.revisions?.some(({ outcome }) => outcome === 'ready'),
        );
        return { type: 'vmRollback', name: back?.name ?? base.name };
      }
      default:
        return { type: 'vmSetStep', name, uid: set?.uid ?? 'none', step: step(kind, ordinal, set?.current ?? 1) };
    }
  });
