/** What a candidate or pre-candidate does (Raft section 5.2). */
import { campaign } from './election.ts';
import { handleFromLeader } from './follower.ts';
import type { NodeState } from './node-state.ts';
import { broadcastAppend } from './replication.ts';
import { STEPPED, type StepResult } from './step-result.ts';
import { type Message, type MsgVoteResp, NONE } from './types.ts';

/** Steps a message of this term, or one without a term. */
export function stepCandidate(r: NodeState, m: Message): StepResult {
  switch (m.type) {
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      // Somebody else won this term.
      r.becomeFollower(m.term, m.from);
      return handleFromLeader(r, m);
    case 'MsgVoteResp':
      if (r.role === 'candidate') countVote(r, m);
      return STEPPED;
    case 'MsgPreVoteResp':
      if (r.role === 'preCandidate') countVote(r, m);
      return STEPPED;
    case 'MsgProp':
    case 'MsgReadIndex':
    case 'MsgTransferLeader':
      return { status: 'dropped', reason: 'noLeader' };
    default:
      return STEPPED;
  }
}

function countVote(r: NodeState, m: MsgVoteResp): void {
  r.tracker.recordVote(m.from, !m.reject);
  const { result } = r.tracker.tallyVotes();
  if (result === 'lost') {
    // Keep the own term: that of a refused pre-vote was never taken on.
    r.becomeFollower(r.term, NONE);
  } else if (result === 'won') {
    if (r.role === 'preCandidate') {
      campaign(r, 'election');
    } else {
      r.becomeLeader();
      broadcastAppend(r);
    }
  }
}
