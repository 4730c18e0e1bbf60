/** What the VMs of each project have, kept change by change, so that judging a quota costs the same for any number of VMs. */
import { displacedBy } from '../model/move.ts';
import { type Amounts, NO_AMOUNTS, QUOTA_RESOURCES, quotaUse } from '../model/project.ts';
import type { Vm } from '../model/vm.ts';
import { DEFAULT_PROJECT, projectOf } from '../model/vm-name.ts';

/** What the VMs of one project have. */
export interface ProjectUse {
  /** All of them: what its maximum is compared with. */
  readonly used: Amounts;
  /** Those that have a host and are to keep it: what its guarantee is compared with. */
  readonly standing: Amounts;
}

/** Use of a project without VMs. */
export const NO_USE: ProjectUse = { used: NO_AMOUNTS, standing: NO_AMOUNTS };

/** Whether a VM has a host that it is not about to leave. */
export function stands(vm: Vm): boolean {
  return vm.assignment !== null && !vm.deleting && displacedBy(vm) === undefined;
}

/** `amounts` with those of `vm` added or taken away. */
export function plus(amounts: Amounts, use: Amounts, by: 1 | -1): Amounts {
  return {
    vcpu: amounts.vcpu + by * use.vcpu,
    memoryMib: amounts.memoryMib + by * use.memoryMib,
    diskMib: amounts.diskMib + by * use.diskMib,
    vms: amounts.vms + by * use.vms,
  };
}

/** Whether two states of a VM count the same. */
function countsAlike(a: Vm, b: Vm): boolean {
  return (
    a.spec === b.spec &&
    a.status.evaluated === b.status.evaluated &&
    a.overQuota === b.overQuota &&
    a.revision === b.revision &&
    stands(a) === stands(b)
  );
}

/** Use by project. */
export class ProjectUses {
  readonly #uses = new Map<string, ProjectUse>();

  /** What the VMs of a project have; a value, not live. */
  of(project: string): ProjectUse {
    return this.#uses.get(project) ?? NO_USE;
  }

  /** One VM was replaced: `before` is absent when it is new, `after` when it went. */
  replace(before: Vm | undefined, after: Vm | undefined): void {
    if (before !== undefined && after !== undefined && countsAlike(before, after)) return;
    if (before !== undefined) this.#count(before, -1);
    if (after !== undefined) this.#count(after, 1);
  }

  #count(vm: Vm, by: 1 | -1): void {
    const project = projectOf(vm.name);
    const use = quotaUse(vm);
    const { used, standing } = this.of(project);
    const next = { used: plus(used, use, by), standing: stands(vm) ? plus(standing, use, by) : standing };
    if (next.used.vms === 0) this.#uses.delete(project);
    else this.#uses.set(project, next);
  }

  /** Of one project, in a form to compare. */
  summary(project: string): string {
    const { used, standing } = this.of(project);
    return JSON.stringify([used, standing].map((amounts) => QUOTA_RESOURCES.map((resource) => amounts[resource])));
  }
}

/** VMs of one project, by name. Those of any but `default` lie together, and no others are looked at. */
export function* vmsOfProject(state: { vms(from?: string): Iterable<Vm> }, project: string): Generator<Vm> {
  const from = project === DEFAULT_PROJECT ? '' : `${project}.`;
  for (const vm of state.vms(from)) {
    if (projectOf(vm.name) === project) yield vm;
    else if (project !== DEFAULT_PROJECT) return;
  }
}
