/** Planted bugs of what is kept and what is read back. */
import { requestKey } from '@n3x/core/machine/record';
import type { StoredState } from '@n3x/core/ports/storage';
import type { ConfState } from '@n3x/core/raft/types';
import type { Tampering } from '../world/tampering.ts';
import type { Mutation } from './mutation.ts';

const ALONE: ConfState = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** A defect in what a restarted daemon reads; the first start is left alone. */
function atRestart(change: (stored: StoredState) => StoredState): Tampering {
  return { stored: (_host, stored) => (stored.hardState.term > 1 ? change(stored) : stored) };
}

/** The stored state with its applied position moved, the records left as they are. */
function movedApplied(stored: StoredState, by: number): StoredState {
  const { applied, compacted, entries, hardState } = stored;
  const index = applied.index + by;
  const term = index === compacted.index ? compacted.term : entries[index - compacted.index - 1]?.term;
  if (index < compacted.index || index > hardState.commit || term === undefined) return stored;
  const passed = entries.slice(
    Math.min(index, applied.index) - compacted.index,
    Math.max(index, applied.index) - compacted.index,
  );
  // The configuration has to stay that of the position.
  if (passed.some((entry) => entry.type === 'confChange')) return stored;
  return { ...stored, applied: { ...applied, index, term } };
}

/** Completes writes at once; the disk's own completions come too late to count. */
function sendBeforeSync(): Tampering {
  return {
    ports: (host, ports, deliver) => {
      const told = new Set<number>();
      early.set(host.id, told);
      return {
        ...ports,
        storage: {
          write: (write) => {
            ports.storage.write(write);
            told.add(write.token);
            deliver({ type: 'stored', token: write.token, outcome: { ok: true } });
          },
        },
      };
    },
  };
}

const early = new Map<number, Set<number>>();

/** The planted bugs of storage. */
export const DURABILITY_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'vote-lost-at-restart', summary: 'a restarted host has forgotten whom it voted for', budget: 200 },
    workload: 'idle',
    make: () => atRestart((stored) => ({ ...stored, hardState: { ...stored.hardState, vote: 0 } })),
  },
  {
    ...{
      name: 'term-lost-at-restart',
      summary: 'a restarted host has forgotten terms after its last entry',
      budget: 200,
    },
    workload: 'idle',
    make: () =>
      atRestart((stored) => {
        const term = stored.entries.at(-1)?.term ?? stored.compacted.term;
        return term === stored.hardState.term
          ? stored
          : { ...stored, hardState: { ...stored.hardState, term, vote: 0 } };
      }),
  },
  {
    ...{ name: 'send-before-sync', summary: 'writes count as durable when they are handed over', budget: 20 },
    ...{ workload: 'writes', make: sendBeforeSync },
  },
  {
    ...{ name: 'tail-lost-at-restart', summary: 'a restarted host has lost its last three entries', budget: 40 },
    workload: 'writes',
    make: () =>
      atRestart((stored) => {
        const { compacted, applied, hardState } = stored;
        const least = applied.index - compacted.index;
        const entries = stored.entries.slice(0, Math.max(least, stored.entries.length - 3));
        const commit = Math.min(hardState.commit, compacted.index + entries.length);
        return { ...stored, entries, hardState: { ...hardState, commit } };
      }),
  },
  {
    ...{ name: 'apply-twice', summary: 'a restarted host applies its last entry once more', budget: 10 },
    workload: 'writes',
    make: () =>
      atRestart((stored) => {
        const moved = movedApplied(stored, -1);
        // As if state and position had been written apart; the request id would make up for it.
        const records = new Map(stored.records);
        records.delete(requestKey(stored.applied.index));
        return moved === stored ? stored : { ...moved, records };
      }),
  },
  {
    ...{ name: 'skip-an-entry', summary: 'a restarted host passes over the next entry', budget: 40 },
    ...{ workload: 'writes', make: () => atRestart((stored) => movedApplied(stored, 1)) },
  },
  {
    ...{ name: 'configuration-lost', summary: 'a restarted host believes that the first host votes alone', budget: 20 },
    workload: 'writes',
    make: () => atRestart((stored) => ({ ...stored, applied: { ...stored.applied, confState: ALONE } })),
  },
  {
    ...{
      name: 'request-ids-forgotten',
      summary: 'a restarted host has forgotten which requests took effect',
      budget: 10,
    },
    workload: 'writes',
    make: () =>
      atRestart((stored) => ({
        ...stored,
        records: new Map([...stored.records].filter(([key]) => !key.startsWith('request/'))),
      })),
  },
  {
    ...{ name: 'completion-lost', summary: 'a host is not told of every hundredth write', budget: 10 },
    workload: 'writes',
    make: () => {
      let count = 0;
      return { input: (_host, input) => (input.type === 'stored' && ++count % 100 === 0 ? [] : [input]) };
    },
  },
];
