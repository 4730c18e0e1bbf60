/** Who is in the group, what each has acknowledged, and how each voted. */
import { describeJoint, isVoter, type JointVoters, jointCommitted, jointVote } from '../quorum/joint.ts';
import { describeVoters, type VoteResult } from '../quorum/majority.ts';
import type { ConfState, LogIndex, NodeId } from '../types.ts';
import { Progress } from './progress.ts';

/**
 * A configuration. Invariants, checked by the changer: learners are disjoint from both halves;
 * `learnersNext` is a subset of the outgoing half; outside a joint configuration `outgoing` and
 * `learnersNext` are empty and `autoLeave` is false.
 */
export interface GroupConfig {
  readonly voters: JointVoters;
  readonly learners: ReadonlySet<NodeId>;
  readonly learnersNext: ReadonlySet<NodeId>;
  readonly autoLeave: boolean;
}

/** Progress by node, ascending by id. */
export type ProgressMap = ReadonlyMap<NodeId, Progress>;

/** Nobody. */
export const EMPTY_CONFIG: GroupConfig = {
  voters: { incoming: new Set(), outgoing: new Set() },
  learners: new Set(),
  learnersNext: new Set(),
  autoLeave: false,
};

/** Limits of the in-flight window, per follower. */
export interface InflightLimits {
  readonly maxInflightMsgs: number;
  readonly maxInflightBytes: number;
}

/** The configuration with the progress of its members and the votes of the running election. */
export class Tracker {
  config: GroupConfig = EMPTY_CONFIG;
  progress: ProgressMap = new Map();
  readonly limits: InflightLimits;
  readonly #votes = new Map<NodeId, boolean>();
  readonly #match = (id: NodeId): LogIndex => this.progress.get(id)?.match ?? 0;

  constructor(limits: InflightLimits) {
    this.limits = limits;
  }

  /** A progress with this tracker's limits. */
  newProgress(match: LogIndex, next: LogIndex, isLearner: boolean): Progress {
    return new Progress({ match, next, isLearner, ...this.limits });
  }

  /** The highest index that a quorum has acknowledged; `Infinity` for an empty configuration. */
  committed(): LogIndex {
    return jointCommitted(this.config.voters, this.#match);
  }

  /** The highest number that a quorum has reached, where `reached` tells it per voter. */
  quorumReached(reached: (id: NodeId) => number): number {
    return jointCommitted(this.config.voters, reached);
  }

  /** Whether a quorum was heard from since activity was last reset. */
  quorumActive(): boolean {
    const active = new Map<NodeId, boolean>();
    for (const [id, progress] of this.progress) {
      if (!progress.isLearner) active.set(id, progress.recentActive);
    }
    return jointVote(this.config.voters, active) === 'won';
  }

  /** Whether `id` is the only voter and no change is under way. */
  isSingleton(): boolean {
    return this.config.voters.incoming.size === 1 && this.config.voters.outgoing.size === 0;
  }

  /** Whether `id` votes in either half. */
  isVoter(id: NodeId): boolean {
    return isVoter(this.config.voters, id);
  }

  /** Forgets all votes. */
  resetVotes(): void {
    this.#votes.clear();
  }

  /** Notes a vote; the first one of each node counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  /** The running election: what the members' votes say. */
  tallyVotes(): { readonly granted: number; readonly refused: number; readonly result: VoteResult } {
    let granted = 0;
    let refused = 0;
    for (const [id, progress] of this.progress) {
      if (progress.isLearner) continue;
      const vote = this.#votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) refused++;
    }
    return { granted, refused, result: jointVote(this.config.voters, this.#votes) };
  }

  /** The votes of the running election. */
  get votes(): ReadonlyMap<NodeId, boolean> {
    return this.#votes;
  }

  /** The configuration as plain sorted data. */
  confState(): ConfState {
    return confStateOf(this.config);
  }
}

/** A configuration as plain sorted data. */
export function confStateOf(config: GroupConfig): ConfState {
  return {
    voters: ascending(config.voters.incoming),
    votersOutgoing: ascending(config.voters.outgoing),
    learners: ascending(config.learners),
    learnersNext: ascending(config.learnersNext),
    autoLeave: config.autoLeave,
  };
}

function ascending(ids: ReadonlySet<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b);
}

/** `voters=(1 2)&&(1 3) learners=(4) learners_next=(3) autoleave`; byte-stable. */
export function describeConfig(config: GroupConfig): string {
  const parts = [`voters=${describeJoint(config.voters)}`];
  if (config.learners.size > 0) parts.push(`learners=${describeVoters(config.learners)}`);
  if (config.learnersNext.size > 0) parts.push(`learners_next=${describeVoters(config.learnersNext)}`);
  if (config.autoLeave) parts.push('autoleave');
  return parts.join(' ');
}
