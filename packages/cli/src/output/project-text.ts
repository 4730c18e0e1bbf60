/** Projects as text for people. */
import type { ProjectView } from '@n3x/core/api/project-routes';
import type { QuotaResource } from '@n3x/core/model/project';
import { formatAge, formatTime } from './age.ts';
import { annotationFields } from './annotation-fields.ts';
import { formatMemory } from './memory.ts';
import { type Column, renderFields, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

const WORDS: Readonly<Record<QuotaResource, string>> = {
  vcpu: 'vcpu',
  memoryMib: 'memory',
  diskMib: 'disk',
  vms: 'vms',
};

function amount(resource: QuotaResource, value: number): string {
  if (resource === 'vcpu' || resource === 'vms') return String(value);
  return value === 0 ? '0' : formatMemory(value);
}

/** What is used, and of how much: `6/8`, or `6` without a maximum. Full is marked. */
function usedCell(project: ProjectView, resource: QuotaResource, paint: Paint): string {
  const used = amount(resource, project.used[resource]);
  const maximum = project.quotas[resource]?.maximum;
  if (maximum === undefined) return used;
  const text = `${used}/${amount(resource, maximum)}`;
  return project.used[resource] >= maximum && maximum > 0 ? paint('busy', text) : text;
}

/** Every guarantee with what of it is in use by VMs that have a host: `vcpu 3 of 4`. */
function guaranteesText(project: ProjectView): string {
  return (['vcpu', 'memoryMib', 'diskMib', 'vms'] as const)
    .flatMap((resource) => {
      const guaranteed = project.quotas[resource]?.guaranteed;
      if (guaranteed === undefined) return [];
      const standing = amount(resource, project.standing[resource]);
      return [`${WORDS[resource]} ${standing} of ${amount(resource, guaranteed)}`];
    })
    .join(', ');
}

function columns(paint: Paint, nowMs: number): Column<ProjectView>[] {
  return [
    { head: 'NAME', cell: (project) => project.name },
    { head: 'VMS', cell: (project) => usedCell(project, 'vms', paint) },
    { head: 'VCPU', cell: (project) => usedCell(project, 'vcpu', paint) },
    { head: 'MEMORY', cell: (project) => usedCell(project, 'memoryMib', paint) },
    { head: 'DISK', cell: (project) => usedCell(project, 'diskMib', paint) },
    { head: 'STRATEGY', cell: (project) => project.strategy ?? '-' },
    { head: 'AGE', cell: (project) => formatAge(project.createdAtMs, nowMs) },
    { head: 'GUARANTEED', wide: true, cell: (project) => guaranteesText(project) || '-' },
  ];
}

/** The list of projects as a table: what is used of which maximum. */
export function projectTable(projects: readonly ProjectView[], paint: Paint, nowMs: number, wide: boolean): string {
  return renderTable(columns(paint, nowMs), projects, wide);
}

function quotaField(project: ProjectView, resource: QuotaResource): string {
  const { guaranteed, maximum } = project.quotas[resource] ?? {};
  const most = maximum === undefined ? '' : ` of ${amount(resource, maximum)} at most`;
  const standing = amount(resource, project.standing[resource]);
  const least =
    guaranteed === undefined ? '' : `; ${amount(resource, guaranteed)} guaranteed, of which ${standing} run`;
  return `${amount(resource, project.used[resource])}${most}${least}`;
}

/** Everything about one project. */
export function projectDetails(project: ProjectView, nowMs: number): string {
  return renderFields([
    ['Name', project.name],
    ['VMs', quotaField(project, 'vms')],
    ['Vcpu', quotaField(project, 'vcpu')],
    ['Memory', quotaField(project, 'memoryMib')],
    ['Disk', quotaField(project, 'diskMib')],
    ['Strategy', project.strategy ?? "the cluster's"],
    ...annotationFields(project.annotations),
    ['Modified', project.modifiedIndex === 0 ? 'never' : `index ${project.modifiedIndex}`],
    ['Created', `${formatTime(project.createdAtMs)} (${formatAge(project.createdAtMs, nowMs)} ago)`],
  ]);
}

/** One line after a change: what was done, and what is used of its quotas. */
export function projectLine(project: ProjectView, done: string): string {
  const parts = (['vms', 'vcpu', 'memoryMib', 'diskMib'] as const).flatMap((resource) =>
    project.quotas[resource] === undefined ? [] : [`${WORDS[resource]} ${quotaField(project, resource)}`],
  );
  return `project ${project.name}: ${done}${parts.length === 0 ? ' (no quotas)' : ` (${parts.join(', ')})`}\n`;
}
