/** The leader's side of replication: what to send to whom, and what is committed by it (Raft section 5.3). */
import { entriesSize } from './entry-size.ts';
import type { NodeState } from './node-state.ts';
import type { Progress } from './tracker/progress.ts';
import { type Entry, type NodeId, RaftStorageError, type SnapshotMeta } from './types.ts';

/**
 * Sends `to` the next entries and the commit index, if the flow allows. With `evenIfEmpty` a message
 * without entries is worth sending. Returns whether something was sent.
 */
export function sendAppend(r: NodeState, to: NodeId, evenIfEmpty: boolean): boolean {
  const progress = r.tracker.progress.get(to);
  if (progress === undefined || progress.isPaused()) return false;
  const previous = progress.next - 1;
  const previousTerm = r.log.term(previous);
  if (previousTerm === undefined) return sendSnapshot(r, to, progress);

  // A full window lets only empty messages through: one of them will be answered and free the window, even
  // if everything in it was lost.
  let entries: readonly Entry[] | undefined = NO_ENTRIES;
  if (progress.state !== 'replicate' || !progress.inflights.full()) {
    entries = r.log.entriesFrom(progress.next, r.config.maxSizePerMsg);
  }
  if (entries === undefined) return sendSnapshot(r, to, progress);
  if (entries.length === 0 && !evenIfEmpty) return false;
  r.send({
    type: 'MsgApp',
    from: r.id,
    to,
    term: r.term,
    index: previous,
    logTerm: previousTerm,
    entries,
    commit: r.log.committed,
  });
  progress.sentEntries(entries.length, entriesSize(entries));
  progress.sentCommit(r.log.committed);
  return true;
}

const NO_ENTRIES: readonly Entry[] = [];

/** Describes the snapshot to a follower that needs compacted entries. Not to one that is silent: it would wait in vain. */
function sendSnapshot(r: NodeState, to: NodeId, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  let snapshot: SnapshotMeta;
  try {
    snapshot = r.log.snapshot();
  } catch (error) {
    // It is being made; the next heartbeat's answer leads here again.
    if (error instanceof RaftStorageError && error.reason === 'temporarilyUnavailable') return false;
    throw error;
  }
  progress.becomeSnapshot(snapshot.index);
  r.emit({ type: 'progress', peer: to, progress: progress.describe(), cause: 'needs compacted entries' });
  r.send({ type: 'MsgSnap', from: r.id, to, term: r.term, snapshot });
  return true;
}

/** Sends entries, or at least the commit index, to every other member. */
export function broadcastAppend(r: NodeState): void {
  for (const id of r.tracker.progress.keys()) {
    if (id !== r.id) sendAppend(r, id, true);
  }
}

/** Sends every other member as many entries as the flow allows, and nothing where there are none. */
export function probeAll(r: NodeState): void {
  for (const id of r.tracker.progress.keys()) {
    if (id !== r.id) sendAppend(r, id, false);
  }
}

/** Sends a heartbeat to every other member. */
export function broadcastHeartbeat(r: NodeState): void {
  const context = r.reads.takeContext();
  for (const [to, progress] of r.tracker.progress) if (to !== r.id) sendHeartbeat(r, to, progress, context);
}

/** Asks the voters whether this node still leads: nobody else's answer counts, and there may be a thousand others. */
export function askVoters(r: NodeState): void {
  const context = r.reads.takeContext();
  for (const [to, progress] of r.tracker.progress) {
    if (to !== r.id && r.tracker.isVoter(to)) sendHeartbeat(r, to, progress, context);
  }
}

/** It tells a commit index no higher than what the follower is known to hold, because the rest of its log may differ. */
function sendHeartbeat(r: NodeState, to: NodeId, progress: Progress, context: string): void {
  const commit = Math.min(progress.match, r.log.committed);
  const beat = { type: 'MsgHeartbeat', from: r.id, to, term: r.term, commit, context } as const;
  r.send(r.config.readOnlyOption === 'leaseBased' ? { ...beat, sentAt: Math.floor(r.clock) } : beat);
  progress.sentCommit(commit);
}

/** Commits what a quorum holds, if it ends in an entry of this term (Raft section 5.4.2). Returns whether it moved. */
export function maybeCommit(r: NodeState): boolean {
  const index = r.tracker.committed();
  return Number.isFinite(index) && r.log.maybeCommit(index, r.term);
}
