/** Switching to another configuration, and what has to follow from it at once. */
import { Changer } from './confchange/changer.ts';
import { LEAVE_JOINT } from './confchange/describe.ts';
import { restoreConfig } from './confchange/restore.ts';
import type { NodeState } from './node-state.ts';
import { proposeAsLeader } from './proposal.ts';
import { confirmReads, releasePostponedReads } from './read-index.ts';
import { broadcastAppend, maybeCommit, probeAll } from './replication.ts';
import { describeConfig, type GroupConfig, type ProgressMap } from './tracker/tracker.ts';
import { type ConfChange, type ConfState, type LogIndex, NONE, type SnapshotMeta } from './types.ts';

/** The configuration in force after a change; `refused` says why it is still the old one. */
export interface ConfChangeResult {
  readonly confState: ConfState;
  readonly refused?: string;
}

/**
 * Applies a committed change. One that is not possible changes nothing: every node comes to the same
 * verdict because each judges it against the same configuration.
 */
export function applyConfChange(r: NodeState, change: ConfChange): ConfChangeResult {
  const result = new Changer(r.tracker, r.log.lastIndex()).change(change);
  if (!result.ok) {
    r.emit({ type: 'confChangeRefused', reason: result.reason });
    return { confState: r.tracker.confState(), refused: result.reason };
  }
  return { confState: switchToConfig(r, result.config, result.progress) };
}

/** Puts the configuration of the storage or of a snapshot in force. */
export function adoptConfState(r: NodeState, state: ConfState): void {
  const { config, progress } = restoreConfig(r.config, r.log.lastIndex(), state);
  switchToConfig(r, config, progress);
}

function switchToConfig(r: NodeState, config: GroupConfig, progress: ProgressMap): ConfState {
  r.tracker.config = config;
  r.tracker.progress = progress;
  r.emit({ type: 'config', config: describeConfig(config) });
  const state = r.tracker.confState();
  if (r.role !== 'leader') return state;

  const own = progress.get(r.id);
  if (own === undefined || own.isLearner) {
    // Removed or demoted. Without stepping down it goes on, so that its removal reaches the others.
    if (r.config.stepDownOnRemoval) r.becomeFollower(r.term, NONE);
    return state;
  }
  if (state.voters.length === 0) return state;
  // A smaller quorum may have committed more; new members should not wait for a heartbeat.
  if (maybeCommit(r)) {
    releasePostponedReads(r);
    broadcastAppend(r);
  } else {
    probeAll(r);
  }
  confirmReads(r);
  if (r.leadTransferee !== NONE && !r.tracker.isVoter(r.leadTransferee)) {
    r.emit({ type: 'transfer', to: r.leadTransferee, step: 'aborted' });
    r.leadTransferee = NONE;
  }
  return state;
}

/** The state machine has applied up to `index`, `bytes` of payload. Leaves a joint configuration that asks for it. */
export function noteApplied(r: NodeState, index: LogIndex, bytes: number): void {
  r.log.appliedTo(Math.max(index, r.log.applied), bytes);
  if (r.tracker.config.autoLeave && r.role === 'leader' && r.log.applied >= r.pendingConfIndex) {
    // Refused only during a transfer; then the next apply, or the next leader, tries again.
    proposeAsLeader(r, [{ type: 'confChange', change: LEAVE_JOINT }]);
  }
}

/** The snapshot is installed. */
export function noteSnapshotApplied(r: NodeState, snapshot: SnapshotMeta): void {
  r.log.unstable.stableSnapshotTo(snapshot.index);
  noteApplied(r, snapshot.index, 0);
}
