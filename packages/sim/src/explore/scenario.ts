/** What an exploration begins with and how far it goes, as plain data. */
import type { RaftOptions } from '@n3x/core/raft/config';
import type { NodeId, SnapshotMeta } from '@n3x/core/raft/types';

/** How often each kind of step may be taken along one path. Deliveries and completed writes are not counted. */
export interface Budgets {
  /** Election timeouts that pass; no term is higher than the first leader's plus these. */
  readonly elections: number;
  /** Proposals of entries. */
  readonly proposals: number;
  /** Rounds of heartbeats, or of the leader's check of its quorum. */
  readonly beats: number;
  /** Messages that are delivered and stay under way. */
  readonly duplicates: number;
  /** Losses that the sender is told of. A loss that nobody notices needs no step: the message is never delivered. */
  readonly drops: number;
  /** Crashes, each with the loss of what was not durable, followed by a restart. */
  readonly crashes: number;
  /** Configuration changes, each any of the scenario's. */
  readonly changes: number;
  /** Linearizable reads. */
  readonly reads: number;
  /** Compactions up to what is applied. */
  readonly compactions: number;
  /** Transfers of leadership. */
  readonly transfers: number;
}

/** The kinds of steps that are counted. */
export type Budget = keyof Budgets;

/** All of them, in the order in which a state counts them. */
export const BUDGETS: readonly Budget[] = [
  ...(['elections', 'proposals', 'beats', 'duplicates', 'drops'] as const),
  ...(['crashes', 'changes', 'reads', 'compactions', 'transfers'] as const),
];

/** The most that may be had of one kind. */
export const BUDGET_MAX = 7;

/** What is explored. */
export interface Scenario {
  readonly name: string;
  /** One line for `list`. */
  readonly summary: string;
  /** Nodes 1 to n. */
  readonly nodes: number;
  /** Those of them that vote at the beginning; the others have no state and no part. */
  readonly voters: readonly NodeId[];
  /** Options of every node; the election timeout is always the shortest. */
  readonly raft: Partial<Pick<RaftOptions, 'preVote' | 'checkQuorum' | 'maxSizePerMsg' | 'maxInflightMsgs'>>;
  readonly budgets: Budgets;
  /** Whether a write is durable as soon as it is handed over, which halves the length of paths. */
  readonly atomicWrites: boolean;
  /** Configuration changes to choose from: `l4`, or `v4 r1 explicit` for an explicitly left joint one; empty leaves one. */
  readonly changes: readonly string[];
  /** Messages under way at once; steps that lead beyond are left out, and counted. */
  readonly inFlight: number;
  /** What happens first, without choice, each settled before the next: `elect 1`, `change 1 v4 r1 explicit`. */
  readonly opening: readonly string[];
}

/** Ticks of the election timeout of every explored node. */
export const ELECTION_TICKS = 2;

/** Where every voter begins: as a group of etcd's test scripts does, after a snapshot that is the same everywhere. */
export function firstState(scenario: Pick<Scenario, 'voters'>): SnapshotMeta {
  const { voters } = scenario;
  return {
    index: 2,
    term: 1,
    confState: { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  };
}
