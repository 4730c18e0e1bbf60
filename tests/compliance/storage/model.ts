/** What the storage port promises, said in the plainest way: the state after some writes. */
import type { StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { Entry } from '@n3x/core/raft/types';

const EMPTY: StoredState = {
  hardState: { term: 0, vote: 0, commit: 0 },
  compacted: { index: 0, term: 0 },
  entries: [],
  applied: {
    index: 0,
    term: 0,
    confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  },
  records: new Map(),
};

/** A stored state, and how a write changes it. */
export class StorageModel {
  #state: StoredState;

  /** Starts from an empty store, or from `state`. */
  constructor(state: StoredState = EMPTY) {
    this.#state = state;
  }

  get state(): StoredState {
    return this.#state;
  }

  get lastIndex(): number {
    return this.#state.entries.at(-1)?.index ?? this.#state.compacted.index;
  }

  /** The term of an entry that is there, or of the position before the first. */
  term(index: number): number {
    const { compacted, entries } = this.#state;
    return entries.find((entry) => entry.index === index)?.term ?? compacted.term;
  }

  apply(write: StorageWrite): void {
    let { hardState, compacted, entries, applied } = this.#state;
    let records = new Map(this.#state.records);
    if (write.snapshot !== undefined) {
      const { meta } = write.snapshot;
      entries = [];
      compacted = { index: meta.index, term: meta.term };
      applied = meta;
      records = new Map(write.snapshot.records);
    }
    const first = write.entries?.[0]?.index ?? Number.POSITIVE_INFINITY;
    entries = [...entries.filter((entry) => entry.index < first), ...(write.entries ?? [])];
    hardState = write.hardState ?? hardState;
    applied = write.applied?.meta ?? applied;
    for (const [name, value] of write.applied?.changes ?? []) {
      if (value === null) records.delete(name);
      else records.set(name, value);
    }
    const { compact } = write;
    if (compact !== undefined && compact.index > compacted.index) {
      compacted = { index: compact.index, term: compact.term };
      entries = entries.filter((entry) => entry.index > compact.index);
    }
    this.#state = { hardState, compacted, entries, applied, records };
  }
}

/** A state in a form that compares by value and prints short: bytes in hex, records by name. */
export function describeState(state: StoredState): unknown {
  return {
    hardState: { ...state.hardState },
    compacted: { ...state.compacted },
    entries: state.entries.map(describeEntry),
    applied: { index: state.applied.index, term: state.applied.term, confState: { ...state.applied.confState } },
    records: [...state.records].map(([name, value]) => `${name}=${hex(value)}`).sort(),
  };
}

function describeEntry(entry: Entry): string {
  const what =
    entry.type === 'normal' ? hex(entry.data) : JSON.stringify({ ...entry.change, context: hex(entry.change.context) });
  return `${entry.term}/${entry.index} ${what}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
