/** What happens inside a node, as data: for traces, tests and metrics. Nothing depends on them. */
import type { LogIndex, Message, NodeId, Role, Term } from './types.ts';

/** Why a message was passed over. */
export type IgnoreReason =
  /** It carries an older term. */
  | 'staleTerm'
  /** Its sender is no member, so its answer counts for nothing. */
  | 'unknownPeer'
  /** Only the node itself may step such a message. */
  | 'localOnly'
  /** It is addressed to another node. */
  | 'misaddressed'
  /** Numbers out of range or entries out of order. */
  | 'malformed'
  /** It names a commit index beyond the log: this node lost entries it had acknowledged, or the sender is wrong. */
  | 'commitBeyondLog'
  /** It would replace a committed entry, which no correct leader asks for. */
  | 'conflictsCommitted'
  /** Another leader of the same term sent it, which cannot be. */
  | 'secondLeader';

/** One event; the node it happened at is known to the receiver. */
export type RaftEvent =
  | { readonly type: 'role'; readonly role: Role; readonly term: Term }
  | { readonly type: 'campaign'; readonly term: Term; readonly transfer: boolean }
  | {
      readonly type: 'campaignRefused';
      readonly reason: 'leader' | 'notPromotable' | 'unappliedConfChange' | 'inLease';
    }
  | { readonly type: 'vote'; readonly message: Message; readonly verdict: 'granted' | 'refused' | 'inLease' }
  | { readonly type: 'config'; readonly config: string }
  | { readonly type: 'confChangeRefused'; readonly reason: string }
  | { readonly type: 'ignored'; readonly message: Message; readonly reason: IgnoreReason }
  | { readonly type: 'staleAppend'; readonly index: LogIndex; readonly term: Term }
  | { readonly type: 'quorumLost' }
  | { readonly type: 'leaderForgotten'; readonly leader: NodeId }
  | { readonly type: 'transfer'; readonly to: NodeId; readonly step: 'started' | 'timeoutNow' | 'aborted' }
  | { readonly type: 'progress'; readonly peer: NodeId; readonly progress: string; readonly cause: string }
  | { readonly type: 'snapshot'; readonly index: LogIndex; readonly step: 'restored' | 'fastForwarded' | 'ignored' };

/** How loud an event is. */
export type EventLevel = 'debug' | 'info' | 'warn';

/** The level of an event. */
export function eventLevel(event: RaftEvent): EventLevel {
  switch (event.type) {
    case 'progress':
      return 'debug';
    case 'campaignRefused':
    case 'quorumLost':
      return 'warn';
    case 'ignored':
      return event.reason === 'staleTerm' || event.reason === 'unknownPeer' ? 'info' : 'warn';
    default:
      return 'info';
  }
}
