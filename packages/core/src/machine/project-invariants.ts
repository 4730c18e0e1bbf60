/** What must hold of projects, recounted VM by VM: for tests and the simulator. Written from the rules, not from `apply`. */
import type { ObjectChange } from '../model/object.ts';
import { PROJECTS_MAX, QUOTA_RESOURCES, type QuotaResource, quotaUse } from '../model/project.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import type { ClusterState } from './state.ts';

type Sums = Record<QuotaResource, number>;

function sumOf(vms: Iterable<Vm>): Sums {
  const sums: Sums = { vcpu: 0, memoryMib: 0, diskMib: 0, vms: 0 };
  for (const vm of vms) {
    const use = quotaUse(vm);
    for (const resource of QUOTA_RESOURCES) sums[resource] += use[resource];
  }
  return sums;
}

function* vmsOf(state: ClusterState, project: string): Generator<Vm> {
  for (const vm of state.vms()) if (projectOf(vm.name) === project) yield vm;
}

function isStaying(vm: Vm): boolean {
  return vm.assignment !== null && !vm.deleting && vm.moving?.cause !== 'preempted';
}

/** What is wrong with one project: its sums and its maxima. */
export function checkProject(state: ClusterState, name: string, found: string[]): void {
  const project = state.project(name);
  const vms = [...vmsOf(state, name)];
  if (project === undefined) {
    if (vms.length > 0) found.push(`${vms[0]?.name} is of project ${name}, which there is not`);
    return;
  }
  const used = sumOf(vms);
  const standing = sumOf(vms.filter(isStaying));
  const counted = state.indexes.projectUse(name);
  for (const resource of QUOTA_RESOURCES) {
    const { guaranteed = 0, maximum = Number.POSITIVE_INFINITY } = project.quotas[resource] ?? {};
    if (used[resource] > maximum) found.push(`project ${name} has ${used[resource]} ${resource}, more than ${maximum}`);
    if (guaranteed > maximum) found.push(`project ${name} is guaranteed more ${resource} than its maximum`);
    if (used[resource] !== counted.used[resource] || standing[resource] !== counted.standing[resource]) {
      found.push(`project ${name}: its ${resource} is counted wrongly`);
    }
  }
}

/** What is wrong with all projects. */
export function checkProjects(state: ClusterState, found: string[]): void {
  const names = new Set<string>();
  let before = '';
  let count = 0;
  for (const { name } of state.projects()) {
    if (name <= before) found.push(`project ${name} is listed after ${before}`);
    before = name;
    count += 1;
    names.add(name);
  }
  if (count > PROJECTS_MAX) found.push(`there are ${count} projects`);
  for (const vm of state.vms()) names.add(projectOf(vm.name));
  for (const name of names) checkProject(state, name, found);
}

/** What an entry did to the projects that its changes touch, `state` being as it left it. */
export function checkProjectStep(state: ClusterState, changes: readonly ObjectChange[], found: string[]): void {
  const touched = new Set<string>();
  /** VMs that were made to give way by this entry, by the VM that they give way to. */
  const displaced = new Map<string, Vm[]>();
  for (const { kind, name, object, index } of changes) {
    if (kind === 'project') touched.add(name);
    if (kind !== 'vm') continue;
    touched.add(projectOf(name));
    if (object?.kind !== 'vm' || object.moving?.cause !== 'preempted' || object.deleting) continue;
    if (object.status.reason !== 'Preempted' || object.modifiedIndex !== index) continue;
    const others = displaced.get(object.moving.for) ?? [];
    others.push(object);
    displaced.set(object.moving.for, others);
  }
  for (const name of touched) checkProject(state, name, found);
  for (const [by, victims] of displaced) {
    // A report on one that is going changes it too: an entry that displaces changes the one that is made room for.
    if (!changes.some(({ kind, name }) => kind === 'vm' && name === by)) continue;
    checkGuarantees(state, by, victims, found);
  }
}

/** Whether every project but that of `by` keeps what it is guaranteed of whatever `victims` had of it. */
function checkGuarantees(state: ClusterState, by: string, victims: readonly Vm[], found: string[]): void {
  for (const project of new Set(victims.map(({ name }) => projectOf(name)))) {
    if (project === projectOf(by)) continue;
    const lost = sumOf(victims.filter(({ name }) => projectOf(name) === project));
    const kept = sumOf([...vmsOf(state, project)].filter(isStaying));
    for (const resource of QUOTA_RESOURCES) {
      const guaranteed = state.project(project)?.quotas[resource]?.guaranteed ?? 0;
      if (lost[resource] === 0 || kept[resource] >= guaranteed) continue;
      found.push(`${by} displaces VMs of ${project}, which keeps ${kept[resource]} ${resource} of ${guaranteed}`);
    }
  }
}
