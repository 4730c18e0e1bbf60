/**
 * The durable store of one host: Raft log, hard state and applied state. Writes are messages: `write`
 * queues and returns, and the completion comes back to the loop as a `stored` input, in the order of the
 * writes. After a crash the store holds some prefix of the writes that were queued, and at least those
 * whose completion was handed over for a `sync` write; one write is all there or not at all. What it gave back when it was
 * opened is durable: the node that is made from it promises all of that to others.
 */
import type { RecordChange } from '../machine/record.ts';
import type { Entry, HardState, LogIndex, SnapshotMeta } from '../raft/types.ts';

/** One atomic write. Parts are applied in the order of the fields. */
export interface StorageWrite {
  /** Comes back in the completion; grows by one with each write of a loop. */
  readonly token: number;
  /** Whether the completion promises durability. */
  readonly sync: boolean;
  /** Replaces log and applied state: every entry goes, and the records become exactly these. */
  readonly snapshot?: { readonly meta: SnapshotMeta; readonly records: Iterable<readonly [string, Uint8Array]> };
  /** Appended; entries from the first one's index on that are already there go. */
  readonly entries?: readonly Entry[];
  readonly hardState?: HardState;
  /** Changes of applied state up to and with the entry at `index`. */
  readonly applied?: { readonly meta: SnapshotMeta; readonly changes: readonly RecordChange[] };
  /** Entries up to and with `index` go; `term` is the term of the entry at `index`. */
  readonly compact?: { readonly index: LogIndex; readonly term: number };
}

/** How a write ended. A failed write leaves the store unusable until restart: the loop must stop. */
export type StorageOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'full' | 'readOnly' | 'io'; readonly message: string };

/** What the store can do for the loop. */
export interface StoragePort {
  write(write: StorageWrite): void;
}

/** Everything a loop needs to start, read back and verified by checksum before the loop exists. */
export interface StoredState {
  readonly hardState: HardState;
  /** Position before the first entry of `entries`. Index 0 and term 0 on an empty store. */
  readonly compacted: { readonly index: LogIndex; readonly term: number };
  /** Contiguous from `compacted.index + 1`. */
  readonly entries: readonly Entry[];
  /** The applied state: at which index, with which configuration, and its records. */
  readonly applied: SnapshotMeta;
  readonly records: ReadonlyMap<string, Uint8Array>;
}
