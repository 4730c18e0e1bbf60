/**
 * The log as the protocol sees it: what the storage holds, then what is not durable yet, with the commit
 * and apply positions. Invariant: `applied <= applying <= committed <= lastIndex`.
 */
import { assert } from '../base/assert.ts';
import { entriesSize, entrySize } from './entry-size.ts';
import type { Entry, LogIndex, RaftStorage, SnapshotMeta, Term } from './types.ts';
import { Unstable, type UnstableImage } from './unstable.ts';

/** Positions in the log, and what is not in the storage, as plain data. */
export interface LogImage {
  readonly committed: LogIndex;
  readonly applying: LogIndex;
  readonly applied: LogIndex;
  readonly applyingBytes: number;
  readonly applyingPaused: boolean;
  readonly unstable: UnstableImage;
}

/** The log of one node. */
export class RaftLog {
  readonly storage: RaftStorage;
  readonly unstable: Unstable;
  /** Known to be committed. */
  committed: LogIndex;
  /** Handed out to be applied. */
  applying: LogIndex;
  /** Applied by the state machine. */
  applied: LogIndex;
  readonly #maxApplyingBytes: number;
  #applyingBytes = 0;
  #applyingPaused = false;

  /**
   * Starts where `storage` ends. Nothing up to `storage.firstIndex() - 1` is handed out to be applied.
   * `maxApplyingBytes` bounds the payload handed out and not yet reported as applied.
   */
  constructor(storage: RaftStorage, maxApplyingBytes: number) {
    this.storage = storage;
    this.#maxApplyingBytes = maxApplyingBytes;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const before = storage.firstIndex() - 1;
    this.committed = before;
    this.applying = before;
    this.applied = before;
  }

  /** Index of the first entry that is not compacted. */
  firstIndex(): LogIndex {
    return this.unstable.firstIndex() ?? this.storage.firstIndex();
  }

  /** Index of the last entry, durable or not. */
  lastIndex(): LogIndex {
    return this.unstable.lastIndex() ?? this.storage.lastIndex();
  }

  /** Term of the last entry. */
  lastTerm(): Term {
    const term = this.term(this.lastIndex());
    assert(term !== undefined, 'the term of the last entry is unknown');
    return term;
  }

  /** Term at `index`, also for the position before the first entry; undefined outside the log. */
  term(index: LogIndex): Term | undefined {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.storage.term(index);
  }

  /** Whether the entry at `index` has `term`. */
  matches(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Whether a log ending in (`index`, `term`) is at least as up to date as this one (Raft section 5.4.1). */
  isUpToDate(index: LogIndex, term: Term): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  /** Appends at the leader; entries follow the last one. Returns the new last index. */
  append(entries: readonly Entry[]): LogIndex {
    const first = entries[0];
    if (first === undefined) return this.lastIndex();
    assert(first.index > this.committed, `entry ${first.index} would replace a committed one (${this.committed})`);
    this.unstable.truncateAndAppend(entries);
    return this.lastIndex();
  }

  /**
   * Appends at a follower what comes after (`index`, `term`), replacing from the first conflict on (Raft
   * section 5.3). `mismatch` when the log does not hold that position, `conflict` when a committed entry
   * would have to change, which no correct leader asks for. Otherwise the index of the last new entry.
   */
  maybeAppend(
    index: LogIndex,
    term: Term,
    entries: readonly Entry[],
    commit: LogIndex,
  ): { readonly result: 'mismatch' | 'conflict' } | { readonly result: 'appended'; readonly last: LogIndex } {
    if (!this.matches(index, term)) return { result: 'mismatch' };
    const last = index + entries.length;
    const conflict = this.#firstDifference(entries);
    if (conflict !== undefined) {
      const at = conflict - index - 1;
      if (conflict <= this.committed) return { result: 'conflict' };
      this.append(at === 0 ? entries : entries.slice(at));
    }
    this.commitTo(Math.min(commit, last));
    return { result: 'appended', last };
  }

  /** Index of the first entry that is not in the log as given. */
  #firstDifference(entries: readonly Entry[]): LogIndex | undefined {
    const first = entries[0];
    // The usual case: everything is new.
    if (first !== undefined && first.index > this.lastIndex()) return first.index;
    for (const entry of entries) {
      if (!this.matches(entry.index, entry.term)) return entry.index;
    }
    return undefined;
  }

