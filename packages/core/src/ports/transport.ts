/** Messages between hosts, best effort: each may be lost, delayed, doubled or overtaken, never altered. */
import type { NodeId } from '../raft/types.ts';
import type { PeerAddress, PeerMessage } from '../wire/peer-message.ts';

export type { PeerAddress };

/** What the transport can do for the loop. */
export interface TransportPort {
  /** Queues a message; drops it when the peer is unknown, not connected, or its bounded queue is full. */
  send(to: NodeId, message: PeerMessage): void;
  /** Replaces the set of peers: connects to new ones, drops the rest. Only these may open cluster protocols. */
  setPeers(peers: readonly PeerAddress[]): void;
}
