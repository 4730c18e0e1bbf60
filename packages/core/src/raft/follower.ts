/** What a follower does with what its leader and its clients send (Raft sections 5.3 and 7). */
import { hup } from './election.ts';
import { adoptConfState } from './membership.ts';
import type { NodeState } from './node-state.ts';
import { type DropReason, STEPPED, type StepResult } from './step-result.ts';
import { type Message, type MsgApp, type MsgHeartbeat, type MsgSnap, NONE, type SnapshotMeta } from './types.ts';

/** Steps a message of this term, or one without a term. */
export function stepFollower(r: NodeState, m: Message): StepResult {
  switch (m.type) {
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      r.electionElapsed = 0;
      r.leader = m.from;
      return handleFromLeader(r, m);
    case 'MsgProp': {
      const reason = forwardingProblem(r);
      if (reason !== undefined) return { status: 'dropped', reason };
      r.send({ ...m, to: r.leader });
      return STEPPED;
    }
    case 'MsgReadIndex':
      if (r.leader === NONE) return { status: 'dropped', reason: 'noLeader' };
      r.send({ ...m, to: r.leader });
      return STEPPED;
    case 'MsgReadIndexResp':
      r.readStates.push({ index: m.index, context: m.context });
      return STEPPED;
    case 'MsgTransferLeader':
      if (r.leader === NONE) return { status: 'dropped', reason: 'noLeader' };
      r.send({ ...m, to: r.leader, term: r.term });
      return STEPPED;
    case 'MsgForgetLeader':
      // With lease-based reads the leader relies on being remembered.
      if (r.config.readOnlyOption !== 'leaseBased' && r.leader !== NONE) {
        r.emit({ type: 'leaderForgotten', leader: r.leader });
        r.leader = NONE;
      }
      return STEPPED;
    case 'MsgTimeoutNow':
      // Never through a pre-vote: the leader itself asked, so there is no doubt that this is wanted.
      hup(r, 'transfer');
      return STEPPED;
    default:
      return STEPPED;
  }
}

/** Why a proposal cannot be sent on. */
export function forwardingProblem(r: NodeState): DropReason | undefined {
  if (r.leader === NONE) return 'noLeader';
  return r.config.disableProposalForwarding ? 'forwardingDisabled' : undefined;
}

/** Handles what only a leader of this term sends; the sender is known as leader by now. */
export function handleFromLeader(r: NodeState, m: MsgApp | MsgHeartbeat | MsgSnap): StepResult {
  if (m.type === 'MsgApp') return handleAppend(r, m);
  if (m.type === 'MsgHeartbeat') return handleHeartbeat(r, m);
  return handleSnapshot(r, m);
}

function handleAppend(r: NodeState, m: MsgApp): StepResult {
  // What is committed is known to match.
  if (m.index < r.log.committed) {
    r.acknowledge(m.from, r.log.committed);
    return STEPPED;
  }
  const outcome = r.log.maybeAppend(m.index, m.logTerm, m.entries, m.commit);
  if (outcome.result === 'appended') {
    r.acknowledge(m.from, outcome.last);
    return STEPPED;
  }
  if (outcome.result === 'conflict') return ignored(r, m, 'conflictsCommitted');
  // Where the logs may match: below entries of terms that the leader cannot have at this height. This skips
  // whole terms instead of single entries (Raft section 5.3, end).
  const hint = r.log.findConflictByTerm(Math.min(m.index, r.log.lastIndex()), m.logTerm);
  r.sendAfterAppend({
    type: 'MsgAppResp',
    from: r.id,
    to: m.from,
    term: r.term,
    index: m.index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
  return STEPPED;
}

function handleHeartbeat(r: NodeState, m: MsgHeartbeat): StepResult {
  // The leader tells no commit beyond what this node acknowledged. If it does, entries were lost here.
  const lost = m.commit > r.log.lastIndex();
  if (!lost) r.log.commitTo(m.commit);
  const answer = { type: 'MsgHeartbeatResp', from: r.id, to: m.from, term: r.term, context: m.context } as const;
  if (m.sentAt === undefined || r.config.readOnlyOption !== 'leaseBased') {
    r.send(answer);
  } else {
    // The leader may rest its lease on this answer. A node that does not keep such promises does not make them.
    r.promise();
    r.send({ ...answer, sentAt: m.sentAt });
  }
  return lost ? ignored(r, m, 'commitBeyondLog') : STEPPED;
}

/**
 * Takes a snapshot, also one of a time when this node was no member: it may be older than the entry that
 * adds the node, and the log goes on from there.
 */
function handleSnapshot(r: NodeState, m: MsgSnap): StepResult {
  const restored = restore(r, m.snapshot);
  r.acknowledge(m.from, restored ? r.log.lastIndex() : r.log.committed);
  return STEPPED;
}

/** Replaces the log by the snapshot unless the log holds it all already. */
function restore(r: NodeState, snapshot: SnapshotMeta): boolean {
  const { index, term } = snapshot;
  if (index <= r.log.committed) {
    r.emit({ type: 'snapshot', index, step: 'ignored' });
    return false;
  }
  if (r.log.matches(index, term)) {
    r.log.commitTo(index);
    r.emit({ type: 'snapshot', index, step: 'fastForwarded' });
    return false;
  }
  r.log.restore(snapshot);
  adoptConfState(r, snapshot.confState);
  r.emit({ type: 'snapshot', index, step: 'restored' });
  return true;
}

function ignored(r: NodeState, message: Message, reason: 'conflictsCommitted' | 'commitBeyondLog'): StepResult {
  r.ignore(message, reason);
  return { status: 'ignored', reason };
}
