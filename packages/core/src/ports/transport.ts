/** Messages between hosts, best effort: each may be lost, delayed, doubled or overtaken, never altered. */
import type { NodeId } from '../raft/types.ts';
import type { PeerMessage } from '../wire/peer-message.ts';

/** Where a member is found, and by which key it proves itself. */
export interface PeerAddress {
  readonly id: NodeId;
  readonly peerId: string;
  readonly addresses: readonly string[];
}

/** What the transport can do for the loop. */
export interface TransportPort {
  /** Queues a message; drops it when the peer is unknown, not connected, or its bounded queue is full. */
  send(to: NodeId, message: PeerMessage): void;
  /** Replaces the set of peers: connects to new ones, drops the rest. Only these may open cluster protocols. */
  setPeers(peers: readonly PeerAddress[]): void;
}
