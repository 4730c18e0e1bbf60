/**
 * Linearizable reads waiting for proof that the leader still leads (thesis section 6.4). Reads that arrive
 * between two Readys share one round of heartbeats; the round's number travels as their context, so what
 * a reader chose as its own context never has to be unique among readers.
 */
import type { LogIndex, NodeId } from './types.ts';

/** A read request at the leader. */
export interface PendingRead {
  readonly from: NodeId;
  readonly context: string;
}

interface Waiting extends PendingRead {
  readonly index: LogIndex;
  readonly round: number;
}

/** Drop the consumed front of the array only once it is this long and half of the array. */
const TRIM_AT = 1024;

/** The queue as plain data. */
export interface ReadsImage {
  readonly postponed: readonly PendingRead[];
  readonly waiting: readonly (PendingRead & { readonly index: LogIndex; readonly round: number })[];
  readonly round: number;
  readonly roundDue: boolean;
  readonly acked: readonly { readonly id: NodeId; readonly round: number }[];
}

/** First in, first out; bounded. */
export class ReadQueue {
  readonly #max: number;
  #postponed: PendingRead[] = [];
  #waiting: Waiting[] = [];
  #head = 0;
  #round = 0;
  #roundDue = false;
  readonly #acked = new Map<NodeId, number>();

  /** At most `max` reads wait at a time. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many reads wait. */
  get size(): number {
    return this.#postponed.length + this.#waiting.length - this.#head;
  }

  /** Whether another read would be one too many. */
  full(): boolean {
    return this.size >= this.#max;
  }

  /** Keeps a read until the leader has committed an entry of its term. */
  postpone(read: PendingRead): void {
    this.#postponed.push(read);
  }

  /** Takes all postponed reads. */
  takePostponed(): readonly PendingRead[] {
    const taken = this.#postponed;
    this.#postponed = [];
    return taken;
  }

  /** Adds a read of the state at `index` to the round that is about to start. */
  add(read: PendingRead, index: LogIndex): void {
    if (!this.#roundDue) {
      this.#roundDue = true;
      this.#round++;
    }
    this.#waiting.push({ from: read.from, context: read.context, index, round: this.#round });
  }

  /** Whether a round has to be sent. */
  get roundDue(): boolean {
    return this.#roundDue;
  }

  /** Marks the round as sent and returns its context; empty when nothing waits. */
  takeContext(): string {
    this.#roundDue = false;
    return this.#head < this.#waiting.length ? String(this.#round) : '';
  }

  /** Notes that `id` answered the round `context`, and with it all before. False for a context never sent. */
  acknowledge(id: NodeId, context: string): boolean {
    const round = Number(context);
    if (!Number.isSafeInteger(round) || round <= 0 || round > this.#round) return false;
    if (this.#roundDue && round === this.#round) return false;
    this.#acked.set(id, Math.max(this.#acked.get(id) ?? 0, round));
    return true;
  }

  /** The last round `id` answered; the leader `self` has answered all. */
  ackedBy(id: NodeId, self: NodeId): number {
    return id === self ? this.#round : (this.#acked.get(id) ?? 0);
  }

  /** Takes the reads of all rounds up to `round`. */
  release(round: number): readonly Waiting[] {
    let end = this.#head;
    for (; end < this.#waiting.length; end++) {
      const next = this.#waiting[end];
      if (next === undefined || next.round > round) break;
    }
    const released = this.#waiting.slice(this.#head, end);
    this.#head = end;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head >= TRIM_AT && this.#head * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return released;
  }

  /** All of it as plain data. */
  image(): ReadsImage {
    return {
      postponed: this.#postponed.slice(),
      waiting: this.#waiting.slice(this.#head),
      round: this.#round,
      roundDue: this.#roundDue,
      acked: [...this.#acked].map(([id, round]) => ({ id, round })),
    };
  }

  /** Drops everything: the leader of the term is gone, its readers time out. */
  reset(): void {
    this.#postponed = [];
    this.#waiting = [];
    this.#head = 0;
    this.#round = 0;
    this.#roundDue = false;
    this.#acked.clear();
  }
}
