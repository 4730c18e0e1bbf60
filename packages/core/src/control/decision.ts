/** What the leader's controllers see beyond the state, and what they decide. */
import type { Command } from '../machine/command.ts';
import type { ConfChange, ConfState, LogIndex, NodeId } from '../raft/types.ts';

/** What the leader knows. */
export interface LeaderView {
  /** Its own host. */
  readonly self: NodeId;
  /** The configuration as applied. */
  readonly confState: ConfState;
  readonly commitIndex: LogIndex;
  /** Monotonic time since when it leads. */
  readonly leadingSinceMs: number;
  /** Monotonic time of the last message from a node; null when none came or its stream broke since. */
  readonly lastHeardMs: (id: NodeId) => number | null;
  /** Highest log index known to be on a node; 0 when unknown. */
  readonly matchIndex: (id: NodeId) => LogIndex;
}

/**
 * One thing to do. The key names the decision: while one is under way, another with its key is not to be
 * proposed.
 */
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
  /** A learner that lacks at most this many committed entries has caught up. */
  readonly caughtUpEntries: number;
  /** Most voters. */
  readonly maxVoters: number;
}

/** Default figures. */
export const CONTROL_OPTIONS: ControlOptions = {
  lostAfterMs: 4000,
  backWithinMs: 2000,
  caughtUpEntries: 256,
  maxVoters: 7,
};

/** Whether the leader hears from a node now. It always hears itself. */
export function heard(view: LeaderView, id: NodeId, withinMs: number, nowMs: number): boolean {
  if (id === view.self) return true;
  const last = view.lastHeardMs(id);
  return last !== null && nowMs - last <= withinMs;
}
