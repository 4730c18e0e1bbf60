/**
 * Whether a change of the voters may be begun. In a joint configuration both the old and the new voters decide
 * (thesis section 4.3), and after it the new ones alone: if those that are heard from now are no majority of
 * one of the two, the group would come to a stand in the middle of it, or at its end.
 */
import type { NodeId } from '../raft/types.ts';

/** Who votes before and after a change. */
export interface VoterChange {
  readonly from: readonly NodeId[];
  readonly to: readonly NodeId[];
}

/** Whether those of `voters` that `counts` are a majority of them. No voters are no majority. */
export function isMajority(voters: readonly NodeId[], counts: (id: NodeId) => boolean): boolean {
  return voters.filter(counts).length * 2 > voters.length;
}

/**
 * `heard` tells whether the leader hears from a node now; `well`, whether besides that it has what is committed.
 * The new voters must not have to wait for a majority of theirs to catch up.
 */
export function isSafeChange(
  { from, to }: VoterChange,
  heard: (id: NodeId) => boolean,
  well: (id: NodeId) => boolean,
): boolean {
  return isMajority(from, heard) && isMajority(to, well);
}

/** Judges whether a change may be begun. */
export type SafetyRule = typeof isSafeChange;
