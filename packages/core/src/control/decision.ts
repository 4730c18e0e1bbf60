/** What the leader's controllers see beyond the state, and what they decide. */
import type { Command } from '../machine/command.ts';
import type { ConfChange, ConfState, LogIndex, NodeId } from '../raft/types.ts';

/** What the leader knows of another node. */
export interface PeerView {
  /** Highest log index known to be on it. */
  readonly match: LogIndex;
  /** Monotonic time of the last message from it; null when none came, or its stream broke since. */
  readonly lastHeardMs: number | null;
  /** Monotonic time since when messages came from it without a gap; null when none came. */
  readonly heardSinceMs: number | null;
  /**
   * Monotonic time at which this host, whoever led then, applied that the peer is unreachable; null while it is
   * reachable. So a silence does not begin anew with each leader.
   */
  readonly unreachableSinceMs: number | null;
}

/** What the leader knows. */
export interface LeaderView {
  readonly selfId: NodeId;
  /** Wall clock, ms since 1970: for deadlines that users set, never for safety. */
  readonly wallMs: number;
  /** The configuration as applied. */
  readonly confState: ConfState;
  /** A configuration change is in the log and not applied yet. */
  readonly confChangePending: boolean;
  /** Leadership is being handed over. */
  readonly transferring: boolean;
  /** What is committed, as the leader knows. */
  readonly committed: LogIndex;
  /** Monotonic time since when the configuration is as it is, or since when this leader has seen it so. */
  readonly confSinceMs: number;
  /** Monotonic time of the last attempt of this leader to hand over; null when there was none. */
  readonly transferTriedMs: number | null;
  /** Monotonic time since when it leads. */
  readonly leaderSinceMs: number;
  /** Hosts that take the leader's stream now; of the others none is taken into the group. */
  readonly connected: ReadonlySet<NodeId>;
  /** Other nodes of the configuration by id. */
  readonly peers: ReadonlyMap<NodeId, PeerView>;
  /** Keys of decisions that were acted upon and whose effect has not been applied or refused yet. */
  readonly inFlight: ReadonlySet<string>;
}

/** One thing to do. Decisions with the same key are the same: one that is in flight is not made again. */
export type Decision =
  | { readonly type: 'command'; readonly key: string; readonly command: Command }
  | { readonly type: 'confChange'; readonly key: string; readonly change: ConfChange }
  | { readonly type: 'transferLeader'; readonly key: string; readonly to: NodeId };

/** Figures of the controllers. */
export interface ControlOptions {
  /** A host that was not heard from for this long, in ms, is taken to be unreachable. */
  readonly lostAfterMs: number;
  /** A host counts as heard from again once its last message is at most this old, in ms. Less than `lostAfterMs`. */
  readonly backWithinMs: number;
  /** A learner within this many entries of what is committed has caught up. */
  readonly caughtUpEntries: number;
  /** Least time, in ms, between two attempts to hand over: nothing can be written during one. */
  readonly transferPauseMs: number;
  /**
   * Voters that are as many as wanted, and well, are only exchanged for better ones once nothing has changed for
   * this many times as long as it takes to replace a dead one.
   */
  readonly rebalancePatience: number;
}

/** Default figures. */
export const CONTROL_OPTIONS: ControlOptions = {
  lostAfterMs: 4000,
  backWithinMs: 2000,
  caughtUpEntries: 256,
  transferPauseMs: 5000,
  rebalancePatience: 10,
};

/** Whether the leader hears from a node now. It always hears itself. */
export function heard(view: LeaderView, id: NodeId, withinMs: number, nowMs: number): boolean {
  if (id === view.selfId) return true;
  const last = view.peers.get(id)?.lastHeardMs ?? null;
  return last !== null && nowMs - last <= withinMs;
}
