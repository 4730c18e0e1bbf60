/**
 * True time of a simulated world, and what is to happen when. Events at the same time happen in the order
 * in which they were scheduled, so a run is decided by its seed alone.
 */

/** An event that may still be called off. */
export interface Scheduled {
  cancel(): void;
}

class Item implements Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  action: (() => void) | null;

  constructor(atMs: number, sequence: number, action: () => void) {
    this.atMs = atMs;
    this.sequence = sequence;
    this.action = action;
  }

  cancel(): void {
    this.action = null;
  }
}

function before(a: Item, b: Item): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** A queue of events in virtual time: a binary heap by time, then by order of scheduling. */
export class Timeline {
  readonly #heap: Item[] = [];
  #nowMs = 0;
  #sequence = 0;
  #executed = 0;

  /** Virtual time in ms since the world began. Reading it changes nothing. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Number of events that have happened. */
  get executed(): number {
    return this.#executed;
  }

  /** Lets `action` happen `delayMs` from now; a negative delay counts as none. */
  after(delayMs: number, action: () => void): Scheduled {
    return this.at(this.#nowMs + Math.max(0, delayMs), action);
  }

  /** Lets `action` happen at a time; one that has passed counts as now. */
  at(atMs: number, action: () => void): Scheduled {
    const item = new Item(Math.max(this.#nowMs, atMs), this.#sequence++, action);
    this.#push(item);
    return item;
  }

  /** Lets everything happen that is due up to `untilMs`, and moves time there. `each` is called after every event. */
  run(untilMs: number, each: () => void): void {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#pop();
      this.#nowMs = next.atMs;
      if (next.action === null) continue;
      next.action();
      this.#executed++;
      each();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(item: Item): void {
    const heap = this.#heap;
    heap.push(item);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || before(above, item)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (child === undefined || before(last, child)) break;
      heap[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    heap[at] = last;
  }
}
