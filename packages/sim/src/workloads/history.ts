/** The history of what clients asked for and were answered, in the order in which it happened. */
import type { Answer, Operation } from './operation.ts';

/** One operation of one client. Its place in the order of all invocations and answers is given by numbers. */
export interface Recorded {
  readonly client: number;
  readonly operation: Operation;
  readonly requestId: string;
  readonly invokedAt: number;
  readonly invokedAtMs: number;
  /** Infinite while there is no answer. */
  returnedAt: number;
  returnedAtMs: number;
  answer: Answer | undefined;
  /** When it was given up; infinite before that. */
  abandonedAt: number;
  abandonedAtMs: number;
}

/** An invocation or an answer. */
export interface Moment {
  readonly at: number;
  readonly recorded: Recorded;
  readonly isReturn: boolean;
}

/** Operations on one object that are kept, unless all are wanted: older ones were judged long ago. */
const KEPT = 1_000;

/** All operations by object. */
export class History {
  readonly #byObject = new Map<string, Recorded[]>();
  /** Operations whose answer may still come, the oldest first. */
  readonly #pending = new Set<Recorded>();
  /** What was not taken yet. */
  #moments: Moment[] = [];
  readonly #keepsAll: boolean;
  #clock = 0;
  #size = 0;
  #unknown = 0;

  /** Keeps the last {@link KEPT} operations on each object, or `all`. */
  constructor(keeps: 'all' | 'recent' = 'all') {
    this.#keepsAll = keeps === 'all';
  }

  /** Operations so far. */
  get size(): number {
    return this.#size;
  }

  /** Operations without an answer. */
  get unknown(): number {
    return this.#unknown;
  }

  /** The histories of all objects, as far as they are kept. */
  get objects(): ReadonlyMap<string, readonly Recorded[]> {
    return this.#byObject;
  }

  /** A client asks. */
  invoke(client: number, operation: Operation, requestId: string, atMs: number): Recorded {
    const recorded: Recorded = {
      ...{ client, operation, requestId, invokedAt: this.#clock++, invokedAtMs: atMs },
      ...{ returnedAt: Number.POSITIVE_INFINITY, returnedAtMs: Number.POSITIVE_INFINITY, answer: undefined },
      ...{ abandonedAt: Number.POSITIVE_INFINITY, abandonedAtMs: Number.POSITIVE_INFINITY },
    };
    const list = this.#byObject.get(operation.object);
    if (list === undefined) this.#byObject.set(operation.object, [recorded]);
    else list.push(recorded);
    // A part at a time, so that it does not have to be done with every operation.
    if (!this.#keepsAll && list !== undefined && list.length >= 2 * KEPT) list.splice(0, KEPT);
    this.#moments.push({ at: recorded.invokedAt, recorded, isReturn: false });
    this.#pending.add(recorded);
    this.#size++;
    this.#unknown++;
    return recorded;
  }

  /** It is answered. */
  return(recorded: Recorded, answer: Answer, atMs: number): void {
    recorded.answer = answer;
    recorded.returnedAt = this.#clock++;
    recorded.returnedAtMs = atMs;
    this.#moments.push({ at: recorded.returnedAt, recorded, isReturn: true });
    this.#pending.delete(recorded);
    this.#unknown--;
  }

  /** No answer will come: it may have taken effect, or may yet. */
  abandon(recorded: Recorded, atMs: number): void {
    this.#pending.delete(recorded);
    recorded.abandonedAt = this.#clock++;
    recorded.abandonedAtMs = atMs;
  }

  /** No answer will come to anything that has none. */
  abandonAll(): void {
    this.#pending.clear();
  }

  /** Takes all that happened before the oldest operation whose answer may still come: of it everything is known. */
  takeSettled(): readonly Moment[] {
    const [oldest] = this.#pending;
    const moments = this.#moments;
    const end = oldest === undefined ? moments.length : moments.findIndex(({ at }) => at >= oldest.invokedAt);
    const settled = moments.slice(0, end < 0 ? moments.length : end);
    this.#moments = moments.slice(settled.length);
    return settled;
  }
}
