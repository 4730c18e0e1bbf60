/**
 * What each kind of object is to its users, as a sequential machine: from a state and an operation with its
 * answer to the states that may follow; none when that answer was not possible. The models are written from
 * the rules, not from the code that they judge.
 */
import type { CommandResult } from '@n3x/core/machine/command';
import { QUOTA_RESOURCES, type QuotaChanges } from '@n3x/core/model/project';
import type { Recorded } from '../workloads/history.ts';
import type { VmView } from '../workloads/operation.ts';

/** A sequential machine over states that are plain data. */
export interface ObjectModel<State> {
  readonly initial: State;
  key(state: State): string;
  step(state: State, recorded: Recorded): readonly State[];
  /** Whether an operation may be left out although it may have had an effect. */
  saysNothing?(recorded: Recorded): boolean;
}

/** A VM: absent, or as users have asked for it. One that is being deleted goes by itself, sooner or later. */
export const VM_MODEL: ObjectModel<VmView | null> = {
  initial: null,
  key: (vm) => (vm === null ? '' : `${vm.uid} ${vm.vcpu} ${vm.power} ${vm.restarts} ${vm.deleting}`),
  step: (vm, recorded) => {
    const from = vm?.deleting === true ? [vm, null] : [vm];
    // One that turns out larger than its project may have is stopped, whenever that is found out.
    if (vm !== null && !vm.deleting && hasQuotas(recorded)) from.push({ ...vm, power: 'stopped' });
    return from.flatMap((state) => stepVm(state, recorded));
  },
};

/** A token: absent, or with a secret's hash. */
export const TOKEN_MODEL: ObjectModel<string | null> = {
  initial: null,
  key: (token) => token ?? '',
  step: (token, { operation, answer }) => {
    if (operation.type === 'read') return answer?.type === 'read' && answer.found.token !== token ? [] : [token];
    const result = answer?.type === 'written' ? answer.result : undefined;
    const { command } = operation;
    if (command.type === 'tokenCreate') {
      if (token === null) return fits(result, 'changed') ? [command.secretHash] : [];
      return fits(result, token === command.secretHash ? 'unchanged' : 'N3X_CONFLICT') ? [token] : [];
    }
    if (token === null) return fits(result, 'N3X_NOT_FOUND') ? [null] : [];
    return fits(result, 'changed') ? [null] : [];
  },
};

/** Whether the operation is about a VM of a project that may have quotas: all but `default`, in what is simulated. */
function hasQuotas({ operation }: Recorded): boolean {
  return operation.object.includes('.');
}

/** A project: absent, or its quotas as text. What its VMs and the hosts have is not known here, so a refusal is always possible. */
export const PROJECT_MODEL: ObjectModel<string | null> = {
  initial: null,
  key: (project) => project ?? '',
  step: (project, { operation, answer }) => {
    if (operation.type === 'read') return [project];
    const result = answer?.type === 'written' ? answer.result : undefined;
    const { command } = operation;
    if (command.type === 'projectCreate') {
      const made = quotasKey(command.quotas);
      if (project === null) return fits(result, 'changed') ? [made] : [];
      return fits(result, project === made ? 'unchanged' : 'N3X_CONFLICT') ? [project] : [];
    }
    if (project === null) return fits(result, 'N3X_NOT_FOUND') ? [null] : [];
    const refused = fits(result, 'N3X_REFUSED') ? [project] : [];
    if (command.type === 'projectDelete') return fits(result, 'changed') ? [...refused, null] : refused;
    if (command.type !== 'projectSet') return [];
    const after = quotasKey(command.quotas);
    return fits(result, after === project ? 'unchanged' : 'changed') ? [...refused, after] : refused;
  },
};

/** All quotas in one text; every change names them all. */
function quotasKey(quotas: QuotaChanges): string {
  return QUOTA_RESOURCES.map((resource) => {
    const { guaranteed, maximum } = quotas[resource] ?? {};
    return `${resource} ${guaranteed ?? '-'}..${maximum ?? '-'}`;
  }).join();
}

/** Whether the answer, if there is one, is the one that is due. */
function fits(result: CommandResult | undefined, due: string): boolean {
  if (result === undefined) return true;
  if (result.ok) return due === (result.changed ? 'changed' : 'unchanged');
  return due === result.error.code;
}

function stepVm(vm: VmView | null, recorded: Recorded): (VmView | null)[] {
  const { operation, answer } = recorded;
  if (operation.type === 'read') {
    if (answer?.type !== 'read') return [vm];
    return VM_MODEL.key(answer.found.vm) === VM_MODEL.key(vm) ? [vm] : [];
  }
  const result = answer?.type === 'written' ? answer.result : undefined;
  const { command, expected } = operation;
  if (command.type === 'hostRemove') {
    // It takes with it whatever VM it has: what is being deleted is gone, and anything else stands still.
    return vm === null || vm.deleting ? [null] : [{ ...vm, power: 'stopped' }];
  }
  if (command.type === 'vmCreate') {
    if (vm === null) {
      const { uid, spec, power } = command;
      // For the quotas of its project, or because there is no such project.
      const refusal = result?.ok === false ? result.error.code : '';
      if (hasQuotas(recorded) && (refusal === 'N3X_REFUSED' || refusal === 'N3X_NOT_FOUND')) return [null];
      return fits(result, 'changed') ? [{ uid, vcpu: spec.vcpu, power, restarts: 0, deleting: false }] : [];
    }
    const same = !vm.deleting && vm.vcpu === command.spec.vcpu;
    return fits(result, same ? 'unchanged' : 'N3X_CONFLICT') ? [vm] : [];
  }
  if (vm === null) return fits(result, 'N3X_NOT_FOUND') ? [vm] : [];
  if (command.type === 'vmDelete' && vm.deleting) return fits(result, 'unchanged') ? [vm] : [];
  const after = changed(vm, recorded, result);
  if (expected === undefined) return after;
  // The host's reports move the index too, so a refusal is always possible; a success says that nothing had moved.
  const refused = result === undefined || (!result.ok && result.error.code === 'N3X_CONFLICT') ? [vm] : [];
  return VM_MODEL.key(vm) === VM_MODEL.key(expected) ? [...refused, ...after] : refused;
}

/** The VM after an unconditional command that found it. */
function changed(vm: VmView, recorded: Recorded, result: CommandResult | undefined): (VmView | null)[] {
  const { operation } = recorded;
  if (operation.type === 'read') return [vm];
  const { command } = operation;
  if (vm.deleting) return fits(result, 'N3X_CONFLICT') ? [vm] : [];
  switch (command.type) {
    case 'vmDelete':
      // Without a host it goes at once.
      return fits(result, 'changed') ? [{ ...vm, deleting: true }] : [];
    case 'vmRestart':
      if (vm.power === 'stopped') return fits(result, 'N3X_REFUSED') ? [vm] : [];
      return fits(result, 'changed') ? [{ ...vm, restarts: vm.restarts + 1 }] : [];
    case 'vmSetPower':
      if (vm.power === command.power) {
        // One that has ended and is not started any more is started by this, which users cannot tell from its power.
        const started = command.power === 'running' && fits(result, 'changed');
        return started || fits(result, 'unchanged') ? [vm] : [];
      }
      // One that is larger than its project may have is not started.
      if (hasQuotas(recorded) && command.power === 'running' && result?.ok === false) {
        return result.error.code === 'N3X_REFUSED' ? [vm] : [];
      }
      return fits(result, 'changed') ? [{ ...vm, power: command.power }] : [];
    default:
      return [];
  }
}
