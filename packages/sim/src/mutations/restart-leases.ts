/** Planted bugs of the longer lease that an orderly restart of n3xd is given. */
import type { Mutation } from './mutation.ts';
import type { Rewrite } from './rewrite.ts';

/** Where daemons are stopped in good order, for longer and shorter than that lease. */
const COMMON = { workload: 'failover', profile: 'restarting', durationMs: 45_000 } as const;

/** A daemon asks for its first lease only after a while, as if nobody had answered. */
const SLOW_TO_RENEW: Rewrite = {
  file: 'host/lease',
  find: '    this.#lastSentMs = nowMs;\n',
  replace:
    '    this.#lastSentMs = nowMs + (this.#sequence === 0 ? 6_000 : 0);\n    if (this.#sequence++ === 0) return undefined;\n',
};

/** A restart may take as long as it may where nobody has set it: here it is less, so that some take longer. */
const AS_BY_DEFAULT: Rewrite = {
  file: 'model/restart-lease',
  find: 'ttlMs: seconds * 1000 }',
  replace: 'ttlMs: 60_000 }',
};

/** The planted bugs of restart leases. */
export const RESTART_LEASE_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'restart-lease-not-waited-for', summary: 'VMs of a host that restarts fail over at once', ...COMMON },
    budget: 40,
    rewrites: [
      {
        file: 'control/lease-keeper',
        find: '|| this.#nowMs < endsMs || restarting !== undefined) continue;',
        replace: '|| this.#nowMs < endsMs) continue;',
      },
      { file: 'machine/apply-failover', find: 'if (host?.restarting !== undefined) {', replace: 'if (term < 0) {' },
    ],
  },
  {
    ...{ name: 'restart-lease-counted-short', summary: 'a leader counts a restart like other leases', ...COMMON },
    budget: 40,
    rewrites: [
      {
        file: 'control/lease-keeper',
        find: 'this.#nowMs < sinceMs + waitMs',
        replace: 'this.#nowMs < sinceMs + 3_000',
      },
    ],
  },
  {
    ...{ name: 'restart-over-before-armed', summary: 'a daemon that is back says so before its switch is armed anew' },
    ...{ ...COMMON, budget: 150 },
    rewrites: [
      SLOW_TO_RENEW,
      AS_BY_DEFAULT,
      {
        file: 'loop/restart-lease',
        find: 'if (isNeeded && lease.untilMs === Number.NEGATIVE_INFINITY) return;',
        replace: '',
      },
    ],
  },
  {
    ...{ name: 'restart-lease-not-armed', summary: 'a daemon goes without arming its switch for the longer lease' },
    ...{ ...COMMON, budget: 40 },
    rewrites: [
      {
        file: 'loop/restart-lease',
        find: 'lease.promised(restarting.index, this.#deadlineMs);',
        replace: "this.#state = 'held';",
      },
    ],
  },
];
