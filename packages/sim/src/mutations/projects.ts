/** Planted bugs in what is done about projects. */
import type { Mutation } from './mutation.ts';

/** The planted bugs. */
export const PROJECT_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'quota-checked-by-the-api-only', summary: 'a VM is created whatever its project may have' },
    ...{ budget: 20, workload: 'projects', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/apply-vm',
        find: "const overQuota = quotaRefusal(state, undefined, vm, 'be created');",
        replace:
          "const overQuota = at instanceof Object ? undefined : quotaRefusal(state, undefined, vm, 'be created');",
      },
    ],
  },
  {
    ...{ name: 'quota-not-given-back', summary: 'what a deleted VM had stays counted against its project' },
    ...{ budget: 20, workload: 'projects', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/project-use',
        find: 'if (before !== undefined) this.#count(before, -1);',
        replace: 'if (before !== undefined && after !== undefined) this.#count(before, -1);',
      },
    ],
  },
  {
    ...{
      name: 'guarantee-ignored',
      summary: 'VMs give way to more important ones of other projects, whatever their own is guaranteed',
    },
    ...{ budget: 60, workload: 'projects', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/quota',
        find: 'if (amounts[resource] === 0 || kept >= guaranteed) continue;',
        replace: 'if (amounts[resource] === 0 || kept >= guaranteed - guaranteed) continue;',
      },
    ],
  },
  {
    ...{ name: 'growth-not-judged', summary: 'a VM that turns out larger than its project may have runs all the same' },
    ...{ budget: 40, workload: 'projects', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/apply-placement',
        find: 'if (found.length === 0) return free;',
        replace: 'if (found.length < 99) return free;',
      },
    ],
  },
  {
    ...{ name: 'labels-across-projects', summary: 'VMs of one project keep those of another one off their host' },
    ...{ budget: 150, workload: 'projects', profile: 'calm', hosts: 3 },
    rewrites: [
      {
        file: 'machine/label-scope',
        find: 'const project = projectOf(name);\n  return project',
        replace: 'const project = DEFAULT_PROJECT;\n  return project',
      },
      {
        file: 'machine/label-scope',
        find: 'if (project === DEFAULT_PROJECT) return labelPairs(spec.labels);',
        replace: 'if (project !== undefined) return labelPairs(spec.labels);',
      },
    ],
  },
];
