/**
 * S1, log matching: two logs with an entry of the same index and term are the same up to there (Raft figure
 * 3). By induction it is enough that such entries are the same and follow an entry of the same term.
 * And leader append-only: a leader never replaces an entry of its own log.
 */
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { Entry, LogIndex, Term } from '@n3x/core/raft/types';
import { type ObservedHost, Violation } from '../world/observer.ts';
import type { LogView } from './log-views.ts';

/** Names of the rules. */
export const LOG_MATCHING = 'S1 log-matching';
export const LEADER_APPEND_ONLY = 'S1 leader-append-only';

/** Entries further back than this are forgotten: no log is so long. */
const KEPT = 25_000;

interface Known {
  readonly entry: Entry;
  readonly termBefore: Term;
  readonly writer: string;
}

/** Compares every entry that any host writes with the one that was first seen at its index and term. */
export class LogMatching {
  readonly #known = new Map<LogIndex, Known[]>();
  #lowest = 1;
  #highest = 0;

  /** A write leaves `host`; `log` is what it had before. */
  writing(host: ObservedHost, write: StorageWrite, log: LogView): void {
    const first = write.entries?.[0];
    if (write.entries === undefined || first === undefined) return;
    const status = host.loop?.status;
    if (status?.role === 'leader' && write.snapshot === undefined && first.index <= log.lastIndex) {
      const text = `${host.name} leads in term ${status.term} and replaces entry ${first.index} of ${log.lastIndex}`;
      throw new Violation(LEADER_APPEND_ONLY, text);
    }
    let termBefore = write.snapshot === undefined ? log.term(first.index - 1) : write.snapshot.meta.term;
    for (const entry of write.entries) {
      if (termBefore === undefined)
        throw new Violation(LOG_MATCHING, `${host.name}: entry ${entry.index} leaves a gap`);
      this.#check(host, entry, termBefore);
      termBefore = entry.term;
    }
    this.#prune();
  }

  #check(host: ObservedHost, entry: Entry, termBefore: Term): void {
    const { index, term } = entry;
    this.#highest = Math.max(this.#highest, index);
    const all = this.#known.get(index);
    const known = all?.find((other) => other.entry.term === term);
    if (known === undefined) {
      const added = { entry, termBefore, writer: host.name };
      if (all === undefined) this.#known.set(index, [added]);
      else all.push(added);
      return;
    }
    if (known.termBefore !== termBefore) {
      const text = `entry ${index} of term ${term} follows term ${known.termBefore} on ${known.writer} and ${termBefore} on ${host.name}`;
      throw new Violation(LOG_MATCHING, text);
    }
    if (known.entry !== entry && !sameEntry(known.entry, entry)) {
      throw new Violation(LOG_MATCHING, `entry ${index} of term ${term} differs on ${known.writer} and ${host.name}`);
    }
  }

  #prune(): void {
    for (; this.#lowest < this.#highest - KEPT; this.#lowest++) this.#known.delete(this.#lowest);
  }
}

/** Whether two entries carry the same. */
export function sameEntry(a: Entry, b: Entry): boolean {
  if (a.type === 'normal' && b.type === 'normal') {
    return a.data.length === b.data.length && a.data.every((byte, at) => byte === b.data[at]);
  }
  if (a.type === 'confChange' && b.type === 'confChange') {
    return JSON.stringify(a.change.changes) === JSON.stringify(b.change.changes);
  }
  return false;
}
