/** Planted bugs of linearizable reads: by a round of heartbeats, and by a lease. */
import type { Tampering } from '../world/tampering.ts';
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
  {
    ...{
      name: 'lease-without-an-end',
      summary: 'a leader that once had a lease has it as long as it takes itself for the leader',
    },
    ...{ budget: 100, workload: 'reads', profile: 'lease-reads' },
    rewrites: [
      {
        file: 'raft/read-index',
        find: 'return r.clock - sentAt + 2 <= r.config.electionTick - r.config.leaseMarginTicks;',
        replace: 'return sentAt >= 0;',
      },
    ],
  },
  {
    ...{
      name: 'lease-counted-in-ticks',
      summary: 'leases are counted in ticks, which stand still while a process sleeps',
    },
    ...{ budget: 100, workload: 'reads', profile: 'lease-reads' },
    rewrites: [
      {
        file: 'loop/consensus',
        find: "if (this.#options.reads === 'lease') this.#node.setClock(nowMs / this.#options.tickMs);",
        replace: 'void nowMs;',
      },
    ],
  },
  {
    ...{ name: 'lease-by-one-answer', summary: 'one follower that answers is enough for a lease' },
    ...{ budget: 100, workload: 'reads', profile: 'lease-reads' },
    rewrites: [
      {
        file: 'raft/read-index',
        find: 'const sentAt = r.tracker.quorumReached((id) => (id === r.id ? r.clock : (r.leaseAcks.get(id) ?? -Infinity)));',
        replace: 'const sentAt = Math.max(...r.leaseAcks.values());',
      },
    ],
  },
  {
    ...{
      name: 'lease-kept-in-a-transfer',
      summary: 'a leader reads by its lease after it has told another host to campaign',
    },
    ...{ budget: 100, workload: 'reads', profile: 'lease-reads', hosts: 3, durationMs: 30_000 },
    make: handOverNowAndThen,
    rewrites: [{ file: 'raft/leader', find: 'r.leaseForfeited = true;', replace: '' }],
  },
];

/** Ticks of a leader between two orders to hand over. */
const HAND_OVER_TICKS = 12;

/** A world whose leaders are told to hand over every now and then: that is no defect by itself. */
function handOverNowAndThen(): Tampering {
  let ticks = 0;
  return {
    input: (host, input) => {
      if (input.type !== 'tick' || host.loop?.status.role !== 'leader') return [input];
      ticks++;
      return ticks % HAND_OVER_TICKS === 0 ? [input, { type: 'handOver' }] : [input];
    },
  };
}
