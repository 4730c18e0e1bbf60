/** What operators do to projects: create, change, delete. */
import { ERROR_CODES } from '../base/errors.ts';
import { hostCapacity } from '../model/host.ts';
import {
  PROJECTS_MAX,
  type Project,
  QUOTA_RESOURCES,
  type Quota,
  type QuotaChanges,
  type QuotaResource,
  type Quotas,
} from '../model/project.ts';
import { DEFAULT_PROJECT, projectOf } from '../model/vm-name.ts';
import type { Command } from './command.ts';
import { same } from './difference.ts';
import { amountText, QUOTA_WORDS } from './quota.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(name: string): { kind: 'project'; name: string } {
  return { kind: 'project', name };
}

/** Without quotas that say nothing. */
function trimmed(quotas: Quotas): Quotas {
  const kept: { [resource in QuotaResource]?: Quota } = {};
  for (const resource of QUOTA_RESOURCES) {
    const quota = quotas[resource];
    if (quota?.guaranteed !== undefined || quota?.maximum !== undefined) kept[resource] = quota;
  }
  return kept;
}

function merged(before: Quotas, changes: QuotaChanges): Quotas {
  const after: { [resource in QuotaResource]?: Quota } = {};
  for (const resource of QUOTA_RESOURCES) {
    const change = changes[resource];
    const guaranteed = change?.guaranteed === undefined ? before[resource]?.guaranteed : change.guaranteed;
    const maximum = change?.maximum === undefined ? before[resource]?.maximum : change.maximum;
    after[resource] = {
      ...(guaranteed === undefined || guaranteed === null ? {} : { guaranteed }),
      ...(maximum === undefined || maximum === null ? {} : { maximum }),
    };
  }
  return trimmed(after);
}

/** What all hosts may give to VMs of a resource; undefined where hosts do not say. */
function capacityOf(state: ClusterState, resource: QuotaResource): number | undefined {
  if (resource !== 'vcpu' && resource !== 'memoryMib') return undefined;
  let sum = 0;
  for (const host of state.hosts()) if (host.membership !== 'lost') sum += hostCapacity(host)[resource];
  return sum;
}

/** Why a project cannot have these quotas; undefined when it can. Costs as much as there are hosts and projects. */
function refusalOf(state: ClusterState, name: string, before: Quotas, after: Quotas): Verdict | undefined {
  const { used } = state.indexes.projectUse(name);
  for (const resource of QUOTA_RESOURCES) {
    const { guaranteed = 0, maximum } = after[resource] ?? {};
    if (maximum !== undefined && guaranteed > maximum) {
      const message = `project ${name} cannot be guaranteed ${amountText(resource, guaranteed)} with a maximum of ${amountText(resource, maximum)}: raise the maximum, or guarantee less`;
      return no(ERROR_CODES.invalid, message, { name, resource });
    }
    if (maximum !== undefined && used[resource] > maximum) {
      const message = `project ${name} has ${amountText(resource, used[resource])}, and cannot be given a maximum of ${amountText(resource, maximum)}: delete VMs of it first`;
      return no(ERROR_CODES.refused, message, { name, resource, used: used[resource], maximum });
    }
    if (guaranteed <= (before[resource]?.guaranteed ?? 0)) continue;
    const capacity = capacityOf(state, resource);
    if (capacity === undefined) continue;
    let others = 0;
    for (const other of state.projects()) {
      if (other.name !== name) others += other.quotas[resource]?.guaranteed ?? 0;
    }
    if (others + guaranteed <= capacity) continue;
    const message = `project ${name} cannot be guaranteed ${amountText(resource, guaranteed)}: the hosts have ${amountText(resource, capacity)} for VMs, and ${others === 0 ? 'no more' : `${amountText(resource, others)} of it are guaranteed to other projects`}. Guarantee less, or add hosts`;
    return no(ERROR_CODES.refused, message, { name, resource, capacity, guaranteed, others });
  }
  return undefined;
}

/** Quotas in words, as in `vcpu 4..8, vms ..10`; empty without any. */
function quotasText(quotas: Quotas): string {
  const parts: string[] = [];
  for (const resource of QUOTA_RESOURCES) {
    const quota = quotas[resource];
    if (quota === undefined) continue;
    const { guaranteed, maximum } = quota;
    const least = guaranteed === undefined ? [] : [`${amountText(resource, guaranteed)} guaranteed`];
    const most = maximum === undefined ? [] : [`${amountText(resource, maximum)} at most`];
    parts.push([...least, ...most].join(', '));
  }
  return parts.join('; ');
}

