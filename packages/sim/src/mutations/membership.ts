/** Planted bugs of the rules by which hosts get and lose their votes. */
import type { Mutation } from './mutation.ts';

/** What a dead voter needs to be replaced: machines that die for good, and time. */
const HEALING = { budget: 20, workload: 'healing', profile: 'default', durationMs: 60_000 } as const;

/** The planted bugs of membership. */
export const MEMBERSHIP_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'lagging-learner-promoted', summary: 'a host is given a vote before it has caught up' },
    // A third machine is needed as soon as it is there, and over a thin link it takes it a while to get the log.
    ...{ ...HEALING, hosts: 2, profile: 'constrained' },
    rewrites: [
      // No defect by itself: a log of hundreds of entries is long in so short a run.
      { file: 'control/decision', find: 'caughtUpEntries: 256', replace: 'caughtUpEntries: 8' },
      {
        file: 'control/membership',
        find: 'return isHeard(look, id) && match + options.caughtUpEntries >= view.committed;',
        replace: 'return isHeard(look, id) && match >= 0 * (options.caughtUpEntries + view.committed);',
      },
    ],
  },
  {
    ...{ name: 'silent-host-promoted', summary: 'a host is given a vote although nobody hears from it', ...HEALING },
    rewrites: [
      {
        file: 'control/membership',
        find: 'return isHeard(look, id) && match + options.caughtUpEntries >= view.committed;',
        replace: 'return match + options.caughtUpEntries + 100_000 >= view.committed;',
      },
      {
        file: 'control/membership',
        find: 'return !wasLost(host) || (host.reachable && isSteady(look, host.id, look.graceMs));',
        replace: 'return wasLost(host) || !isSteady(look, host.id, look.graceMs) || true;',
      },
      { file: 'control/membership', find: 'return safe ? [', replace: 'return safe || changes.length > 0 ? [' },
    ],
  },
  {
    ...{ name: 'dead-voter-kept', summary: 'a voter that died is never given up', ...HEALING },
    rewrites: [
      {
        file: 'control/membership',
        find: 'if (silentMs > graceMs) return true;',
        replace: 'if (silentMs > 0) return false;',
      },
    ],
  },
  {
    ...{ name: 'voter-replaced-at-once', summary: 'a voter is given up as soon as it is silent', ...HEALING },
    rewrites: [
      {
        file: 'control/membership',
        find: 'if (silentMs > graceMs) return true;',
        replace: 'if (silentMs > graceMs / 20) return true;',
      },
    ],
  },
  {
    ...{
      name: 'silence-without-a-beginning',
      summary: 'a host that was given up counts as silent for ever',
      ...HEALING,
    },
    profile: 'disk',
    budget: 60,
    rewrites: [
      {
        file: 'control/unreachable-since',
        find: 'this.#sinceMs.set(id, nowMs)',
        replace: 'this.#sinceMs.set(id, 0 * nowMs)',
      },
    ],
  },
  {
    ...{ name: 'voters-without-number', summary: 'every host that could vote does', ...HEALING },
    rewrites: [
      {
        file: 'control/voters',
        find: 'size <= Math.min(wanted, alive + dead)',
        replace: 'size <= Math.max(wanted, alive + dead)',
      },
    ],
  },
  {
    ...{
      name: 'new-leader-does-not-wait',
      summary: 'a new leader takes the silence before its time for death',
      ...{ ...HEALING, budget: 60 },
    },
    rewrites: [
      {
        file: 'control/membership',
        find: 'Math.max(lastHeardMs ?? view.leaderSinceMs, view.leaderSinceMs)',
        replace: '(lastHeardMs ?? 0)',
      },
    ],
  },
  {
    ...{
      name: 'replaced-host-promoted-again',
      summary: 'voters are exchanged for other hosts all the time',
      ...HEALING,
    },
    rewrites: [
      {
        file: 'control/voters',
        find: 'if (compareSets(set, bestSet) <= 0) continue;',
        replace: 'if (compareSets(set, bestSet) < 0) continue;',
      },
      {
        file: 'control/membership',
        find: 'const forMs = graceMs * options.rebalancePatience;',
        replace: 'const forMs = graceMs * options.rebalancePatience * 0;',
      },
    ],
  },
];
