/**
 * The durable log as the Raft node reads it, kept in memory: entries since the last compaction. It changes
 * only when the storage port has confirmed a write, so what the node reads here is durable. The snapshot it
 * offers is the applied state as of now, which always exists, so nothing ever has to be dumped.
 */
import { MemoryStorage } from '../raft/memory-storage.ts';
import type { ConfState, Entry, HardState, LogIndex, RaftStorage, SnapshotMeta, Term } from '../raft/types.ts';

/** Payload bytes of an entry, for bounds. */
export function entryBytes(entry: Entry): number {
  return entry.type === 'normal' ? entry.data.length : 64;
}

/** The log in memory. */
export class LogMirror implements RaftStorage {
  readonly #log: MemoryStorage;
  readonly #initial: { readonly hardState: HardState; readonly confState: ConfState };
  readonly #applied: () => SnapshotMeta;
  #bytes: number;

  /** `applied` gives the position of the applied state at any time. */
  constructor(
    stored: {
      readonly hardState: HardState;
      readonly compacted: { readonly index: LogIndex; readonly term: Term };
      readonly entries: readonly Entry[];
      readonly applied: SnapshotMeta;
    },
    applied: () => SnapshotMeta,
  ) {
    this.#log = new MemoryStorage({ ...stored.compacted, confState: stored.applied.confState });
    this.#log.append(stored.entries);
    this.#initial = { hardState: stored.hardState, confState: stored.applied.confState };
    this.#applied = applied;
    this.#bytes = stored.entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.#initial;
  }

  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] {
    return this.#log.entries(low, high, maxBytes);
  }

  term(index: LogIndex): Term {
    return this.#log.term(index);
  }

  firstIndex(): LogIndex {
    return this.#log.firstIndex();
  }

  lastIndex(): LogIndex {
    return this.#log.lastIndex();
  }

  snapshot(): SnapshotMeta {
    return this.#applied();
  }

  /** Payload bytes of the entries held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The lowest index after which at most `bytes` of payload follow. */
  indexLeaving(bytes: number): LogIndex {
    let index = this.firstIndex() - 1;
    let left = this.#bytes;
    for (const entry of this.#held(index + 1, this.lastIndex())) {
      if (left <= bytes) break;
      left -= entryBytes(entry);
      index = entry.index;
    }
    return index;
  }

  /** These entries are durable now; those from the first one's index on that were there before are gone. */
  append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    const kept = this.firstIndex();
    for (const entry of this.#held(Math.max(first.index, kept), this.lastIndex())) this.#bytes -= entryBytes(entry);
    for (const entry of entries) if (entry.index >= kept) this.#bytes += entryBytes(entry);
    this.#log.append(entries);
  }

  /** The log now starts after this snapshot and is empty. */
  reset(meta: SnapshotMeta): void {
    this.#log.applySnapshot(meta);
    this.#bytes = 0;
  }

  /** Drops entries up to and with `index`. */
  compact(index: LogIndex): void {
    for (const entry of this.#held(this.firstIndex(), index)) this.#bytes -= entryBytes(entry);
    this.#log.compact(index);
  }

  /** Entries from `low` up to and with `last`. */
  #held(low: LogIndex, last: LogIndex): readonly Entry[] {
    return low > last ? [] : this.#log.entries(low, last + 1, Number.MAX_SAFE_INTEGER);
  }
}
