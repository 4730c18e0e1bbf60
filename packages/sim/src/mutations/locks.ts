/** Planted bugs of locks: in what the log decides, in what the leader counts, and in what a client is told. */
import type { Mutation } from './mutation.ts';

/** Workload, and a budget of seeds. */
const COMMON = { budget: 40, workload: 'locks' } as const;

/** The planted bugs of locks. */
export const LOCK_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'lock-limit-not-checked', summary: 'a lock is given to everybody who asks', ...COMMON },
    rewrites: [
      { file: 'machine/apply-lock', find: 'if (lock.holders.length < lock.slots) {', replace: 'if (lock.slots > 0) {' },
    ],
  },
  {
    ...{ name: 'lock-token-reused', summary: 'who gets a slot from somebody gets the token too', ...COMMON },
    rewrites: [
      {
        file: 'machine/apply-lock',
        find: 'holders.push({ ...next, renewedIndex: tx.index, token: tx.index,',
        replace:
          'holders.push({ ...next, renewedIndex: tx.index, token: lock.holders.find((one) => one.ticket === ticket)?.token ?? tx.index,',
      },
    ],
  },
  {
    ...{ name: 'lock-expiry-base-not-compared', summary: 'a session ends although it was renewed meanwhile' },
    // What it takes is a renewal that the leader's disk holds up.
    ...{ ...COMMON, budget: 60, profile: 'disk' },
    rewrites: [
      {
        file: 'machine/apply-lock',
        find: 'claim?.renewedIndex !== renewedIndex) {',
        replace: 'claim === undefined || renewedIndex < 0) {',
      },
    ],
  },
  {
    ...{ name: 'lock-new-leader-does-not-wait', summary: 'a new leader takes every session for over', ...COMMON },
    rewrites: [
      {
        file: 'control/lock-expiry',
        find: 'seenAtMs: nowMs, sinceMs: null }',
        replace: 'seenAtMs: nowMs, sinceMs: this.#isNew ? nowMs - 2 * ttlMs : null }',
      },
      {
        file: 'control/lock-expiry',
        find: 'return decisions;',
        replace: 'this.#isNew = false;\n    return decisions;',
      },
      { file: 'control/lock-expiry', find: '  #version = -1;\n', replace: '  #version = -1;\n  #isNew = true;\n' },
      {
        file: 'control/lock-expiry',
        find: 'this.#state = undefined;',
        replace: 'this.#state = undefined;\n    this.#isNew = true;',
      },
    ],
  },
  {
    ...{
      name: 'lock-renewal-not-counted',
      summary: 'the leader counts from the first claim, not from the last renewal',
    },
    ...COMMON,
    rewrites: [
      {
        file: 'control/lock-expiry',
        find: 'known?.renewedIndex === renewedIndex\n        ? known',
        replace: 'known !== undefined\n        ? { ...known, renewedIndex }',
      },
    ],
  },
  {
    ...{ name: 'lock-clock-error-forgotten', summary: 'the leader ends sessions without a margin for clocks' },
    ...{ ...COMMON, budget: 200, profile: 'clocks' },
    rewrites: [
      { file: 'model/lock-timing', find: 'return ttlMs * (1 + LOCK_CLOCK_ERROR);', replace: 'return ttlMs * 0.8;' },
    ],
  },
  {
    ...{
      name: 'lock-time-before-a-stall',
      summary: 'the leader counts from the time that it knew before it stood still',
    },
    ...{ ...COMMON, budget: 600, profile: 'clocks', hosts: 3, durationMs: 40_000 },
    rewrites: [
      {
        file: 'control/lock-expiry',
        find: 'seenAtMs: nowMs, sinceMs: null',
        replace: 'seenAtMs: nowMs, sinceMs: nowMs',
      },
    ],
  },
  {
    ...{ name: 'lock-never-expires', summary: 'the leader ends no session', ...COMMON, budget: 10 },
    rewrites: [
      {
        file: 'control/lock-expiry',
        find: 'if (session.sinceMs === null || ',
        replace: 'if (session.limitMs > 0 || ',
      },
    ],
  },
];
