/** The log of every host as handed to its disk, for the checkers: what a host may act upon, durable or not. */
import type { StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { Entry, LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import { type ObservedHost, Violation, type WorldObserver } from '../world/observer.ts';

/** The log of one host. */
export class LogView {
  #baseIndex: LogIndex;
  #baseTerm: Term;
  #entries: Entry[];

  constructor(stored: StoredState) {
    this.#baseIndex = stored.compacted.index;
    this.#baseTerm = stored.compacted.term;
    this.#entries = [...stored.entries];
  }

  get baseIndex(): LogIndex {
    return this.#baseIndex;
  }

  get lastIndex(): LogIndex {
    return this.#baseIndex + this.#entries.length;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Term at `index`; undefined outside. */
  term(index: LogIndex): Term | undefined {
    return index === this.#baseIndex ? this.#baseTerm : this.entry(index)?.term;
  }

  /** The entry at `index`; undefined outside. */
  entry(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#baseIndex - 1];
  }

  /** Takes a write over. */
  write({ snapshot, entries, compact }: StorageWrite): void {
    if (snapshot !== undefined) {
      this.#baseIndex = snapshot.meta.index;
      this.#baseTerm = snapshot.meta.term;
      this.#entries = [];
    }
    const first = entries?.[0];
    if (entries !== undefined && first !== undefined) {
      const kept = first.index - this.#baseIndex - 1;
      if (kept < 0 || kept > this.#entries.length) {
        throw new Violation('log-matching', `entry ${first.index} leaves a gap after ${this.lastIndex}`);
      }
      this.#entries.length = kept;
      for (const entry of entries) this.#entries.push(entry);
    }
    if (compact !== undefined && compact.index > this.#baseIndex) {
      this.#entries.splice(0, compact.index - this.#baseIndex);
      this.#baseIndex = compact.index;
      this.#baseTerm = compact.term;
    }
  }
}

/** All logs. To be told before every checker that reads them of a start, and after those that compare a write with what was there. */
export class LogViews implements WorldObserver {
  readonly #views = new Map<NodeId, LogView>();

  started(host: ObservedHost, stored: StoredState): void {
    this.#views.set(host.id, new LogView(stored));
  }

  discarded(host: ObservedHost): void {
    this.#views.delete(host.id);
  }

  writing(host: ObservedHost, write: StorageWrite): void {
    this.of(host).write(write);
  }

  /** The log of `host`. */
  of(host: ObservedHost): LogView {
    return this.ofId(host.id);
  }

  /** The log of the host with this id. */
  ofId(id: NodeId): LogView {
    const view = this.#views.get(id);
    if (view === undefined) throw new Error(`host ${id} never started`);
    return view;
  }
}
