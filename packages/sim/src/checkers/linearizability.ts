/**
 * S2: each object's history is linearizable. Objects are independent, so each is searched by itself
 * (locality). The search follows the run: what began before the oldest operation that is still under way is
 * judged and forgotten, so a violation ends the run soon after it happened.
 */
import type { History, Moment, Recorded } from '../workloads/history.ts';
import { Violation } from '../world/observer.ts';
import { LOCK_MODEL } from './lock-model.ts';
import { type ObjectModel, PROJECT_MODEL, TOKEN_MODEL, VM_MODEL } from './object-models.ts';
import { ObjectSearch, type Verdict } from './object-search.ts';

/** Name of the rule. */
export const LINEARIZABILITY = 'S2 linearizability';

/** Operations of an object that are kept, to tell a violation by. */
const RECENT = 60;

/** A search whatever the object is. */
interface AnySearch {
  readonly verdict: Verdict;
  readonly size: number;
  tell(moment: Moment): void;
}

/** Judges a history while it grows. */
export class LinearizabilityJudge {
  readonly #history: History;
  readonly #searches = new Map<string, { readonly search: AnySearch; readonly recent: Recorded[] }>();

  constructor(history: History) {
    this.#history = history;
  }

  /** What the searches came to so far, by object. */
  get counts(): { readonly searched: number; readonly gaveUp: number } {
    const all = [...this.#searches.values()];
    return { searched: all.length, gaveUp: all.filter(({ search }) => search.verdict.type === 'gaveUp').length };
  }

  /** Configurations that are possible now, over all objects: the memory that the searches take. */
  get configurations(): number {
    return [...this.#searches.values()].reduce((sum, { search }) => sum + search.size, 0);
  }

  /** Goes through all of which everything is known. Throws a {@link Violation}. */
  judge(): void {
    for (const moment of this.#history.takeSettled()) this.#tell(moment);
  }

  /** As {@link judge}, and what has no answer by now will never have one. */
  finish(): void {
    this.#history.abandonAll();
    this.judge();
  }

  #tell(moment: Moment): void {
    const { recorded } = moment;
    const { object } = recorded.operation;
    let found = this.#searches.get(object);
    if (found === undefined) {
      found = { search: searchOf(object), recent: [] };
      this.#searches.set(object, found);
    }
    const { search, recent } = found;
    if (!moment.isReturn) recent.push(recorded);
    if (recent.length > RECENT) recent.shift();
    search.tell(moment);
    const { verdict } = search;
    if (verdict.type !== 'violated') return;
    throw new Violation(LINEARIZABILITY, `${object}: ${describe(verdict.at, recent)}`);
  }
}

function searchOf(object: string): AnySearch {
  if (object.startsWith('vm/')) return new ObjectSearch(VM_MODEL);
  if (object.startsWith('project/')) return new ObjectSearch(PROJECT_MODEL);
  return object.startsWith('lock/') ? new ObjectSearch(LOCK_MODEL) : new ObjectSearch(TOKEN_MODEL);
}

/** Searches the history of one object, all of it. */
export function searchHistory<State>(model: ObjectModel<State>, history: readonly Recorded[]): Verdict {
  const moments = history.flatMap((recorded) => {
    const began = { at: recorded.invokedAt, recorded, isReturn: false };
    const ended = { at: recorded.returnedAt, recorded, isReturn: true };
    return recorded.answer === undefined ? [began] : [began, ended];
  });
  const search = new ObjectSearch(model);
  for (const moment of moments.sort((a, b) => a.at - b.at)) search.tell(moment);
  return search.verdict;
}

/** Searches a history that has come to its end. Throws a {@link Violation}; answers how many were searched and given up. */
export function checkLinearizability(history: History): { readonly searched: number; readonly gaveUp: number } {
  const judge = new LinearizabilityJudge(history);
  judge.finish();
  return judge.counts;
}

function describe(at: Recorded, history: readonly Recorded[]): string {
  const line = ({ requestId, operation, answer, invokedAtMs, returnedAtMs }: Recorded): string => {
    const what = operation.type === 'read' ? 'read' : JSON.stringify({ ...operation.command, spec: undefined });
    return `${requestId} [${Math.round(invokedAtMs)}..${Math.round(returnedAtMs)} ms] ${what} -> ${JSON.stringify(answer)}`;
  };
  const around = history.filter((other) => other.returnedAt > at.invokedAt - 40 && other.invokedAt < at.returnedAt);
  return `no order explains ${line(at)}; around it: ${around.map(line).join(' ; ')}`;
}
