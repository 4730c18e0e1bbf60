/** Linearizable reads at the leader: by a round to a quorum or by its lease (thesis sections 6.4, 6.4.1). */
import type { NodeState } from './node-state.ts';
import type { PendingRead } from './read-queue.ts';
import { askVoters } from './replication.ts';
import type { ReadResult } from './step-result.ts';
import type { LogIndex, MsgHeartbeatResp } from './types.ts';

/** Takes a read request. It is answered once the leader has proved that it still leads. */
export function readAsLeader(r: NodeState, read: PendingRead): ReadResult {
  if (r.tracker.isSingleton() && r.tracker.isVoter(r.id)) {
    respond(r, read, r.log.committed);
    return ACCEPTED;
  }
  if (r.reads.full()) return { status: 'dropped', reason: 'tooManyReads' };
  // Before its first commit a leader does not know what its predecessors committed.
  if (!committedInTerm(r)) r.reads.postpone(read);
  else serve(r, read);
  return ACCEPTED;
}

const ACCEPTED: ReadResult = { status: 'accepted' };

/** Serves the reads that waited for the first commit of the term. */
export function releasePostponedReads(r: NodeState): void {
  if (r.reads.size === 0 || !committedInTerm(r)) return;
  for (const read of r.reads.takePostponed()) serve(r, read);
}

/** Starts the round that reads since the last one wait for. */
export function startReadRound(r: NodeState): void {
  if (r.reads.roundDue) askVoters(r);
}

/** Counts a follower's answer and serves the reads that a quorum has confirmed. */
export function handleReadAck(r: NodeState, m: MsgHeartbeatResp): void {
  if (m.sentAt !== undefined && m.sentAt <= r.clock) {
    r.leaseAcks.set(m.from, Math.max(r.leaseAcks.get(m.from) ?? 0, m.sentAt));
  }
  if (m.context === '' || !r.reads.acknowledge(m.from, m.context)) return;
  confirmReads(r);
}

/** Serves what the quorum of the present configuration has confirmed. */
export function confirmReads(r: NodeState): void {
  if (r.reads.size === 0) return;
  const round = r.tracker.quorumReached((id) => r.reads.ackedBy(id, r.id));
  for (const read of r.reads.release(round)) respond(r, read, read.index);
}

function serve(r: NodeState, read: PendingRead): void {
  if (r.config.readOnlyOption === 'leaseBased' && leaseHolds(r)) respond(r, read, r.log.committed);
  else r.reads.add(read, r.log.committed);
}

/**
 * Whether no other leader can exist yet. A follower that answered a heartbeat helps nobody to become leader
 * for `electionTick` of its clock after it got it, which is after the leader sent it. Two ticks go off for
 * clocks that are read in whole ticks on both sides, the margin for clocks of different rates. A transfer
 * ends the lease for good: its vote requests are obeyed at once, however late they arrive.
 */
function leaseHolds(r: NodeState): boolean {
  if (r.leaseForfeited) return false;
  const sentAt = r.tracker.quorumReached((id) => (id === r.id ? r.clock : (r.leaseAcks.get(id) ?? -Infinity)));
  return r.clock - sentAt + 2 <= r.config.electionTick - r.config.leaseMarginTicks;
}

function committedInTerm(r: NodeState): boolean {
  return r.log.matches(r.log.committed, r.term);
}

function respond(r: NodeState, read: PendingRead, index: LogIndex): void {
  const { from, context } = read;
  if (from === r.id) r.readStates.push({ index, context });
  else r.send({ type: 'MsgReadIndexResp', from: r.id, to: from, term: r.term, index, context });
}
