/**
 * The states that were met, by a hash of 64 bits: which came before which, by what step. Two different
 * states of n share a hash with a chance of about n squared over 2^65, one in two hundred thousand for ten
 * million; then the second is taken for met.
 */

const FIRST_CAPACITY = 1 << 16;

/** A set of rows with the way to each. */
export class Visited {
  #high: Uint32Array<ArrayBuffer>;
  #low: Uint32Array<ArrayBuffer>;
  /** Number of the state, from 1; 0 where there is none. */
  #slot: Uint32Array<ArrayBuffer>;
  #parent: Uint32Array<ArrayBuffer>;
  #step: Uint32Array<ArrayBuffer>;
  #size = 0;

  constructor() {
    this.#high = new Uint32Array(FIRST_CAPACITY * 2);
    this.#low = new Uint32Array(FIRST_CAPACITY * 2);
    this.#slot = new Uint32Array(FIRST_CAPACITY * 2);
    this.#parent = new Uint32Array(FIRST_CAPACITY);
    this.#step = new Uint32Array(FIRST_CAPACITY);
  }

  /** How many states. */
  get size(): number {
    return this.#size;
  }

  /** Adds a state that was reached from `parent`. Its number, or undefined when it was met before. */
  add(row: readonly number[], parent: number): number | undefined {
    if (this.#size * 2 >= this.#slot.length) this.#grow();
    const [high, low] = hash(row);
    const at = this.#find(high, low);
    if ((this.#slot[at] ?? 0) !== 0) return undefined;
    const number = this.#size++;
    this.#high[at] = high;
    this.#low[at] = low;
    this.#slot[at] = number + 1;
    this.#parent[number] = parent;
    return number;
  }

  /** The step by which a state was reached that {@link add} has just numbered. */
  reach(number: number, step: number): void {
    this.#step[number] = step;
  }

  /** The steps from the first state to this one. */
  path(number: number): number[] {
    const steps: number[] = [];
    for (let at = number; at !== 0; at = this.#parent[at] ?? 0) steps.push(this.#step[at] ?? 0);
    return steps.reverse();
  }

  #find(high: number, low: number): number {
    const mask = this.#slot.length - 1;
    let at = (high ^ Math.imul(low, 0x9e3779b1)) & mask;
    while ((this.#slot[at] ?? 0) !== 0 && (this.#high[at] !== high || this.#low[at] !== low)) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const [high, low, slot] = [this.#high, this.#low, this.#slot];
    this.#high = new Uint32Array(high.length * 2);
    this.#low = new Uint32Array(high.length * 2);
    this.#slot = new Uint32Array(high.length * 2);
    for (let at = 0; at < slot.length; at++) {
      const number = slot[at] ?? 0;
      if (number === 0) continue;
      const to = this.#find(high[at] ?? 0, low[at] ?? 0);
      this.#high[to] = high[at] ?? 0;
      this.#low[to] = low[at] ?? 0;
      this.#slot[to] = number;
    }
    this.#parent = longer(this.#parent);
    this.#step = longer(this.#step);
  }
}

function longer(list: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(list.length * 2);
  next.set(list);
  return next;
}

/** Two mixing lanes over the numbers of a row. */
function hash(row: readonly number[]): readonly [number, number] {
  let high = 0x9e3779b9 ^ row.length;
  let low = 0x85ebca6b;
  for (const value of row) {
    high = Math.imul(high ^ value, 0x85ebca6b);
    high ^= high >>> 13;
    low = Math.imul(low + value, 0xc2b2ae35);
    low = (low ^ (low >>> 16)) + high;
  }
  high = Math.imul(high ^ (high >>> 16), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 15), 0x27d4eb2f);
  return [(high ^ (high >>> 13)) >>> 0, (low ^ (low >>> 16)) >>> 0];
}
