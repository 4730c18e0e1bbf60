/** Planted bugs of the reconciler of a host: what it starts, stops, and gives up. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of reconcilers. */
export const HOST_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'starts-what-is-elsewhere', summary: 'every host starts every VM' },
    ...{ budget: 10, workload: 'vms' },
    rewrites: [
      { file: 'host/reconcile', find: 'state.vmsOnHost(hostId)', replace: 'state.vms()' },
      {
        file: 'host/reconcile',
        find: '(vm.assignment?.hostId === hostId || moveTargetId(vm) === hostId)',
        replace: 'vm !== undefined',
      },
    ],
  },
  {
    ...{ name: 'deleted-vm-left-running', summary: 'a host goes on with a VM that is to be deleted' },
    ...{ budget: 10, workload: 'vms' },
    rewrites: [
      {
        file: 'host/reconcile',
        find: '} else if (vm.deleting || isLeaving(vm)) {',
        replace: '} else if (vm.deleting && found === undefined) {',
      },
    ],
  },
  {
    ...{ name: 'restart-not-done', summary: 'a host reports a restart that was asked for and does none' },
    ...{ budget: 40, workload: 'vms', profile: 'default' },
    rewrites: [
      {
        file: 'host/want',
        find: 'if (managed.restarts !== vm.restarts) return',
        replace: 'if (managed.restarts > vm.restarts) return',
      },
    ],
  },
  {
    ...{ name: 'first-failure-is-final', summary: 'an action that failed once is never tried again' },
    ...{ budget: 40, workload: 'vms', profile: 'default' },
    rewrites: [{ file: 'host/backoff', find: '!outcome.ok && !outcome.retriable', replace: '!outcome.ok' }],
  },
];
