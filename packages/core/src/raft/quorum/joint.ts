/** Joint configurations: a decision needs a majority of both halves (thesis section 4.3). */
import type { LogIndex, NodeId } from '../types.ts';
import {
  type AckedIndexer,
  describeMajority,
  describeVoters,
  majorityCommitted,
  majorityVote,
  type VoteResult,
} from './majority.ts';

/** Both halves; `outgoing` is empty outside a transition. */
export interface JointVoters {
  readonly incoming: ReadonlySet<NodeId>;
  readonly outgoing: ReadonlySet<NodeId>;
}

/** The highest index that both halves have committed. `Infinity` when there are no voters at all. */
export function jointCommitted(voters: JointVoters, acked: AckedIndexer): LogIndex {
  const incoming = majorityCommitted(voters.incoming, acked);
  if (voters.outgoing.size === 0) return incoming;
  return Math.min(incoming, majorityCommitted(voters.outgoing, acked));
}

/** Won when both halves have won, lost as soon as one half has lost. */
export function jointVote(voters: JointVoters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityVote(voters.incoming, votes);
  const outgoing = majorityVote(voters.outgoing, votes);
  if (incoming === outgoing) return incoming;
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return 'pending';
}

/** Every voter of either half, ascending. */
export function jointIds(voters: JointVoters): NodeId[] {
  return [...new Set([...voters.incoming, ...voters.outgoing])].sort((a, b) => a - b);
}

/** Whether `id` votes in either half. */
export function isVoter(voters: JointVoters, id: NodeId): boolean {
  return voters.incoming.has(id) || voters.outgoing.has(id);
}

/** `(1 2 3)`, or `(1 2 3)&&(3 4 5)` while joint. */
export function describeJoint(voters: JointVoters): string {
  const incoming = describeVoters(voters.incoming);
  return voters.outgoing.size === 0 ? incoming : `${incoming}&&${describeVoters(voters.outgoing)}`;
}

/** {@link describeMajority} of each half. */
export function describeJointAcked(voters: JointVoters, acked: AckedIndexer): string {
  const incoming = describeMajority(voters.incoming, acked);
  return voters.outgoing.size === 0 ? incoming : `${incoming}\n&&\n${describeMajority(voters.outgoing, acked)}`;
}
