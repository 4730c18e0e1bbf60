/**
 * The search for an order that explains the history of one object (Herlihy and Wing 1990). It goes through
 * invocations and answers as they happened and keeps every configuration that is still possible: a state of
 * the object, and which of the open operations have taken effect. At an answer, open operations are let take
 * effect in every order until the answered one has (Wing and Gong's search, made just in time as in Lowe 2017).
 *
 * Its memory is the configurations, each kept once. Operations that will never be answered stay open for
 * ever; a configuration that has used up more of them than another one, and is the same otherwise, can
 * explain nothing that the other cannot, and is dropped. So a history may be as long as it likes: what has
 * been gone through can be forgotten.
 */
import type { Moment, Recorded } from '../workloads/history.ts';
import type { ObjectModel } from './object-models.ts';

/** Configurations at once after which a search gives up: a history with too much at the same time. */
const CONFIGURATIONS_MAX = 200_000;

interface Configuration<State> {
  readonly state: State;
  /** Open operations with an answer to come that have taken effect. */
  readonly answered: ReadonlySet<Recorded>;
  /** Operations without an answer that have taken effect. */
  readonly unanswered: ReadonlySet<Recorded>;
}

/** What a search has come to. */
export type Verdict =
  | { readonly type: 'linearizable' }
  /** The first operation that no order explains. */
  | { readonly type: 'violated'; readonly at: Recorded }
  | { readonly type: 'gaveUp' };

/** The search over one object. Moments are told in order; of each operation all that will be known is known by then. */
export class ObjectSearch<State> {
  readonly #model: ObjectModel<State>;
  readonly #open = new Set<Recorded>();
  readonly #numbers = new Map<Recorded, number>();
  /** Of open operations without an answer: what they ask for. */
  readonly #asks = new Map<Recorded, string>();
  #next = 0;
  #configurations: Configuration<State>[];
  #verdict: Verdict = { type: 'linearizable' };

  constructor(model: ObjectModel<State>) {
    this.#model = model;
    this.#configurations = [{ state: model.initial, answered: new Set(), unanswered: new Set() }];
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  /** Configurations that are possible now. */
  get size(): number {
    return this.#configurations.length;
  }

  /** An operation begins, or is answered. Nothing happens any more once the search is over. */
  tell({ recorded, isReturn }: Moment): void {
    if (this.#verdict.type !== 'linearizable') return;
    const { operation, answer } = recorded;
    // What had no effect is not there, and a read without an answer says nothing.
    if (answer?.type === 'none' || (operation.type === 'read' && answer === undefined)) return;
    if (this.#model.saysNothing?.(recorded) === true) return;
    if (!isReturn) {
      this.#open.add(recorded);
      this.#numbers.set(recorded, this.#next++);
      if (answer === undefined) this.#asks.set(recorded, JSON.stringify(operation));
      return;
    }
    const after = this.#letTakeEffect(recorded);
    if (after === undefined) this.#verdict = { type: 'gaveUp' };
    else if (after.length === 0) this.#verdict = { type: 'violated', at: recorded };
    this.#open.delete(recorded);
    this.#numbers.delete(recorded);
    this.#configurations = this.#verdict.type === 'linearizable' ? (after ?? []) : [];
  }

  /** All configurations in which `target` has taken effect, without it. Undefined when there are too many. */
  #letTakeEffect(target: Recorded): Configuration<State>[] | undefined {
    const reached = new Least<State>((configuration) => this.#key(configuration));
    const seen = new Least<State>((configuration) => this.#key(configuration));
    // Those that have used up little come first: they make the others needless.
    const work = [...this.#configurations];
    for (let at = 0; at < work.length; at++) {
      const configuration = work[at];
      if (configuration === undefined || !seen.add(configuration)) continue;
      if (seen.size > CONFIGURATIONS_MAX) return undefined;
      const { state, answered } = configuration;
      if (answered.has(target)) {
        const rest = new Set(answered);
        rest.delete(target);
        reached.add({ ...configuration, answered: rest });
        continue;
      }
      for (const recorded of this.#candidates(configuration)) {
        for (const next of this.#model.step(state, recorded)) {
          const taken = this.#taken(configuration, recorded, next);
          if (taken !== undefined) work.push(taken);
        }
      }
    }
    return reached.all();
  }

  /** Open operations that may take effect next; of those without an answer that ask for the same, the first. */
  *#candidates({ answered, unanswered }: Configuration<State>): Generator<Recorded> {
    const asked = new Set<string>();
    for (const recorded of this.#open) {
      if (answered.has(recorded) || unanswered.has(recorded)) continue;
      const what = this.#asks.get(recorded);
      if (what !== undefined && asked.has(what)) continue;
      if (what !== undefined) asked.add(what);
      yield recorded;
    }
  }

  /** The configuration after `recorded` has taken effect; undefined when that was for nothing. */
  #taken(from: Configuration<State>, recorded: Recorded, state: State): Configuration<State> | undefined {
    const { answered, unanswered } = from;
    if (recorded.answer !== undefined) return { state, answered: new Set(answered).add(recorded), unanswered };
    if (this.#model.key(state) === this.#model.key(from.state)) return undefined;
    return { state, answered, unanswered: new Set(unanswered).add(recorded) };
  }

  #key({ state, answered }: Configuration<State>): string {
    const taken = [...answered].map((recorded) => this.#numbers.get(recorded) ?? -1).sort((a, b) => a - b);
    return `${taken.join(',')} ${this.#model.key(state)}`;
  }
}

/** Configurations of which none is made needless by another one. */
class Least<State> {
  readonly #byKey = new Map<string, Configuration<State>[]>();
  readonly #key: (configuration: Configuration<State>) => string;
  #size = 0;

  constructor(key: (configuration: Configuration<State>) => string) {
    this.#key = key;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a configuration unless one that is there has used up no more. */
  add(configuration: Configuration<State>): boolean {
    const key = this.#key(configuration);
    const alike = this.#byKey.get(key) ?? [];
    const { unanswered } = configuration;
    if (alike.some((other) => isWithin(other.unanswered, unanswered))) return false;
    const left = alike.filter((other) => !isWithin(unanswered, other.unanswered));
    this.#size += left.length + 1 - alike.length;
    this.#byKey.set(key, [...left, configuration]);
    return true;
  }

  all(): Configuration<State>[] {
    return [...this.#byKey.values()].flat().sort((a, b) => a.unanswered.size - b.unanswered.size);
  }
}

function isWithin(few: ReadonlySet<Recorded>, many: ReadonlySet<Recorded>): boolean {
  if (few.size > many.size) return false;
  for (const recorded of few) if (!many.has(recorded)) return false;
  return true;
}
