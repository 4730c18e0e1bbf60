/** Planted bugs of snapshots: what is sent, how it is put together, and what becomes of the log. */
import { SMALL_PIECES, shortLogs } from './circumstances.ts';
import type { Mutation } from './mutation.ts';
/** The planted bugs of snapshots. */
export const SNAPSHOT_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'piece-taken-twice', summary: 'a piece that comes twice counts as the next one' },
    ...{ budget: 60, workload: 'writes' },
    make: shortLogs,
    rewrites: [{ file: 'loop/snapshot-receiver', find: 'chunk.offset !== staging.next ||', replace: '' }, SMALL_PIECES],
  },
  {
    ...{
      name: 'snapshot-without-configuration',
      summary: 'a host takes the state of a snapshot and not its configuration',
    },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [{ file: 'raft/follower', find: 'adoptConfState(r, snapshot.confState);', replace: '' }],
  },
  {
    ...{ name: 'snapshot-without-request-ids', summary: 'a snapshot lacks the results of requests' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/consensus',
        find: 'this.#applied, this.#host.records(),',
        replace: "this.#applied, [...this.#host.records()].filter(([key]) => !key.startsWith('request/')),",
      },
    ],
  },
];
