/** What a leader does with answers, reports and requests. */

import type { NodeState } from './node-state.ts';
import { proposeAsLeader } from './proposal.ts';
import { handleReadAck, readAsLeader, releasePostponedReads } from './read-index.ts';
import { broadcastAppend, broadcastHeartbeat, maybeCommit, sendAppend } from './replication.ts';
import { STEPPED, type StepResult } from './step-result.ts';
import type { Progress } from './tracker/progress.ts';
import { type Message, type MsgAppResp, type MsgSnapStatus, NONE, type NodeId } from './types.ts';

/** Steps a message of this term, or one without a term. */
export function stepLeader(r: NodeState, m: Message): StepResult {
  switch (m.type) {
    case 'MsgBeat':
      broadcastHeartbeat(r);
      return STEPPED;
    case 'MsgCheckQuorum':
      checkQuorum(r);
      return STEPPED;
    case 'MsgProp': {
      const result = proposeAsLeader(r, m.entries);
      return result.status === 'dropped' ? result : STEPPED;
    }
    case 'MsgReadIndex': {
      const result = readAsLeader(r, m);
      return result.status === 'dropped' ? result : STEPPED;
    }
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      r.ignore(m, 'secondLeader');
      return { status: 'ignored', reason: 'secondLeader' };
    default:
      return stepFromPeer(r, m);
  }
}

function stepFromPeer(r: NodeState, m: Message): StepResult {
  const progress = r.tracker.progress.get(m.from);
  if (progress === undefined) return STEPPED;
  switch (m.type) {
    case 'MsgAppResp':
      return handleAppendResponse(r, m, progress);
    case 'MsgHeartbeatResp':
      progress.recentActive = true;
      progress.paused = false;
      // Also with a full window, with an empty message: what filled it may have been lost.
      if (progress.match < r.log.lastIndex() || progress.state === 'probe') sendAppend(r, m.from, true);
      handleReadAck(r, m);
      return STEPPED;
    case 'MsgSnapStatus':
      handleSnapshotStatus(r, m, progress);
      return STEPPED;
    case 'MsgUnreachable':
      // What was streamed ahead is probably lost.
      if (progress.state === 'replicate') progress.becomeProbe();
      r.emit({ type: 'progress', peer: m.from, progress: progress.describe(), cause: 'unreachable' });
      return STEPPED;
    case 'MsgTransferLeader':
      transferLeader(r, m.from, progress);
      return STEPPED;
    default:
      return STEPPED;
  }
}

function checkQuorum(r: NodeState): void {
  if (!r.tracker.quorumActive()) {
    r.emit({ type: 'quorumLost' });
    r.becomeFollower(r.term, NONE);
  }
  for (const [id, progress] of r.tracker.progress) {
    if (id !== r.id) progress.recentActive = false;
  }
}

function handleAppendResponse(r: NodeState, m: MsgAppResp, progress: Progress): StepResult {
  progress.recentActive = true;
  if (m.reject) {
    // The follower has `logTerm` at `rejectHint`. Positions where this log has a higher term cannot match,
    // because terms in a log only rise; so at most one probe per term is needed (Raft section 5.3, end).
    const hint = m.logTerm > 0 ? r.log.findConflictByTerm(m.rejectHint, m.logTerm).index : m.rejectHint;
    if (progress.maybeDecreaseTo(m.index, hint)) {
      if (progress.state === 'replicate') progress.becomeProbe();
      r.emit({ type: 'progress', peer: m.from, progress: progress.describe(), cause: 'log mismatch' });
      sendAppend(r, m.from, true);
    }
    return STEPPED;
  }
  if (m.index > r.log.lastIndex()) {
    r.ignore(m, 'malformed');
    return { status: 'ignored', reason: 'malformed' };
  }
  // An acknowledgement that brings nothing new may still show that a probed follower listens.
  const confirmsProbe = progress.match === m.index && progress.state === 'probe';
  if (!progress.maybeUpdate(m.index) && !confirmsProbe) return STEPPED;
  if (progress.state === 'probe') {
    progress.becomeReplicate();
  } else if (progress.state === 'replicate') {
    progress.inflights.freeTo(m.index);
  } else if (progress.match + 1 >= r.log.firstIndex()) {
    // The log reaches the follower again, whichever snapshot it was that brought it there.
    progress.becomeProbe();
    progress.becomeReplicate();
    r.emit({ type: 'progress', peer: m.from, progress: progress.describe(), cause: 'snapshot arrived' });
  }

  if (maybeCommit(r)) {
    releasePostponedReads(r);
    broadcastAppend(r);
  } else if (m.from !== r.id && progress.canBumpCommit(r.log.committed)) {
    // Sooner than the next heartbeat would tell it.
    sendAppend(r, m.from, true);
  }
  // The window has room again: fill it.
  if (m.from !== r.id) {
    while (sendAppend(r, m.from, false));
  }
  if (m.from === r.leadTransferee && progress.match === r.log.lastIndex()) sendTimeoutNow(r, m.from);
  return STEPPED;
}

function handleSnapshotStatus(r: NodeState, m: MsgSnapStatus, progress: Progress): void {
  if (progress.state !== 'snapshot') return;
  // After a failure the probe starts from what is known, not from the snapshot's end.
  if (m.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  r.emit({
    type: 'progress',
    peer: m.from,
    progress: progress.describe(),
    cause: m.reject ? 'snapshot failed' : 'snapshot sent',
  });
  // Wait for the follower's answer, or after a failure for a heartbeat, before the next message.
  progress.paused = true;
}

/** Hands the office to `to` (thesis section 3.10): bring it up to date, take nothing new meanwhile, let it campaign. */
function transferLeader(r: NodeState, to: NodeId, progress: Progress): void {
  if (progress.isLearner || to === r.leadTransferee) return;
  if (r.leadTransferee !== NONE) r.emit({ type: 'transfer', to: r.leadTransferee, step: 'aborted' });
  r.leadTransferee = NONE;
  if (to === r.id) return;
  r.emit({ type: 'transfer', to, step: 'started' });
  // It has one election timeout to succeed; ticking ends it otherwise.
  r.electionElapsed = 0;
  r.leadTransferee = to;
  if (progress.match === r.log.lastIndex()) sendTimeoutNow(r, to);
  else sendAppend(r, to, true);
}

function sendTimeoutNow(r: NodeState, to: NodeId): void {
  r.leaseForfeited = true;
  r.emit({ type: 'transfer', to, step: 'timeoutNow' });
  r.send({ type: 'MsgTimeoutNow', from: r.id, to, term: r.term });
}
