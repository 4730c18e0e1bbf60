/** The quotas of projects: what a VM may still take, and whose VMs must not be made to give way. */
import { ERROR_CODES } from '../base/errors.ts';
import {
  type Amounts,
  type Project,
  QUOTA_RESOURCES,
  type QuotaResource,
  type Quotas,
  quotaUse,
  specUse,
} from '../model/project.ts';
import { formatSizeMib } from '../model/quantity.ts';
import type { Vm, VmSpec } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { NO_USE, plus, stands } from './project-use.ts';
import type { ClusterState } from './state.ts';
import { no, type Verdict } from './verdict.ts';

/** A maximum that a request goes beyond. */
export interface Excess {
  readonly resource: QuotaResource;
  readonly maximum: number;
  /** What is used without the request. */
  readonly used: number;
  readonly asked: number;
}

/** How users call each resource, in settings and in what is said of it. */
export const QUOTA_WORDS: Readonly<Record<QuotaResource, string>> = {
  vcpu: 'vcpu',
  memoryMib: 'memory',
  diskMib: 'disk',
  vms: 'vms',
};

/** An amount as people read it: `4 vcpu`, `8G of memory`, `3 VMs`. */
export function amountText(resource: QuotaResource, amount: number): string {
  switch (resource) {
    case 'vcpu':
      return `${amount} vcpu`;
    case 'memoryMib':
      return `${amount === 0 ? 'no' : `${formatSizeMib(amount)} of`} memory`;
    case 'diskMib':
      return `${amount === 0 ? 'no' : `${formatSizeMib(amount)} of`} disk`;
    case 'vms':
      return `${amount} VM${amount === 1 ? '' : 's'}`;
  }
}

/** An amount as a setting takes it: `4`, `8G`. */
function settingText(resource: QuotaResource, amount: number): string {
  return resource === 'memoryMib' || resource === 'diskMib' ? formatSizeMib(amount) : String(amount);
}

/** The maxima that `used` goes beyond once `asked` is added to it. What asks for nothing of a resource never does. */
export function excesses(quotas: Quotas, used: Amounts, asked: Amounts): Excess[] {
  const found: Excess[] = [];
  for (const resource of QUOTA_RESOURCES) {
    const maximum = quotas[resource]?.maximum;
    if (maximum === undefined || asked[resource] <= 0 || used[resource] + asked[resource] <= maximum) continue;
    found.push({ resource, maximum, used: used[resource], asked: asked[resource] });
  }
  return found;
}

/** `project shop may have 8 vcpu, has 6, and 4 more were asked for`. */
function excessText(project: string, found: readonly Excess[]): string {
  const parts = found.map(
    ({ resource, maximum, used, asked }) =>
      `${amountText(resource, maximum)} at most, has ${settingText(resource, used)}, and ${settingText(resource, asked)} more ${asked === 1 ? 'is' : 'are'} asked for`,
  );
  return `project ${project} may have ${parts.join('; and ')}`;
}

function raiseText(project: string, found: readonly Excess[]): string {
  const settings = found.map(
    ({ resource, used, asked }) => `${QUOTA_WORDS[resource]}=${settingText(resource, used + asked)}`,
  );
  return `n3xctl project set ${project} ${settings.join(' ')}`;
}

/**
 * Why a VM cannot become `after`, for the quotas of its project; undefined when it can. `before` is the VM as it is,
 * absent when it is new. `what` says what cannot be done: `be created`.
 */
export function quotaRefusal(
  state: ClusterState,
  before: Vm | undefined,
  after: Vm,
  what: string,
): Verdict | undefined {
  const found = growthExcesses(state, before, after);
  const project = projectOf(after.name);
  if (found.length === 0) return undefined;
  return no(
    ERROR_CODES.refused,
    `VM ${after.name} cannot ${what}: ${excessText(project, found)}. Delete VMs of ${project}, ask for less, or raise it: ${raiseText(project, found)}`,
    { name: after.name, project, quota: found.map((excess) => ({ ...excess })) },
  );
}

/** How many of `count` new VMs of one spec the quotas allow, and what is against the next; undefined when all may be. */
export function setQuotaExcess(
  state: ClusterState,
  name: string,
  spec: VmSpec,
  count: number,
): { readonly allowed: number; readonly message: string } | undefined {
  const project = projectOf(name);
  const quotas = state.project(project)?.quotas;
  if (quotas === undefined) return undefined;
  const asked = specUse(spec);
  let { used } = state.indexes.projectUse(project);
  for (let allowed = 0; allowed < count; allowed++) {
    const found = excesses(quotas, used, asked);
    if (found.length > 0) {
      const message = `waits for room in its project: ${excessText(project, found)}. Raise it: ${raiseText(project, found)}`;
      return { allowed, message };
    }
    used = plus(used, asked, 1);
  }
  return undefined;
}

/** The maxima that a VM's growth from `before` to `after` goes beyond. */
export function growthExcesses(state: ClusterState, before: Vm | undefined, after: Vm): Excess[] {
  const project = projectOf(after.name);
  const quotas = state.project(project)?.quotas;
  if (quotas === undefined) return [];
  const growth = before === undefined ? quotaUse(after) : plus(quotaUse(after), quotaUse(before), -1);
  return excesses(quotas, state.indexes.projectUse(project).used, growth);
}

/** Why a VM that turned out larger is held, in one line. */
export function heldText(vmName: string, found: readonly Excess[]): string {
  const project = projectOf(vmName);
  return `turned out larger than was asked for: ${excessText(project, found)}; raise it and start the VM again: ${raiseText(project, found)}`;
}

/**
 * The guarantee that keeps `victims` from giving way to `vm`, in words; undefined when they may. VMs of `vm`'s own
 * project may always, others only while what their project keeps is at least what it is guaranteed. `going` are VMs that
 * are about to give way to others.
 */
export function guaranteeAgainst(
  state: ClusterState,
  vm: Vm,
  victims: readonly Vm[],
  going: readonly Vm[] = [],
): string | undefined {
  let lost: Map<string, Amounts> | undefined;
  const own = projectOf(vm.name);
  for (const victim of victims) {
    const project = projectOf(victim.name);
    if (project === own || !stands(victim) || !hasGuarantee(state.project(project))) continue;
    lost ??= new Map();
    lost.set(project, plus(lost.get(project) ?? NO_USE.used, quotaUse(victim), 1));
  }
  for (const [project, amounts] of lost ?? []) {
    let { standing } = state.indexes.projectUse(project);
    for (const other of going) if (projectOf(other.name) === project) standing = plus(standing, quotaUse(other), -1);
    for (const resource of QUOTA_RESOURCES) {
      const guaranteed = state.project(project)?.quotas[resource]?.guaranteed ?? 0;
      const kept = standing[resource] - amounts[resource];
      if (amounts[resource] === 0 || kept >= guaranteed) continue;
      return `project ${project} is guaranteed ${amountText(resource, guaranteed)} and would keep ${settingText(resource, kept)}`;
    }
  }
  return undefined;
}

/** Whether anything is guaranteed to a project. */
export function hasGuarantee(project: Project | undefined): boolean {
  return QUOTA_RESOURCES.some((resource) => (project?.quotas[resource]?.guaranteed ?? 0) > 0);
}
