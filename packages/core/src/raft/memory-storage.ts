/** A storage in memory: for tests, the simulator, and as the read cache in front of a durable one. */
import { assert } from '../base/assert.ts';
import { fittingCount } from './entry-size.ts';
import {
  type ConfState,
  type Entry,
  type HardState,
  type LogIndex,
  type RaftStorage,
  RaftStorageError,
  type SnapshotMeta,
  type Term,
} from './types.ts';

/** No member. */
export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** Nothing known yet. */
export const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

/** Stands in the array for an entry that was dropped. */
const DROPPED: Entry = { type: 'normal', term: 0, index: 0, data: new Uint8Array() };

/** The front of the array is dropped once it is this long and half of the array: amortised O(1) compaction. */
const TRIM_AT = 4096;

/** Entries after a snapshot, the hard state, and the last snapshot's description. */
export class MemoryStorage implements RaftStorage {
  #hardState: HardState;
  #confState: ConfState;
  #snapshot: SnapshotMeta;
  /** Position before the first entry. */
  #beforeIndex: LogIndex;
  #beforeTerm: Term;
  #entries: Entry[] = [];
  #head = 0;

  /** Starts after `snapshot`; without one, empty and without members. */
  constructor(snapshot: SnapshotMeta = { index: 0, term: 0, confState: EMPTY_CONF_STATE }) {
    this.#snapshot = snapshot;
    this.#confState = snapshot.confState;
    this.#beforeIndex = snapshot.index;
    this.#beforeTerm = snapshot.term;
    this.#hardState = EMPTY_HARD_STATE;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState };
  }

  /** Records the configuration as of what the state machine has applied durably; a restart begins with it. */
  setConfState(confState: ConfState): void {
    this.#confState = confState;
  }

  /** Replaces the hard state. */
  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  firstIndex(): LogIndex {
    return this.#beforeIndex + 1;
  }

  lastIndex(): LogIndex {
    return this.#beforeIndex + this.#entries.length - this.#head;
  }

  term(index: LogIndex): Term {
    if (index < this.#beforeIndex) throw new RaftStorageError('compacted');
    if (index === this.#beforeIndex) return this.#beforeTerm;
    const entry = this.#entries[this.#head + index - this.firstIndex()];
    if (entry === undefined) throw new RaftStorageError('unavailable');
    return entry.term;
  }

  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] {
    if (low <= this.#beforeIndex) throw new RaftStorageError('compacted');
    if (high > this.lastIndex() + 1) throw new RaftStorageError('unavailable');
    const start = this.#head + low - this.firstIndex();
    const count = fittingCount(this.#entries, start, start + (high - low), maxBytes);
    return this.#entries.slice(start, start + count);
  }

  snapshot(): SnapshotMeta {
    return this.#snapshot;
  }

  /** Appends, replacing from the first entry's index on; what is compacted already is skipped. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined || last.index <= this.#beforeIndex) return;
    const fresh = first.index > this.#beforeIndex ? entries : entries.slice(this.firstIndex() - first.index);
    const start = fresh[0]?.index ?? this.firstIndex();
    assert(start <= this.lastIndex() + 1, `a gap in the stored log: ${start} after ${this.lastIndex()}`);
    this.#entries.length = this.#head + start - this.firstIndex();
    for (const entry of fresh) this.#entries.push(entry);
  }

  /** Forgets entries up to `index`. Throws `compacted` when they are gone already. */
  compact(index: LogIndex): void {
    if (index <= this.#beforeIndex) throw new RaftStorageError('compacted');
    if (index > this.lastIndex()) throw new RaftStorageError('unavailable');
    const term = this.term(index);
    const head = this.#head;
    this.#head += index - this.#beforeIndex;
    // What is dropped need not be small, and may stay in the array for long.
    this.#entries.fill(DROPPED, head, this.#head);
    this.#beforeIndex = index;
    this.#beforeTerm = term;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= TRIM_AT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Records a snapshot at `index`, an entry of the log. Throws `snapshotOutOfDate` when a newer one is there. */
  createSnapshot(index: LogIndex, confState: ConfState): SnapshotMeta {
    if (index <= this.#snapshot.index) throw new RaftStorageError('snapshotOutOfDate');
    this.#snapshot = { index, term: this.term(index), confState };
    this.#confState = confState;
    return this.#snapshot;
  }

  /** Replaces log and snapshot. Throws `snapshotOutOfDate` when it is not newer than the present one. */
  applySnapshot(snapshot: SnapshotMeta): void {
    if (snapshot.index <= this.#snapshot.index) throw new RaftStorageError('snapshotOutOfDate');
    this.#snapshot = snapshot;
    this.#confState = snapshot.confState;
    this.#beforeIndex = snapshot.index;
    this.#beforeTerm = snapshot.term;
    this.#entries = [];
    this.#head = 0;
  }
}