function settingsText({ quotas, strategy }: Pick<Project, 'quotas' | 'strategy'>): string {
  const parts = [quotasText(quotas) || 'no quotas', ...(strategy === undefined ? [] : [`VMs go by ${strategy}`])];
  return parts.join('; ');
}

/** `projectCreate`. */
export function applyProjectCreate(tx: Transaction, command: CommandOf<'projectCreate'>): Verdict {
  const { name, strategy } = command;
  const quotas = trimmed(command.quotas);
  const settings = { quotas, ...(strategy === undefined ? {} : { strategy }) };
  const existing = tx.state.project(name);
  if (existing !== undefined) {
    const there = {
      quotas: existing.quotas,
      ...(existing.strategy === undefined ? {} : { strategy: existing.strategy }),
    };
    if (same(there, settings)) return unchanged();
    const message = `project ${name} exists with other settings (${settingsText(existing)}): change them with \`n3xctl project set ${name}\``;
    return no(ERROR_CODES.conflict, message, { name });
  }
  if ([...tx.state.projects()].length >= PROJECTS_MAX) {
    return no(ERROR_CODES.refused, `the cluster has ${PROJECTS_MAX} projects, which is its limit: delete one first`, {
      name,
    });
  }
  const refusal = refusalOf(tx.state, name, {}, quotas);
  if (refusal !== undefined) return refusal;
  const project: Project = {
    ...{ kind: 'project', name, modifiedIndex: tx.index, createdAtMs: tx.atMs },
    ...settings,
  };
  tx.putProject(project);
  tx.event(about(name), 'Created', settingsText(project));
  return done();
}

/** The project that a change is for, or why it cannot be made. */
function target(
  tx: Transaction,
  { name, ifModifiedIndex }: { name: string; ifModifiedIndex?: number | undefined },
): { project: Project } | { refusal: Verdict } {
  const project = tx.state.project(name);
  if (project === undefined) return { refusal: unknownProject(name) };
  const refusal = overtaken('project', project, ifModifiedIndex);
  return refusal === undefined ? { project } : { refusal };
}

/** There is no project of this name. */
export function unknownProject(name: string): Verdict {
  return notFound(
    'project',
    name,
    `\`n3xctl project create ${name}\` makes it, \`n3xctl project list\` shows those that do`,
  );
}

/** `projectSet`. */
export function applyProjectSet(tx: Transaction, command: CommandOf<'projectSet'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { project } = found;
  const quotas = merged(project.quotas, command.quotas);
  const refusal = refusalOf(tx.state, project.name, project.quotas, quotas);
  if (refusal !== undefined) return refusal;
  const { strategy: before, ...rest } = project;
  const strategy = command.strategy === undefined ? before : (command.strategy ?? undefined);
  const next: Project = { ...rest, quotas, ...(strategy === undefined ? {} : { strategy }) };
  if (same(project, next)) return unchanged();
  tx.putProject(next);
  tx.event(about(project.name), 'Changed', `${settingsText(next)}; before: ${settingsText(project)}`);
  return done();
}

/** `projectDelete`. */
export function applyProjectDelete(tx: Transaction, command: CommandOf<'projectDelete'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { name } = found.project;
  if (name === DEFAULT_PROJECT) {
    const take = QUOTA_RESOURCES.map((resource) => `${QUOTA_WORDS[resource]}-`).join(' ');
    const message = `project ${name} is always there: take its quotas away with \`n3xctl project set ${name} ${take}\``;
    return no(ERROR_CODES.refused, message, { name });
  }
  const { vms } = tx.state.indexes.projectUse(name).used;
  if (vms > 0) {
    const message = `project ${name} has ${amountText('vms', vms)}: delete ${vms === 1 ? 'it' : 'them'} first, \`n3xctl vm list --project ${name}\` shows ${vms === 1 ? 'it' : 'them'}`;
    return no(ERROR_CODES.refused, message, { name, vms });
  }
  for (const set of tx.state.vmSets()) {
    if (projectOf(set.name) !== name) continue;
    const message = `project ${name} has the set ${set.name}: delete it first with \`n3xctl vm delete ${set.name}\``;
    return no(ERROR_CODES.refused, message, { name, set: set.name });
  }
  tx.deleteProject(found.project);
  tx.event(about(name), 'Deleted', 'deleted');
  return done();
}
