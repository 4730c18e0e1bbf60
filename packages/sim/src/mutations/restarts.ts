/** Planted bugs of what follows when a VM's process ends by itself. */
import type { Mutation } from './mutation.ts';

/** Where they show: guests that end soon after each start. */
const COMMON = { budget: 40, workload: 'restarts', profile: 'crashing', hosts: 3, durationMs: 60_000 } as const;

/** The planted bugs of restarts. */
export const RESTART_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'never-restarted-again', summary: 'a VM that is never to be restarted is', ...COMMON },
    rewrites: [
      {
        file: 'host/ended',
        find: "if (policy === 'never' || (policy === 'on-failure' && clean)) {",
        replace: "if (policy !== 'always' && clean) {",
      },
    ],
  },
  {
    ...{ name: 'restart-limit-off-by-one', summary: 'n3x gives up one restart too late', ...COMMON },
    rewrites: [{ file: 'host/ended', find: 'if (count >= maxRestarts) {', replace: 'if (count > maxRestarts) {' }],
  },
  {
    ...{ name: 'restarts-not-noted', summary: 'how often a VM was started again is not kept beside it', ...COMMON },
    rewrites: [
      {
        file: 'host/want',
        find: 'const again: DriverAction = { ...start, again: true };',
        replace: 'const again: DriverAction = { ...start };',
      },
    ],
  },
  {
    ...{ name: 'earlier-end-halts', summary: 'how a VM ended before its user restarted it still counts', ...COMMON },
    rewrites: [
      {
        file: 'host/ended',
        find: 'if (managed === undefined || managed.restarts !== vm.restarts) return undefined;',
        replace: 'if (managed === undefined) return undefined;',
      },
    ],
  },
];
