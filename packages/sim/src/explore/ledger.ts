/**
 * What a path has to be held to besides the nodes as they are: who led, what was committed, what reads have
 * to see. A ledger belongs to the state, since two paths to the same nodes may owe different things.
 */
import type { LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import { COMMITTED_AGREE, LEADER_COMPLETENESS } from '../checkers/committed-log.ts';
import { ELECTION_SAFETY } from '../checkers/election-safety.ts';
import { LINEARIZABILITY } from '../checkers/linearizability.ts';
import { LEADER_APPEND_ONLY, LOG_MATCHING } from '../checkers/log-matching.ts';
import { Violation } from '../world/observer.ts';
import type { NodeView, Transition } from './node-table.ts';

/** Plain data; lists ascend by term, index and context. */
export interface Ledger {
  readonly leaders: readonly { readonly id: NodeId; readonly term: Term }[];
  /** From the first index on that is not in everybody's first state. */
  readonly committed: readonly {
    /** Number of the entry. */
    readonly entry: number;
    /** The lowest term in which a node knew it to be committed. */
    readonly inTerm: Term;
  }[];
  /** Reads under way, with the highest index that was known as committed when each began. */
  readonly reads: readonly { readonly context: string; readonly least: LogIndex }[];
}

/** Nothing yet. */
export const EMPTY_LEDGER: Ledger = { leaders: [], committed: [], reads: [] };

/** A move of one node in the group. */
export interface Move {
  readonly before: NodeView;
  readonly after: NodeView;
  readonly transition: Transition;
  /** All nodes as they are now. */
  readonly nodes: readonly NodeView[];
}

/** Holds moves to the rules. */
export class Rules {
  readonly #base: LogIndex;
  /** Whether the configuration stays as it is, so that a majority is the same at all times. */
  readonly #majority: number | null;
  readonly #matching = new Map<string, string | null>();

  /** `base` is the index of the first state; `majority` how many nodes hold what is committed, null when that varies. */
  constructor(base: LogIndex, majority: number | null) {
    this.#base = base;
    this.#majority = majority;
  }

  /** The ledger after a move. Throws a {@link Violation} for a move that breaks a rule. */
  after(ledger: Ledger, move: Move): Ledger {
    const { before, after, transition } = move;
    appendsOnly(before, after);
    if (!sameLog(before, after)) for (const other of move.nodes) this.#match(after, other);
    const committed = this.#committed(ledger, move);
    const leaders = this.#led({ ...ledger, committed }, move);
    const reads = transition.reads.length === 0 ? ledger.reads : answered(ledger, transition, after.id);
    if (committed.length > 0) this.#kept(committed, move.nodes);
    const same = committed === ledger.committed && leaders === ledger.leaders && reads === ledger.reads;
    return same ? ledger : { leaders, committed, reads };
  }

  /** The ledger once a read has begun. */
  reading(ledger: Ledger, context: string): Ledger {
    const least = this.#base + ledger.committed.length;
    return { ...ledger, reads: [...ledger.reads, { context, least }] };
  }

  #led({ leaders, committed }: Ledger, { before, after }: Move): Ledger['leaders'] {
    if (after.role !== 'leader') return leaders;
    if (before.role === 'leader' && before.term === after.term) return leaders;
    this.#complete(after, committed);
    const other = leaders.find(({ term }) => term === after.term);
    if (other === undefined) {
      return [...leaders, { id: after.id, term: after.term }].sort((a, b) => a.term - b.term);
    }
    if (other.id !== after.id) {
      throw new Violation(ELECTION_SAFETY, `${other.id} and ${after.id} both lead in term ${after.term}`);
    }
    return leaders;
  }

  /** A leader has what was committed in earlier terms. */
  #complete(leader: NodeView, committed: Ledger['committed']): void {
    committed.forEach(({ entry, inTerm }, at) => {
      const index = this.#base + 1 + at;
      if (inTerm >= leader.term || index <= leader.beforeIndex) return;
      const own = leader.log[index - leader.beforeIndex - 1];
      if (own === entry) return;
      const what = own === undefined ? 'lacks it' : 'has another';
      const text = `${leader.id} leads in term ${leader.term}; entry ${index} was committed in term ${inTerm}, its log ${what}`;
      throw new Violation(LEADER_COMPLETENESS, text);
    });
  }

  #committed({ committed }: Ledger, { before, after, nodes }: Move): Ledger['committed'] {
    if (after.committed <= before.committed) return committed;
    const list = committed.slice();
    let changed = false;
    for (let index = Math.max(before.committed, after.beforeIndex, this.#base) + 1; index <= after.committed; index++) {
      const entry = after.log[index - after.beforeIndex - 1];
      const known = list[index - this.#base - 1];
      if (entry === undefined || (known === undefined && index !== this.#base + 1 + list.length)) {
        throw new Violation(
          COMMITTED_AGREE,
          `${after.id} takes entry ${index} for committed and nobody has those before`,
        );
      }
      if (known !== undefined && known.entry !== entry) {
        throw new Violation(
          COMMITTED_AGREE,
          `entry ${index} is committed, and ${after.id} takes another for committed`,
        );
      }
      if (known !== undefined && known.inTerm <= after.term) continue;
      list[index - this.#base - 1] = { entry, inTerm: after.term };
      changed = true;
    }
    if (!changed) return committed;
    for (const node of nodes) if (node.role === 'leader') this.#complete(node, list);
    return list;
  }

  /** What is committed is durable on a majority, now and for ever. */
  #kept(committed: Ledger['committed'], nodes: readonly NodeView[]): void {
    const majority = this.#majority;
    if (majority === null) return;
    committed.forEach(({ entry }, at) => {
      const index = this.#base + 1 + at;
      let holders = 0;
      for (const { durable } of nodes) {
        if (index <= durable.beforeIndex || durable.log[index - durable.beforeIndex - 1] === entry) holders++;
      }
      if (holders >= majority) return;
      throw new Violation(COMMITTED_AGREE, `entry ${index} was committed and is on the disks of ${holders} nodes only`);
    });
  }

  /** Logs with an entry of the same index and term are the same up to there. */
  #match(a: NodeView, b: NodeView): void {
    if (a.id === b.id || a.log.length === 0 || b.log.length === 0) return;
    const key = `${a.beforeIndex}/${a.beforeTerm}:${a.log.join(',')} ${b.beforeIndex}/${b.beforeTerm}:${b.log.join(',')}`;
    let found = this.#matching.get(key);
    if (found === undefined) {
      found = mismatch(a, b);
      this.#matching.set(key, found);
    }
    if (found !== null) throw new Violation(LOG_MATCHING, found);
  }
}

