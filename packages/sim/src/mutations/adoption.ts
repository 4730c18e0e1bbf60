/** Planted bugs of taking over what was on a host before n3x, and of handing it back. */
import type { Mutation } from './mutation.ts';

/** Where microVMs are taken over and handed back while daemons end and hosts are cut off. */
const COMMON = { budget: 20, workload: 'adoption', profile: 'default', durationMs: 40_000 } as const;

/** The planted bugs of adoption. */
export const ADOPTION_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'adopted-without-its-host', summary: 'what is adopted waits for a host as a new VM does', ...COMMON },
    rewrites: [
      {
        file: 'machine/apply-adopt',
        find: 'const vm = { ...settled, assignment: { hostId, epoch: tx.index }, adoptedAt: tx.index, decision: told };',
        replace: 'const vm = { ...settled, assignment: null, decision: told };',
      },
    ],
  },
  {
    ...{ name: 'adopted-built-anew', summary: 'a host builds what it was to take over', ...COMMON },
    rewrites: [
      {
        file: 'host/want',
        find: 'if (vm.adoptedAt === epoch && observed?.managed === undefined) {',
        replace: 'if (epoch < 0) {',
      },
      {
        file: 'host/want',
        find: 'if (observed !== undefined && observed.managed === undefined) {',
        replace: 'if (epoch < 0) {',
      },
    ],
  },
  {
    ...{ name: 'released-as-deleted', summary: 'what is handed back is stopped and removed', ...COMMON },
    rewrites: [
      { file: 'host/reconcile', find: '} else if (vm.releasing === true) {', replace: '} else if (epoch < 0) {' },
    ],
  },
  {
    ...{ name: 'released-still-held', summary: 'a host that hands a VM back goes on looking after it', ...COMMON },
    rewrites: [
      {
        file: 'host/reconcile',
        find: "if (found?.managed === undefined) removed.push({ type: 'vmRemoved', hostId, name: vm.name, uid: vm.uid, epoch });",
        replace:
          "if (found?.managed === undefined) actions.push({ type: 'stop', name: vm.name, uid: vm.uid, timeoutSeconds: 1 });",
      },
    ],
  },
];
