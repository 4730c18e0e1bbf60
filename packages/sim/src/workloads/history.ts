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
}

/** An invocation or an answer. */
export interface Moment {
  readonly at: number;
  readonly recorded: Recorded;
  readonly isReturn: boolean;
}

/** All operations by object. */
export class History {
  readonly #byObject = new Map<string, Recorded[]>();
  /** Operations whose answer may still come, the oldest first. */
  readonly #pending = new Set<Recorded>();
  /** What was not taken yet. */
  #moments: Moment[] = [];
  #clock = 0;
  #size = 0;
  #unknown = 0;

  /** Operations so far. */
  get size(): number {
    return this.#size;
  }

  /** Operations without an answer. */
  get unknown(): number {
    return this.#unknown;
  }

  /** The histories of all objects. */
  get objects(): ReadonlyMap<string, readonly Recorded[]> {
    return this.#byObject;
  }

  /** A client asks. */
  invoke(client: number, operation: Operation, requestId: string, atMs: number): Recorded {
    const recorded: Recorded = {
      ...{ client, operation, requestId, invokedAt: this.#clock++, invokedAtMs: atMs },
      ...{ returnedAt: Number.POSITIVE_INFINITY, returnedAtMs: Number.POSITIVE_INFINITY, answer: undefined },
    };
    const list = this.#byObject.get(operation.object);
    if (list === undefined) this.#byObject.set(operation.object, [recorded]);
    else list.push(recorded);
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
  abandon(recorded: Recorded): void {
    this.#pending.delete(recorded);
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

  /** The history as plain data, for other checkers: one object per operation, in the order of invocation. */
  toJson(): unknown[] {
    return [...this.#byObject.values()]
      .flat()
      .sort((a, b) => a.invokedAt - b.invokedAt)
      .map(({ returnedAt, returnedAtMs, answer, ...rest }) => ({
        ...rest,
        ...(answer === undefined ? {} : { returnedAt, returnedAtMs, answer }),
      }));
  }
}