  /**
   * The highest index up to `index` whose term is at most `term`: where a search for the common prefix
   * goes on. The term is zero when it is not known (compacted).
   */
  findConflictByTerm(index: LogIndex, term: Term): { readonly index: LogIndex; readonly term: Term } {
    for (let at = index; at > 0; at--) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Raises the commit index. It must lie within the log. */
  commitTo(index: LogIndex): void {
    if (index <= this.committed) return;
    assert(index <= this.lastIndex(), `commit ${index} is beyond the log's end ${this.lastIndex()}`);
    this.committed = index;
  }

  /** Raises the commit index to `index` if that entry is of `term` (Raft section 5.4.2). */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (index <= this.committed || !this.matches(index, term)) return false;
    this.committed = index;
    return true;
  }

  /** Entries from `low` on, up to `maxBytes` beyond the first; undefined when `low` is compacted. */
  entriesFrom(low: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    const last = this.lastIndex();
    if (low > last) return [];
    if (low < this.firstIndex()) return undefined;
    return this.slice(low, last + 1, maxBytes);
  }

  /** Entries in `[low, high)`, which must be in the log, at least one of a non-empty range. */
  slice(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] {
    if (low >= high) return [];
    const offset = this.unstable.offset;
    if (low >= offset) return this.unstable.slice(low, high, maxBytes);
    const storedEnd = Math.min(high, offset);
    const stored = this.storage.entries(low, storedEnd, maxBytes);
    if (storedEnd === high || stored.length < storedEnd - low) return stored;
    const left = maxBytes === Number.POSITIVE_INFINITY ? maxBytes : maxBytes - entriesSize(stored);
    if (left <= 0) return stored;
    const rest = this.unstable.slice(offset, high, left);
    const only = rest[0];
    if (rest.length === 1 && only !== undefined && entrySize(only) > left) return stored;
    return stored.concat(rest);
  }

  /** Whether a snapshot waits to be installed. */
  hasPendingSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /** The snapshot to send to a follower. Throws like {@link RaftStorage.snapshot}. */
  snapshot(): SnapshotMeta {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  /** The last index that may be handed out: with `allowUnstable` also what is not durable yet. */
  maxAppliable(allowUnstable: boolean): LogIndex {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** Whether {@link nextCommitted} has something. */
  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.hasPendingSnapshot()) return false;
    return this.maxAppliable(allowUnstable) > this.applying;
  }

  /** Committed entries to hand out, within what may be under way. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const budget = this.#maxApplyingBytes - this.#applyingBytes;
    return this.slice(this.applying + 1, this.maxAppliable(allowUnstable) + 1, budget);
  }

  /** Notes that entries up to `index`, of `bytes` payload, were handed out. */
  acceptApplying(index: LogIndex, bytes: number, allowUnstable: boolean): void {
    assert(index <= this.committed, `applying ${index} beyond commit ${this.committed}`);
    this.applying = index;
    this.#applyingBytes += bytes;
    // Stopping short of what is appliable means that the next entry did not fit.
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes || index < this.maxAppliable(allowUnstable);
  }

  /** Notes that the state machine has applied up to `index`, which releases `bytes` of payload. */
  appliedTo(index: LogIndex, bytes: number): void {
    assert(
      index >= this.applied && index <= this.committed,
      `applied ${index} is not in [${this.applied}, ${this.committed}]`,
    );
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(this.#applyingBytes - bytes, 0);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  /** All that is not in the storage as plain data. */
  image(): LogImage {
    const { committed, applying, applied } = this;
    const bytes = { applyingBytes: this.#applyingBytes, applyingPaused: this.#applyingPaused };
    return { committed, applying, applied, ...bytes, unstable: this.unstable.image() };
  }

  /** Replaces the log by a snapshot, to be installed. */
  restore(snapshot: SnapshotMeta): void {
    this.committed = snapshot.index;
    this.unstable.restore(snapshot);
  }
}
