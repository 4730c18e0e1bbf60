/** Planted bugs of the loop: when clients are answered, and what becomes of what a host proposes by itself. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of the loop. */
export const LOOP_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'answer-before-commit', summary: 'a write is answered when it is proposed' },
    ...{ budget: 10, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/propose',
        find: 'for (const pending of waiting.slice(done, end)) pending.proposedAtMs = nowMs;',
        replace:
          'for (const pending of waiting.slice(done, end)) { pending.proposedAtMs = nowMs; commands.applied(pending.requestId, { ok: true, index: consensus.applied.index + 1, changed: true }); }',
      },
    ],
  },
  {
    ...{
      name: 'lost-report-never-repeated',
      summary: 'a report that was lost on its way counts as under way for ever',
    },
    ...{ budget: 60, workload: 'vms', profile: 'lossy' },
    rewrites: [
      {
        file: 'loop/own-proposals',
        find: 'if (sinceMs > beforeMs) continue;',
        replace: 'if (beforeMs < Infinity) continue;',
      },
    ],
  },
  {
    ...{ name: 'answered-twice', summary: 'who waits for a result twice is answered twice each' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/pending',
        find: "this.#client.commandDone(pending.id, { type: 'result', result });",
        replace: "for (const _ of waiting) this.#client.commandDone(pending.id, { type: 'result', result });",
      },
    ],
  },
  {
    ...{ name: 'never-answered', summary: 'of two clients that wait for one result, one is never told' },
    ...{ budget: 40, workload: 'writes', profile: 'default' },
    rewrites: [
      {
        file: 'loop/pending',
        find: 'for (const pending of waiting) {\n      this.#byId.delete(pending.id);',
        replace:
          'for (const pending of waiting) {\n      this.#byId.delete(pending.id);\n      if (pending !== waiting[0]) continue;',
      },
    ],
  },
];
