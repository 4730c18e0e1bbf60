/** Campaigns and votes (Raft sections 5.2 and 5.4.1; pre-vote: thesis section 9.6). */

import type { NodeState } from './node-state.ts';
import { jointIds } from './quorum/joint.ts';
import type { CampaignType, MsgVote, MsgVoteResp, NodeId } from './types.ts';

/** Starts a campaign if the node may: it votes, does not lead, and knows its own configuration. */
export function hup(r: NodeState, type: CampaignType): void {
  if (r.role === 'leader') {
    r.emit({ type: 'campaignRefused', reason: 'leader' });
  } else if (!r.promotable()) {
    r.emit({ type: 'campaignRefused', reason: 'notPromotable' });
  } else if (hasUnappliedConfChange(r)) {
    r.emit({ type: 'campaignRefused', reason: 'unappliedConfChange' });
  } else if (type !== 'transfer' && r.hasPromised()) {
    r.emit({ type: 'campaignRefused', reason: 'inLease' });
  } else {
    campaign(r, type);
  }
}

/** Becomes (pre-)candidate and asks every voter. */
export function campaign(r: NodeState, type: CampaignType): void {
  const preVote = type === 'preElection';
  if (preVote) r.becomePreCandidate();
  else r.becomeCandidate();
  const term = preVote ? r.term + 1 : r.term;
  const transfer = type === 'transfer';
  r.emit({ type: 'campaign', term, transfer });
  const index = r.log.lastIndex();
  const logTerm = r.log.lastTerm();
  for (const to of jointIds(r.tracker.config.voters)) {
    if (to === r.id) {
      // One's own vote counts like any other: once it is durable.
      sendVote(r, preVote ? 'MsgPreVoteResp' : 'MsgVoteResp', to, term, false);
    } else {
      r.send({ type: preVote ? 'MsgPreVote' : 'MsgVote', from: r.id, to, term, index, logTerm, transfer });
    }
  }
}

/** How many entries are read at a time in search of a configuration change. */
const SCAN_BYTES = 1024 * 1024;

/**
 * Whether a committed configuration change is not applied yet. A campaign would then count votes by a
 * configuration that is out of date, which after several such changes can be no majority at all.
 */
function hasUnappliedConfChange(r: NodeState): boolean {
  // What is compacted was applied, though the answer that says so may still be on its way.
  let low = Math.max(r.log.applied + 1, r.log.firstIndex());
  const high = r.log.committed + 1;
  while (low < high) {
    const entries = r.log.slice(low, high, SCAN_BYTES);
    if (entries.some((entry) => entry.type === 'confChange')) return true;
    low += entries.length;
  }
  return false;
}

/** Answers a vote request of this term, or a pre-vote request of a later one. */
export function handleVote(r: NodeState, m: MsgVote): void {
  if (!m.transfer && r.hasPromised()) {
    // The term may have come here without a vote; the promise to an earlier term's leader still holds.
    r.emit({ type: 'vote', message: m, verdict: 'inLease' });
    return;
  }
  const mayVote = r.vote === m.from || (r.vote === 0 && r.leader === 0) || (m.type === 'MsgPreVote' && m.term > r.term);
  const type = m.type === 'MsgPreVote' ? 'MsgPreVoteResp' : 'MsgVoteResp';
  // Learners vote as well: the candidate may know of a promotion that has not reached this node yet.
  if (mayVote && r.log.isUpToDate(m.index, m.logTerm)) {
    r.emit({ type: 'vote', message: m, verdict: 'granted' });
    // The request's term: for a pre-vote it is ahead of ours, and ours would look stale to the candidate.
    sendVote(r, type, m.from, m.term, false);
    if (m.type === 'MsgVote') {
      r.electionElapsed = 0;
      r.vote = m.from;
    }
  } else {
    refuseVote(r, m);
  }
}

/** Refuses a vote, or a preliminary one. */
export function refuseVote(r: NodeState, m: MsgVote): void {
  r.emit({ type: 'vote', message: m, verdict: 'refused' });
  const type = m.type === 'MsgPreVote' ? 'MsgPreVoteResp' : 'MsgVoteResp';
  sendVote(r, type, m.from, r.term, true);
}

/**
 * Learns from a refusal what is committed. A leader that was removed or demoted may hold entries that no
 * one else has; it then refuses its vote to those who do not know yet that they can do without it, and
 * cannot lead itself. Its refusal tells them.
 */
export function learnCommit(r: NodeState, m: MsgVoteResp): void {
  const { committed } = m;
  if (committed !== undefined && r.log.matches(committed.index, committed.term)) r.log.commitTo(committed.index);
}

/** Sends a vote, or its refusal, once it is durable. */
export function sendVote(
  r: NodeState,
  type: 'MsgVoteResp' | 'MsgPreVoteResp',
  to: NodeId,
  term: number,
  reject: boolean,
): void {
  const index = r.log.committed;
  const committedTerm = r.log.term(index);
  const answer = { type, from: r.id, to, term, reject } as const;
  if (!reject || r.tracker.isVoter(r.id) || index === 0 || committedTerm === undefined) r.sendAfterAppend(answer);
  else r.sendAfterAppend({ ...answer, committed: { index, term: committedTerm } });
}
