/** Planted bugs of linearizable reads: by a round of heartbeats, and by a lease. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of reads. */
export const READ_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'read-without-a-round', summary: 'a leader answers reads without asking whether it still leads' },
    ...{ budget: 60, workload: 'reads', profile: 'sleepers' },
    rewrites: [
      {
        file: 'raft/read-index',
        find: 'else r.reads.add(read, r.log.committed);',
        replace: 'else respond(r, read, r.log.committed);',
      },
    ],
  },
  {
    ...{
      name: 'read-before-the-first-commit',
      summary: 'a new leader answers reads before it has committed an entry of its term',
    },
    ...{ budget: 100, workload: 'reads', profile: 'sleepers' },
    rewrites: [
      {
        file: 'raft/read-index',
        find: 'if (!committedInTerm(r)) r.reads.postpone(read);',
        replace: "if (r.role !== 'leader') r.reads.postpone(read);",
      },
    ],
  },
  {
    ...{ name: 'one-answer-confirms-a-read', summary: 'one follower that answers is enough for a read' },
    ...{ budget: 60, workload: 'reads', profile: 'sleepers' },
    rewrites: [
      {
        file: 'raft/read-index',
        find: 'const round = r.tracker.quorumReached((id) => r.reads.ackedBy(id, r.id));',
        replace:
          'const round = Math.max(0, ...[...r.tracker.progress.keys()].filter((id) => id !== r.id).map((id) => r.reads.ackedBy(id, r.id)));',
      },
    ],
  },
  {
    ...{ name: 'read-before-it-is-applied', summary: 'a read is answered before the host has applied its index' },
    ...{ budget: 40, workload: 'reads', profile: 'slow-disks' },
    rewrites: [
      {
        file: 'loop/pending',
        find: 'if (group.index > index) rest.push(group);',
        replace: 'if (group.index < 0) rest.push(group);',
      },
    ],
  },
];
