/** What a call on the node came to. Expected outcomes are values, not exceptions. */
import type { IgnoreReason } from './events.ts';
import type { LogIndex, NodeId, Term } from './types.ts';

/** Why a proposal or a read went nowhere. Trying again later, or at the leader, may help. */
export type DropReason =
  /** No leader is known. */
  | 'noLeader'
  /** The leader is handing its office over. */
  | 'transferring'
  /** The uncommitted tail is as large as it may be. */
  | 'uncommittedLimit'
  /** The leader is no longer a member. */
  | 'notMember'
  /** This node is no leader and does not forward. */
  | 'forwardingDisabled'
  /** Too many reads wait already. */
  | 'tooManyReads';

/** What became of a proposal. Accepted does not mean committed: watch for (`index`, `term`) to be applied. */
export type ProposeResult =
  | {
      readonly status: 'accepted';
      /** Position of the last entry proposed. */
      readonly index: LogIndex;
      readonly term: Term;
      /** Set when a configuration change was not possible now: an empty entry took its place. */
      readonly confChangeRefused?: string;
    }
  | { readonly status: 'forwarded'; readonly to: NodeId }
  | { readonly status: 'dropped'; readonly reason: DropReason };

/** What became of a read request. The answer comes in `Ready.readStates`, or never if the leader is lost. */
export type ReadResult =
  | { readonly status: 'accepted' }
  | { readonly status: 'forwarded'; readonly to: NodeId }
  | { readonly status: 'dropped'; readonly reason: DropReason };

/** What became of a message. */
export type StepResult =
  | { readonly status: 'stepped' }
  | { readonly status: 'ignored'; readonly reason: IgnoreReason }
  | { readonly status: 'dropped'; readonly reason: DropReason };

/** The usual outcome. */
export const STEPPED: StepResult = { status: 'stepped' };
