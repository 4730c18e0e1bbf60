/**
 * S1, leader completeness: what was committed in a term is in the log of every leader of a later one; and
 * what it serves: no two hosts ever take different entries for committed at the same index (Raft figure 3).
 */
import type { LoopStatus } from '@n3x/core/loop/host-loop';
import type { Entry, LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import { type ObservedHost, Violation } from '../world/observer.ts';
import { sameEntry } from './log-matching.ts';
import type { LogView } from './log-views.ts';

/** Names of the rules. */
export const LEADER_COMPLETENESS = 'S1 leader-completeness';
export const COMMITTED_AGREE = 'S1 state-machine-safety';

/** Entries further back than this are forgotten, so many at a time: longer than any log is. */
const KEPT = 25_000;
const FORGOTTEN_AT_ONCE = 5_000;

interface Committed {
  readonly entry: Entry;
  /** The lowest term in which somebody knew it to be committed. */
  inTerm: Term;
}

/** The one committed log, as it comes to be known. */
export class CommittedLog {
  #entries: Committed[] = [];
  #base: LogIndex;
  readonly #knownTo = new Map<NodeId, LogIndex>();
  readonly #leading = new Map<NodeId, Term>();

  /** The log of a cluster begins after `base`. */
  constructor(base: LogIndex) {
    this.#base = base;
  }

  /** Highest index known to be committed. */
  get lastIndex(): LogIndex {
    return this.#base + this.#entries.length;
  }

  /** The committed entry at `index`. */
  entry(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#base - 1]?.entry;
  }

  /** The daemon of `host` starts over: it may learn again what is committed. */
  started(host: ObservedHost): void {
    this.#knownTo.delete(host.id);
    this.#leading.delete(host.id);
  }

  /** A host stands where `status` says, with `log`. */
  settled(host: ObservedHost, status: LoopStatus, log: LogView): void {
    const { role, term, commitIndex } = status;
    if (role === 'leader' && this.#leading.get(host.id) !== term) {
      this.#leading.set(host.id, term);
      this.#elected(host, term, log);
    }
    const from = this.#knownTo.get(host.id) ?? log.baseIndex;
    if (commitIndex <= from) return;
    this.#knownTo.set(host.id, commitIndex);
    for (let index = Math.max(from, log.baseIndex) + 1; index <= commitIndex; index++) {
      this.#commit(host, index, log.entry(index), term);
    }
  }

  #commit(host: ObservedHost, index: LogIndex, entry: Entry | undefined, term: Term): void {
    if (entry === undefined) {
      throw new Violation(COMMITTED_AGREE, `${host.name} takes entry ${index} for committed and has no such entry`);
    }
    if (index <= this.#base) return;
    const known = this.#entries[index - this.#base - 1];
    if (known === undefined) {
      if (index !== this.lastIndex + 1) {
        throw new Violation(COMMITTED_AGREE, `${host.name} knows entry ${index} as committed, nobody those before it`);
      }
      this.#entries.push({ entry, inTerm: term });
      if (this.#entries.length >= KEPT + FORGOTTEN_AT_ONCE) {
        this.#entries = this.#entries.slice(FORGOTTEN_AT_ONCE);
        this.#base += FORGOTTEN_AT_ONCE;
      }
      return;
    }
    known.inTerm = Math.min(known.inTerm, term);
    if (known.entry === entry) return;
    if (known.entry.term !== entry.term || !sameEntry(known.entry, entry)) {
      const text = `entry ${index} is committed with term ${known.entry.term}, and with term ${entry.term} on ${host.name}`;
      throw new Violation(COMMITTED_AGREE, text);
    }
  }

  #elected(host: ObservedHost, term: Term, log: LogView): void {
    for (let index = Math.max(this.#base, log.baseIndex) + 1; index <= this.lastIndex; index++) {
      const committed = this.#entries[index - this.#base - 1];
      if (committed === undefined || committed.inTerm >= term) continue;
      const has = log.term(index);
      if (has === committed.entry.term) continue;
      const what = has === undefined ? 'lacks it' : `has one of term ${has}`;
      const text = `${host.name} leads in term ${term}; entry ${index} was committed in term ${committed.inTerm}, its log ${what}`;
      throw new Violation(LEADER_COMPLETENESS, text);
    }
  }
}
