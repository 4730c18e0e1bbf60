/**
 * Sends the applied state to followers that the log can no longer serve. A snapshot travels in pieces
 * beside the Raft messages, one piece under way per follower, so heartbeats are never behind more than one.
 */
import type { NodeId, SnapshotMeta } from '../raft/types.ts';
import type { SnapshotChunk } from '../wire/peer-message.ts';
import { chunkChecksum } from './snapshot-checksum.ts';

/** Bytes of records after which a piece is closed. */
export const CHUNK_BYTES = 256 * 1024;
/** Time, in ms, without an acknowledgement after which a piece is sent again. */
export const RESEND_MS = 1_000;
/** Time, in ms, without progress after which a transfer is given up. */
export const GIVE_UP_MS = 20_000;

type Records = readonly (readonly [string, Uint8Array])[];

interface Transfer {
  readonly term: number;
  readonly snapshot: SnapshotMeta;
  readonly pieces: readonly Records[];
  next: number;
  sentAtMs: number;
  progressAtMs: number;
}

/** What the sender needs of its loop. */
export interface SnapshotSenderHost {
  send(to: NodeId, chunk: SnapshotChunk): void;
  /** The transfer to `to` ended: Raft probes it again. */
  finished(to: NodeId, ok: boolean): void;
}

/** Cuts records into pieces of about {@link CHUNK_BYTES}; always at least one piece. */
export function cutPieces(records: Iterable<readonly [string, Uint8Array]>): Records[] {
  const pieces: Records[] = [];
  let piece: (readonly [string, Uint8Array])[] = [];
  let bytes = 0;
  for (const record of records) {
    piece.push(record);
    bytes += record[0].length + record[1].length;
    if (bytes < CHUNK_BYTES) continue;
    pieces.push(piece);
    piece = [];
    bytes = 0;
  }
  if (piece.length > 0 || pieces.length === 0) pieces.push(piece);
  return pieces;
}

/** The transfers that this host has under way, at most one per follower. */
export class SnapshotSender {
  readonly #host: SnapshotSenderHost;
  readonly #transfers = new Map<NodeId, Transfer>();

  constructor(host: SnapshotSenderHost) {
    this.#host = host;
  }

  /** Starts a transfer; one that was under way to the same follower is dropped. */
  start(
    to: NodeId,
    term: number,
    snapshot: SnapshotMeta,
    records: Iterable<readonly [string, Uint8Array]>,
    nowMs: number,
  ): void {
    const transfer = { term, snapshot, pieces: cutPieces(records), next: 0, sentAtMs: nowMs, progressAtMs: nowMs };
    this.#transfers.set(to, transfer);
    this.#sendPiece(to, transfer, nowMs);
  }

  /** The follower wants the piece `next`; past the last one it has them all. Late and strange answers change nothing. */
  acknowledged(from: NodeId, index: number, next: number, nowMs: number): void {
    const transfer = this.#transfers.get(from);
    if (transfer === undefined || transfer.snapshot.index !== index || next > transfer.pieces.length) return;
    if (next === transfer.pieces.length) {
      this.#transfers.delete(from);
      this.#host.finished(from, true);
      return;
    }
    // An answer to a piece that was sent twice.
    if (next === transfer.next) return;
    transfer.next = next;
    transfer.progressAtMs = nowMs;
    this.#sendPiece(from, transfer, nowMs);
  }

  /** Sends again what was not acknowledged in time and gives up what makes no progress. */
  tick(nowMs: number): void {
    for (const [to, transfer] of this.#transfers) {
      if (nowMs - transfer.progressAtMs >= GIVE_UP_MS) {
        this.#transfers.delete(to);
        this.#host.finished(to, false);
      } else if (nowMs - transfer.sentAtMs >= RESEND_MS) {
        this.#sendPiece(to, transfer, nowMs);
      }
    }
  }

  /** Drops all transfers: this host leads no more. */
  clear(): void {
    this.#transfers.clear();
  }

  #sendPiece(to: NodeId, transfer: Transfer, nowMs: number): void {
    const records = transfer.pieces[transfer.next];
    if (records === undefined) return;
    transfer.sentAtMs = nowMs;
    this.#host.send(to, {
      type: 'snapshotChunk',
      term: transfer.term,
      snapshot: transfer.snapshot,
      offset: transfer.next,
      last: transfer.next === transfer.pieces.length - 1,
      records,
      checksum: chunkChecksum(records),
    });
  }
}
