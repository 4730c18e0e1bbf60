/** What one host's loop says to another's. Encoding and limits: `frame.ts`. */
import type { LogIndex, Message, NodeId, SnapshotMeta } from '../raft/types.ts';

/** A Raft message; never one of the local ones. */
export interface RaftPeerMessage {
  readonly type: 'raft';
  readonly message: Message;
}

/**
 * A piece of a snapshot. Pieces of one snapshot share `snapshot`; `offset` counts pieces from 0, and the
 * receiver acknowledges each with the next one it wants, so a broken transfer resumes.
 */
export interface SnapshotChunk {
  readonly type: 'snapshotChunk';
  readonly term: number;
  readonly snapshot: SnapshotMeta;
  readonly offset: number;
  readonly last: boolean;
  /** Records of the applied state, in key order. */
  readonly records: readonly (readonly [string, Uint8Array])[];
  /** CRC-32 over the records' keys and values. */
  readonly checksum: number;
}

/** Asks for the piece at `next`; past the last one it says that the snapshot is complete. */
export interface SnapshotAck {
  readonly type: 'snapshotAck';
  readonly index: number;
  readonly term: number;
  readonly next: number;
}

/** Where a member is found, and by which key it proves itself. */
export interface PeerAddress {
  readonly id: NodeId;
  readonly peerId: string;
  readonly addresses: readonly string[];
}

/**
 * Introduces the members as of `index` to a host whose state is older. Without it, a host that was away while
 * another one joined and came to lead would refuse its leader as a stranger, and never learn better.
 */
export interface MembersMessage {
  readonly type: 'members';
  readonly index: number;
  readonly members: readonly PeerAddress[];
}

/** A host asks the leader to renew its lease. */
export interface LeaseRenewMessage {
  readonly type: 'leaseRenew';
  /** The run of the daemon that asks: an answer to an earlier one counts for nothing. */
  readonly bootId: string;
  /** Counts the requests of this run. */
  readonly sequence: number;
}

/**
 * The lease is granted: all that is fenced on the host may run for `holdMs`, counted on the host's boot clock from
 * when it sent the request `sequence`. It counts only once the host has applied everything up to `index`.
 */
export interface LeaseGrantMessage {
  readonly type: 'leaseGrant';
  readonly bootId: string;
  readonly sequence: number;
  readonly index: LogIndex;
  readonly holdMs: number;
  /** How soon, in ms, it should ask again. */
  readonly renewMs: number;
}

/** What leases are about. */
export type LeaseMessage = LeaseRenewMessage | LeaseGrantMessage;

/** Everything that goes over a peer stream. */
export type PeerMessage = RaftPeerMessage | SnapshotChunk | SnapshotAck | MembersMessage | LeaseMessage;
