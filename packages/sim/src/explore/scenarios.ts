/** What there is to explore, by name. Each is as small as it can be for what it is about. */
import type { Budgets, Scenario } from './scenario.ts';

const NONE: Budgets = {
  ...{ elections: 0, proposals: 0, beats: 0, duplicates: 0, drops: 0 },
  ...{ crashes: 0, changes: 0, reads: 0, compactions: 0, transfers: 0 },
};

/** Elections by the term alone: fewer messages than in production, and more that can go wrong. */
const PLAIN = { preVote: false, checkQuorum: false } as const;

const THREE: Pick<Scenario, 'nodes' | 'voters' | 'changes' | 'inFlight' | 'opening' | 'raft'> = {
  ...{ nodes: 3, voters: [1, 2, 3], changes: [], inFlight: 12, opening: ['elect 1'], raft: PLAIN },
};

const ALL: readonly Scenario[] = [
  {
    ...THREE,
    name: 'elections',
    summary: 'nobody leads; three timeouts, a crash, a doubled message, writes that take their time',
    budgets: { ...NONE, elections: 3, duplicates: 1, crashes: 1 },
    ...{ atomicWrites: false, opening: [] },
  },
  {
    ...THREE,
    name: 'replication',
    summary: 'a leader with two proposals, another election, a crash, a doubled message and a noticed loss',
    budgets: { ...NONE, elections: 1, proposals: 2, duplicates: 1, drops: 1, crashes: 1 },
    atomicWrites: false,
  },
  {
    ...THREE,
    name: 'old-terms',
    summary: 'entries of earlier terms and what commits them (Raft figure 8): one entry a message, three elections',
    budgets: { ...NONE, elections: 3, proposals: 1 },
    ...{ raft: { ...PLAIN, maxSizePerMsg: 0 }, atomicWrites: true, inFlight: 10 },
  },
  {
    ...THREE,
    name: 'pre-vote',
    summary: 'elections as in production, with pre-votes and leases, a crash and heartbeats',
    budgets: { ...NONE, elections: 3, beats: 2, crashes: 1 },
    ...{ raft: {}, atomicWrites: true },
  },
  {
    ...THREE,
    name: 'joint-enter',
    summary: 'one voter is replaced by another through a joint configuration, and another election',
    ...{ nodes: 4, changes: ['v4 r1 explicit', 'v4 r1', ''] },
    budgets: { ...NONE, elections: 1, changes: 2 },
    atomicWrites: true,
  },
  {
    ...THREE,
    name: 'joint-leave',
    summary: 'a joint configuration in which one voter replaces another is left, and two more elections',
    ...{ nodes: 4, changes: ['', 'v4 r1 explicit'], opening: ['elect 1', 'change 1 v4 r1 explicit'] },
    budgets: { ...NONE, elections: 2, changes: 1 },
    atomicWrites: true,
  },
  {
    ...THREE,
    name: 'membership',
    summary: 'voters are added and removed one at a time, two elections',
    ...{ nodes: 4, changes: ['v4', 'r3'] },
    budgets: { ...NONE, elections: 2, changes: 2 },
    atomicWrites: true,
  },
  {
    ...THREE,
    name: 'snapshots',
    summary: 'a log is compacted while a follower lacks entries, a crash, an election',
    budgets: { ...NONE, elections: 1, proposals: 1, beats: 1, drops: 1, crashes: 1, compactions: 1 },
    atomicWrites: true,
  },
  {
    ...THREE,
    name: 'reads',
    summary: 'a linearizable read at any node, beside a proposal and an election',
    budgets: { ...NONE, elections: 1, proposals: 1, reads: 1 },
    atomicWrites: true,
  },
  {
    ...THREE,
    name: 'transfer',
    summary: 'the leader hands over, while others campaign',
    budgets: { ...NONE, elections: 1, proposals: 1, transfers: 1 },
    atomicWrites: true,
  },
  {
    ...THREE,
    name: 'appends',
    summary: 'entries replaced while their writes are under way, one entry a message, two elections',
    budgets: { ...NONE, elections: 2, proposals: 1 },
    ...{ raft: { ...PLAIN, maxSizePerMsg: 0 }, atomicWrites: false, inFlight: 8 },
  },
];

/** All scenarios by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = Object.fromEntries(ALL.map((each) => [each.name, each]));
