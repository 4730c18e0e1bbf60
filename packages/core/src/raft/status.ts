/** What a node tells about itself. A copy: reading it later shows the past. */
import type { NodeState } from './node-state.ts';
import type { ProgressState } from './tracker/progress.ts';
import type { ConfState, LogIndex, NodeId, Role, Term } from './types.ts';

/** The leader's view of a member. */
export interface PeerStatus {
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: ProgressState;
  readonly recentActive: boolean;
  /** Index of the snapshot under way; zero for none. */
  readonly pendingSnapshot: LogIndex;
  readonly isLearner: boolean;
  /** No MsgApp until the next answer. */
  readonly paused: boolean;
  readonly inflightMessages: number;
  /** Payload bytes. */
  readonly inflightBytes: number;
}

/** A node at one moment. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly term: Term;
  readonly vote: NodeId;
  readonly role: Role;
  /** Zero when none is known. */
  readonly leader: NodeId;
  /** Zero when no transfer is under way. */
  readonly leadTransferee: NodeId;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly committed: LogIndex;
  readonly applied: LogIndex;
  readonly confState: ConfState;
  /** Payload bytes of the leader's tail that is not applied; zero elsewhere. */
  readonly uncommittedBytes: number;
  readonly pendingReads: number;
  /** By node, ascending; empty unless leader. */
  readonly progress: ReadonlyMap<NodeId, PeerStatus>;
}

/** Takes the status. */
export function statusOf(r: NodeState): RaftStatus {
  const progress = new Map<NodeId, PeerStatus>();
  if (r.role === 'leader') {
    for (const [id, peer] of r.tracker.progress) {
      progress.set(id, {
        match: peer.match,
        next: peer.next,
        state: peer.state,
        recentActive: peer.recentActive,
        pendingSnapshot: peer.pendingSnapshot,
        isLearner: peer.isLearner,
        paused: peer.isPaused(),
        inflightMessages: peer.inflights.count,
        inflightBytes: peer.inflights.bytes,
      });
    }
  }
  return {
    id: r.id,
    term: r.term,
    vote: r.vote,
    role: r.role,
    leader: r.leader,
    leadTransferee: r.leadTransferee,
    firstIndex: r.log.firstIndex(),
    lastIndex: r.log.lastIndex(),
    committed: r.log.committed,
    applied: r.log.applied,
    confState: r.tracker.confState(),
    uncommittedBytes: r.uncommittedBytes,
    pendingReads: r.reads.size,
    progress,
  };
}

/** The leader's progress table, one `id: progress` per line; byte-stable, empty unless leader. */
export function describeProgress(r: NodeState): string {
  if (r.role !== 'leader') return '';
  return [...r.tracker.progress].map(([id, progress]) => `${id}: ${progress.describe()}`).join('\n');
}
