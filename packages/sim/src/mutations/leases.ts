/** Planted bugs of leases and fencing: on the host that holds one, on the leader that keeps it, and in the log. */
import { TIGHT_LEASES } from './circumstances.ts';
import type { Mutation } from './mutation.ts';

/** Where a VM runs twice soonest. */
const COMMON = { budget: 40, workload: 'failover', profile: 'leases', durationMs: 45_000 } as const;

/** The planted bugs of leases. */
export const LEASE_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'lease-counted-from-reply', summary: 'a host counts its lease from the answer', ...COMMON, budget: 300 },
    rewrites: [
      TIGHT_LEASES,
      { file: 'host/lease', find: '  #sequence = 0;', replace: '  #sequence = 0;\n  clockMs = 0;' },
      { file: 'host/lease', find: 'sentAtMs + holdMs', replace: 'this.clockMs + holdMs' },
      {
        file: 'loop/leases',
        find: 'this.#keeper.clock(nowMs);',
        replace: 'this.#keeper.clock(nowMs);\n    this.#own.clockMs = nowMs;',
      },
    ],
  },
  {
    ...{
      name: 'lease-granted-without-proof',
      summary: 'a deposed leader goes on granting leases',
      ...COMMON,
      budget: 240,
    },
    rewrites: [
      TIGHT_LEASES,
      {
        file: 'loop/leases',
        find: 'this.#keeper.wantsProof(consensus.node.term)) askProof();',
        replace: 'this.#keeper.wantsProof(consensus.node.term)) this.proved(state, consensus, new Set());',
      },
    ],
  },
  {
    ...{ name: 'lease-new-leader-does-not-wait', summary: 'a new leader takes all leases for ended', ...COMMON },
    rewrites: [
      {
        file: 'control/lease-keeper',
        find: 'this.#officeSinceMs ??= nowMs;',
        replace: 'this.#officeSinceMs ??= nowMs - 60_000;',
      },
    ],
  },
  {
    ...{ name: 'lease-of-the-silent-forgotten', summary: 'a host that is not heard from is taken for dead', ...COMMON },
    rewrites: [
      TIGHT_LEASES,
      {
        file: 'control/lease-keeper',
        find: 'if (endsMs === null || this.#nowMs < endsMs || restarting !== undefined) continue;',
        replace: 'if (endsMs === null || (this.#nowMs < endsMs && state.host(id)?.reachable !== false)) continue;',
      },
      {
        file: 'control/lease-keeper',
        find: 'if (this.#nowMs < endsMs + graceSeconds * 1000) continue;',
        replace: '',
      },
    ],
  },
  {
    ...{ name: 'lease-renewals-not-counted', summary: 'a leader counts leases from its election only', ...COMMON },
    rewrites: [
      {
        file: 'control/lease-keeper',
        find: 'Math.max(this.#renewedMs.get(hostId) ?? 0, this.#officeSinceMs)',
        replace: 'this.#officeSinceMs',
      },
    ],
  },
  {
    ...{ name: 'lease-clock-error-reversed', summary: 'the host counts long and the leader short', ...COMMON },
    rewrites: [
      {
        file: 'model/lease-timing',
        find: 'Math.floor(ttlMs * (1 - clockError)) - fenceMarginMs',
        replace: 'ttlMs * (1 + clockError)',
      },
      { file: 'model/lease-timing', find: 'Math.ceil(ttlMs * (1 + clockError))', replace: 'ttlMs * (1 - clockError)' },
    ],
  },
  {
    ...{ name: 'fence-armed-too-late', summary: 'the switch is armed for later than the lease ends', ...COMMON },
    rewrites: [
      {
        file: 'loop/leases',
        find: 'this.#ports.fence.arm(deadlineMs);',
        replace: 'this.#ports.fence.arm(deadlineMs + 4_000);',
      },
      { file: 'loop/leases', find: 'this.#own.armed(deadlineMs,', replace: 'this.#own.armed(deadlineMs - 4_000,' },
    ],
  },
  {
    ...{ name: 'failover-of-what-stays', summary: 'a VM that runs on without a lease is started elsewhere', ...COMMON },
    rewrites: [
      { file: 'control/lease-keeper', find: '|| !isFenced(spec) ||', replace: '||' },
      { file: 'machine/apply-failover', find: 'if (!isFenced(vm.spec)) {', replace: 'if (term < 0) {' },
    ],
  },
];
