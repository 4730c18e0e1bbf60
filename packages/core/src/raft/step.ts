/** The entrance: what a message's term means (Raft section 5.1), then to whom it goes. */
import { stepCandidate } from './candidate.ts';
import { handleVote, hup, learnCommit, refuseVote } from './election.ts';
import { entriesSize } from './entry-size.ts';
import { stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { noteApplied, noteSnapshotApplied } from './membership.ts';
import type { NodeState } from './node-state.ts';
import { STEPPED, type StepResult } from './step-result.ts';
import { type Message, type MsgStorageAppendResp, type MsgStorageApplyResp, NONE } from './types.ts';

/** Steps a message that was found well formed. */
export function step(r: NodeState, m: Message): StepResult {
  if (m.term > r.term) {
    if (!adoptTerm(r, m)) return STEPPED;
  } else if (m.term !== 0 && m.term < r.term) {
    return stepStale(r, m);
  }
  switch (m.type) {
    case 'MsgHup':
      hup(r, r.config.preVote ? 'preElection' : 'election');
      return STEPPED;
    case 'MsgVote':
    case 'MsgPreVote':
      handleVote(r, m);
      return STEPPED;
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      learnCommit(r, m);
      break;
    case 'MsgStorageAppendResp':
      handleAppended(r, m);
      return STEPPED;
    case 'MsgStorageApplyResp':
      handleApplied(r, m);
      return STEPPED;
    default:
      break;
  }
  if (r.role === 'leader') return stepLeader(r, m);
  return r.role === 'follower' ? stepFollower(r, m) : stepCandidate(r, m);
}

/** Takes on the higher term of a message. False when the message goes no further. */
function adoptTerm(r: NodeState, m: Message): boolean {
  switch (m.type) {
    case 'MsgVote':
    case 'MsgPreVote':
      // Whoever hears from a leader does not help to depose it, unless the leader itself asked for it.
      if (!m.transfer && r.inLease()) {
        r.emit({ type: 'vote', message: m, verdict: 'inLease' });
        return false;
      }
      // A pre-vote changes no term.
      if (m.type === 'MsgVote') r.becomeFollower(m.term, NONE);
      return true;
    case 'MsgPreVoteResp':
      // A granted pre-vote carries the term that was asked for; a refused one that of the voter.
      if (m.reject) r.becomeFollower(m.term, NONE);
      return true;
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      r.becomeFollower(m.term, m.from);
      return true;
    default:
      r.becomeFollower(m.term, NONE);
      return true;
  }
}

function stepStale(r: NodeState, m: Message): StepResult {
  const { checkQuorum, preVote } = r.config;
  if ((checkQuorum || preVote) && (m.type === 'MsgHeartbeat' || m.type === 'MsgApp')) {
    // This node's term ran ahead while it was cut off, and its vote requests are refused as long as that
    // leader is heard. An answer of the higher term makes the leader step down, which frees the node.
    r.acknowledge(m.from, 0);
  } else if (m.type === 'MsgPreVote') {
    // Silence could block both for ever: the asker may have the better log, this node the higher term.
    refuseVote(r, m);
  } else if (m.type === 'MsgStorageAppendResp') {
    // Entries may have been replaced since, under a later term, and replaced back: the same index and term
    // would then speak of a write that is still to be overwritten on disk. A later append tells it again.
    if (m.index !== 0) r.emit({ type: 'staleAppend', index: m.index, term: m.term });
    // A snapshot is committed state, whatever the term.
    if (m.snapshot !== undefined) noteSnapshotApplied(r, m.snapshot);
  } else {
    r.ignore(m, 'staleTerm');
    return { status: 'ignored', reason: 'staleTerm' };
  }
  return STEPPED;
}

function handleAppended(r: NodeState, m: MsgStorageAppendResp): void {
  if (m.index !== 0) r.log.unstable.stableTo(m.index, m.logTerm);
  if (m.snapshot !== undefined) noteSnapshotApplied(r, m.snapshot);
}

function handleApplied(r: NodeState, m: MsgStorageApplyResp): void {
  const last = m.entries.at(-1);
  if (last === undefined) return;
  const size = entriesSize(m.entries);
  noteApplied(r, last.index, size);
  r.releaseUncommitted(size);
}
