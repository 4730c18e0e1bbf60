/**
 * Majorities over sets of voters: pure arithmetic, no state. The empty set is the neutral element of a
 * joint configuration: it commits everything and wins every vote, so `joint(a, {})` equals `a`.
 */
import type { LogIndex, NodeId } from '../types.ts';

/** What a count of votes says. */
export type VoteResult = 'pending' | 'won' | 'lost';

/** Tells the highest index a voter has acknowledged; zero when it has not. */
export type AckedIndexer = (id: NodeId) => LogIndex;

/** How many of `count` voters make a majority. */
export function majoritySize(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest index that a majority of `voters` has acknowledged. `Infinity` for no voters.
 * Costs O(n^2) for n voters, which beats sorting with allocation for the handful a group has.
 */
export function majorityCommitted(voters: ReadonlySet<NodeId>, acked: AckedIndexer): LogIndex {
  const count = voters.size;
  if (count === 0) return Number.POSITIVE_INFINITY;
  // Descending insertion sort: the majority's index then stands at position `majority - 1`.
  const sorted: LogIndex[] = [];
  for (const id of voters) {
    const index = acked(id);
    let at = sorted.length;
    sorted.push(index);
    for (; at > 0; at--) {
      const before = sorted[at - 1];
      if (before === undefined || before >= index) break;
      sorted[at] = before;
    }
    sorted[at] = index;
  }
  return sorted[majoritySize(count) - 1] ?? 0;
}

/** Counts votes: `true` granted, `false` refused, missing not yet known. No voters win. */
export function majorityVote(voters: ReadonlySet<NodeId>, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.size === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = majoritySize(voters.size);
  if (granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}

/** `(1 2 3)`, ascending. */
export function describeVoters(voters: Iterable<NodeId>): string {
  return `(${[...voters].sort((a, b) => a - b).join(' ')})`;
}

/** One line per voter, `id: acked`, ascending by id, with `committed` last; for tests and debugging. */
export function describeMajority(voters: ReadonlySet<NodeId>, acked: AckedIndexer): string {
  const lines = [...voters].sort((a, b) => a - b).map((id) => `${id}: ${acked(id)}`);
  const committed = majorityCommitted(voters, acked);
  return [...lines, `committed: ${Number.isFinite(committed) ? committed : 'all'}`].join('\n');
}
