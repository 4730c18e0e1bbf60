/** Planted bugs of changes in place and of sets of VMs. */
import type { Mutation } from './mutation.ts';

const SETS = { workload: 'sets', hosts: 3, durationMs: 40_000 } as const;

/** The planted bugs of sets. */
export const SET_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'set-gate-ignored', summary: 'an update goes on without waiting for the VMs that it has changed' },
    ...{ budget: 20, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/set-progress',
        find: 'if (unproven.length + 1 > maxUnavailable) {',
        replace: 'if (unproven.length > 99) {',
      },
      {
        file: 'machine/set-progress',
        find: 'if (place.available && down.length + 1 > maxUnavailable) {',
        replace: 'if (place.available && down.length > 99) {',
      },
    ],
  },
  {
    ...{
      name: 'set-unavailable-as-of-the-update',
      summary: 'only the VMs that the update itself has down count, not those that are down for other reasons',
    },
    ...{ budget: 40, ...SETS, profile: 'default' },
    rewrites: [
      {
        file: 'machine/set-progress',
        find: 'if (place.available && down.length + 1 > maxUnavailable) {',
        replace: 'if (place.available && down.filter((other) => other.unproven).length + 1 > maxUnavailable) {',
      },
    ],
  },
  {
    ...{ name: 'set-member-forgotten', summary: 'one VM of those that are too many is left' },
    ...{ budget: 20, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'control/vm-sets',
        find: 'if (vm?.deleting === false) steps.push',
        replace: 'if (vm?.deleting === false && ordinal > set.replicas) steps.push',
      },
    ],
  },
  {
    ...{ name: 'rollback-to-the-failed', summary: 'a VM goes back to the build before, whatever became of that' },
    ...{ budget: 60, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/revisions',
        find: "return past.findLast(({ outcome }) => outcome === 'ready');",
        replace: 'return past.at(-1);',
      },
    ],
  },
  {
    ...{ name: 'set-failure-not-noted', summary: 'a set does not learn that a revision has failed on a VM' },
    ...{ budget: 20, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/apply-placement',
        find: "if (outcome !== 'ready') memberFailed",
        replace: "if (outcome !== 'ready' && gate.message === 'never') memberFailed",
      },
    ],
  },
  {
    ...{ name: 'set-restart-at-once', summary: 'a restart of a set does not wait for the VMs that it has restarted' },
    ...{ budget: 20, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/set-progress',
        find: 'progress.places.filter((place) => !place.restarted && whyNotTouch(set, progress, place) === undefined)',
        replace: 'progress.places.filter((place) => !place.restarted && place.vm !== undefined)',
      },
      {
        file: 'machine/apply-vm-set-step',
        find: '  const why = whyNotTouch(set, progress, place);\n  if (why !== undefined) return refused(set, why);\n  const memberOf',
        replace: '  const memberOf',
      },
    ],
  },
  {
    ...{ name: 'stopped-set-starts-members', summary: 'a set that is stopped makes VMs that run' },
    ...{ budget: 20, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/apply-vm-set-step',
        find: "power: set.power ?? 'running'",
        replace: "power: 'running'",
      },
    ],
  },
  {
    ...{ name: 'restart-not-awaited', summary: 'a VM counts as available although its restart is still to come' },
    ...{ budget: 20, ...SETS, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/set-progress',
        find: "return vm.power === 'running' && !vm.deleting && vm.restarts > vm.status.observedRestarts;",
        replace: 'return false;',
      },
    ],
  },
];