function answered(ledger: Ledger, { reads }: Transition, id: NodeId): Ledger['reads'] {
  for (const { context, index } of reads) {
    const begun = ledger.reads.find((read) => read.context === context);
    if (begun !== undefined && index < begun.least) {
      const text = `${id} may answer read ${context} as of ${index}, and ${begun.least} was committed when it began`;
      throw new Violation(LINEARIZABILITY, text);
    }
  }
  return ledger.reads.filter(({ context }) => !reads.some((read) => read.context === context));
}

/** A leader replaces nothing of its own log. */
function appendsOnly(before: NodeView, after: NodeView): void {
  if (before.role !== 'leader' || after.role !== 'leader' || before.term !== after.term) return;
  const shift = after.beforeIndex - before.beforeIndex;
  for (let at = Math.max(0, shift); at < before.log.length; at++) {
    if (after.log[at - shift] === before.log[at]) continue;
    const text = `${after.id} leads in term ${after.term} and replaces entry ${before.beforeIndex + 1 + at}`;
    throw new Violation(LEADER_APPEND_ONLY, text);
  }
}

function sameLog(a: NodeView, b: NodeView): boolean {
  if (a.beforeIndex !== b.beforeIndex || a.log.length !== b.log.length) return false;
  return a.log.every((entry, at) => entry === b.log[at]);
}

function mismatch(a: NodeView, b: NodeView): string | null {
  const first = Math.max(a.beforeIndex, b.beforeIndex) + 1;
  const last = Math.min(a.beforeIndex + a.log.length, b.beforeIndex + b.log.length);
  let shared = false;
  for (let index = last; index >= first; index--) {
    const [x, y] = [a.log[index - a.beforeIndex - 1], b.log[index - b.beforeIndex - 1]];
    const [xTerm, yTerm] = [a.logTerms[index - a.beforeIndex - 1], b.logTerms[index - b.beforeIndex - 1]];
    if (x === y) {
      shared = true;
      continue;
    }
    if (shared) return `${a.id} and ${b.id} have the same entry after ${index}, and different ones at ${index}`;
    if (xTerm === yTerm) return `${a.id} and ${b.id} have different entries ${index} of term ${xTerm}`;
  }
  return null;
}
