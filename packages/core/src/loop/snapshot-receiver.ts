/** Collects the pieces of one snapshot until it is whole. A piece that is damaged or out of turn is asked for again. */
import type { NodeId, SnapshotMeta } from '../raft/types.ts';
import type { SnapshotAck, SnapshotChunk } from '../wire/peer-message.ts';
import { chunkChecksum } from './snapshot-checksum.ts';

/** Bytes of records that one snapshot may have. */
export const SNAPSHOT_MAX_BYTES = 1024 * 1024 * 1024;

interface Staging {
  readonly from: NodeId;
  readonly term: number;
  readonly snapshot: SnapshotMeta;
  readonly records: (readonly [string, Uint8Array])[];
  next: number;
  bytes: number;
}

/** A snapshot that has arrived whole. */
export interface ReceivedSnapshot {
  readonly from: NodeId;
  readonly term: number;
  readonly snapshot: SnapshotMeta;
  readonly records: readonly (readonly [string, Uint8Array])[];
}

/** What a piece led to: the answer to its sender, and the snapshot once it is whole. */
export interface ChunkResult {
  readonly ack: SnapshotAck | null;
  readonly complete: ReceivedSnapshot | null;
}

/** The one snapshot that this host is receiving. A newer one from anywhere replaces it. */
export class SnapshotReceiver {
  #staging: Staging | null = null;
  /** Index of the last one that was whole, so that a repeated last piece is only acknowledged. */
  #completed: { index: number; term: number; pieces: number } | null = null;

  /** Takes a piece from `from`. */
  receive(from: NodeId, chunk: SnapshotChunk): ChunkResult {
    const done = this.#completed;
    if (done !== null && done.index === chunk.snapshot.index && done.term === chunk.term) {
      return { ack: this.#ack(chunk, done.pieces), complete: null };
    }
    let staging = this.#staging;
    const same =
      staging !== null &&
      staging.from === from &&
      staging.term === chunk.term &&
      staging.snapshot.index === chunk.snapshot.index &&
      staging.snapshot.term === chunk.snapshot.term;
    if (!same || staging === null) {
      if (staging !== null && (chunk.term < staging.term || chunk.snapshot.index < staging.snapshot.index)) {
        return { ack: null, complete: null };
      }
      staging = { from, term: chunk.term, snapshot: chunk.snapshot, records: [], next: 0, bytes: 0 };
      this.#staging = staging;
    }
    if (chunk.offset !== staging.next || chunkChecksum(chunk.records) !== chunk.checksum) {
      return { ack: this.#ack(chunk, staging.next), complete: null };
    }
    for (const record of chunk.records) {
      staging.bytes += record[0].length + record[1].length;
      staging.records.push(record);
    }
    if (staging.bytes > SNAPSHOT_MAX_BYTES) {
      this.#staging = null;
      return { ack: null, complete: null };
    }
    staging.next++;
    if (!chunk.last) return { ack: this.#ack(chunk, staging.next), complete: null };
    this.#staging = null;
    this.#completed = { index: staging.snapshot.index, term: staging.term, pieces: staging.next };
    return { ack: this.#ack(chunk, staging.next), complete: staging };
  }

  /** Forgets the last whole one: the loop did not use it, so the sender has to start over. */
  discard(): void {
    this.#completed = null;
  }

  #ack(chunk: SnapshotChunk, next: number): SnapshotAck {
    return { type: 'snapshotAck', index: chunk.snapshot.index, term: chunk.term, next };
  }
}
