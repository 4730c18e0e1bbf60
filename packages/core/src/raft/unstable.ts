/**
 * The part of the log that is not durable yet: a snapshot to install, entries to append, and how far each
 * was handed out for writing. Entries stay here until the storage says that they, and not an earlier
 * version of them, are on disk.
 */
import { assert } from '../base/assert.ts';
import { fittingCount } from './entry-size.ts';
import type { Entry, LogIndex, SnapshotMeta, Term } from './types.ts';

/** Drop the consumed front of the array only once it is this long and half of the array: amortised O(1). */
const TRIM_AT = 1024;

/** The part of the log that is not durable, as plain data. */
export interface UnstableImage {
  readonly offset: LogIndex;
  readonly offsetInProgress: LogIndex;
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMeta | null;
  readonly snapshotInProgress: boolean;
}

/** Owned by the log. */
export class Unstable {
  /** To be installed in place of everything before it. */
  snapshot: SnapshotMeta | undefined;
  #snapshotInProgress = false;
  #entries: Entry[] = [];
  /** Where in `#entries` the entry with index `#offset` stands. */
  #head = 0;
  #offset: LogIndex;
  #offsetInProgress: LogIndex;

  /** `offset` is the index of the first entry that is not durable. */
  constructor(offset: LogIndex) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }

  /** Index of the first entry held here, or of the next one to come. */
  get offset(): LogIndex {
    return this.#offset;
  }

  /** How many entries are held. */
  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** Index of the first entry if only the snapshot tells it. */
  firstIndex(): LogIndex | undefined {
    return this.snapshot === undefined ? undefined : this.snapshot.index + 1;
  }

  /** Index of the last entry or of the snapshot, if there is either. */
  lastIndex(): LogIndex | undefined {
    if (this.length > 0) return this.#offset + this.length - 1;
    return this.snapshot?.index;
  }

  /** Term at `index`, if it is known here. */
  term(index: LogIndex): Term | undefined {
    if (index < this.#offset) return this.snapshot?.index === index ? this.snapshot.term : undefined;
    return this.#entries[this.#head + index - this.#offset]?.term;
  }

  /** Entries that were not handed out for writing. */
  nextEntries(): readonly Entry[] {
    return this.hasNextEntries() ? this.#entries.slice(this.#head + this.#offsetInProgress - this.#offset) : [];
  }

  /** Whether some entries were not handed out. */
  hasNextEntries(): boolean {
    return this.#offset + this.length > this.#offsetInProgress;
  }

  /** The snapshot, if it was not handed out. */
  nextSnapshot(): SnapshotMeta | undefined {
    return this.#snapshotInProgress ? undefined : this.snapshot;
  }

  /** Everything held now has been handed out for writing. */
  acceptInProgress(): void {
    if (this.length > 0) this.#offsetInProgress = this.#offset + this.length;
    if (this.snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /**
   * The storage holds the log up to `index` with `term` there: forget it here. Ignored when the entry here
   * is another one, or gone, because then that write has been overtaken.
   */
  stableTo(index: LogIndex, term: Term): void {
    if (index < this.#offset || this.term(index) !== term) return;
    const count = index + 1 - this.#offset;
    this.#head += count;
    this.#offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= TRIM_AT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The snapshot at `index` is installed. */
  stableSnapshotTo(index: LogIndex): void {
    if (this.snapshot?.index !== index) return;
    this.snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** All of it as plain data. */
  image(): UnstableImage {
    return {
      offset: this.#offset,
      offsetInProgress: this.#offsetInProgress,
      entries: this.#entries.slice(this.#head),
      snapshot: this.snapshot ?? null,
      snapshotInProgress: this.#snapshotInProgress,
    };
  }

  /** Replaces everything by a snapshot. */
  restore(snapshot: SnapshotMeta): void {
    this.#entries = [];
    this.#head = 0;
    this.#offset = snapshot.index + 1;
    this.#offsetInProgress = this.#offset;
    this.snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Appends `entries`, which replace what is held from the first one's index on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const end = this.#offset + this.length;
    if (first.index <= this.#offset) {
      this.#entries = entries.slice();
      this.#head = 0;
      this.#offset = first.index;
      this.#offsetInProgress = first.index;
      return;
    }
    assert(first.index <= end, `a gap in the log: ${first.index} after ${end - 1}`);
    if (first.index < end) {
      // What was handed out from here on has to be written again.
      this.#entries.length = this.#head + first.index - this.#offset;
      this.#offsetInProgress = Math.min(this.#offsetInProgress, first.index);
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Entries in `[low, high)`, at least one of a non-empty range and at most `maxBytes` beyond the first. */
  slice(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] {
    assert(low >= this.#offset && high <= this.#offset + this.length, `[${low}, ${high}) is not in the unstable log`);
    const start = this.#head + low - this.#offset;
    const count = fittingCount(this.#entries, start, start + (high - low), maxBytes);
    return this.#entries.slice(start, start + count);
  }
}
