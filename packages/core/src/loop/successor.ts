/** Who takes over from a leader that goes. */
import { NONE, type NodeId } from '../raft/types.ts';

/** How far a leader knows another to be, and whether it was heard of lately. */
export interface Follower {
  readonly match: number;
  readonly recentActive: boolean;
}

/** The voter that is there and has most of the log, other than the leader itself; `NONE` without one. */
export function successor(
  progress: ReadonlyMap<NodeId, Follower>,
  voters: readonly NodeId[],
  leaderId: NodeId,
): NodeId {
  let best: NodeId = NONE;
  let bestMatch = -1;
  for (const [id, { match, recentActive }] of progress) {
    if (id === leaderId || !voters.includes(id) || !recentActive || match <= bestMatch) continue;
    best = id;
    bestMatch = match;
  }
  return best;
}
