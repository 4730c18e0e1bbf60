/** A queue of bounded length that forgets its oldest. */
export class Ring<T> {
  readonly capacity: number;
  readonly #slots: T[] = [];
  /** Slot of the oldest, once the ring is full. */
  #head = 0;

  /** `capacity` is at least 1. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Appends; hands back the oldest when it had to go. */
  push(value: T): T | undefined {
    if (this.#slots.length < this.capacity) {
      this.#slots.push(value);
      return undefined;
    }
    const evicted = this.#slots[this.#head];
    this.#slots[this.#head] = value;
    this.#head = (this.#head + 1) % this.capacity;
    return evicted;
  }

  /** The value at `position`, counted from the oldest; undefined outside. */
  at(position: number): T | undefined {
    if (position < 0 || position >= this.#slots.length) return undefined;
    return this.#slots[(this.#head + position) % this.#slots.length];
  }

  /** First position whose value is not `before`; the values must be ordered by it. */
  firstNot(before: (value: T) => boolean): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const value = this.at(middle);
      if (value !== undefined && before(value)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** From `position` on, oldest first. */
  *from(position: number): Generator<T> {
    for (let i = Math.max(0, position); i < this.#slots.length; i++) {
      const value = this.at(i);
      if (value !== undefined) yield value;
    }
  }
}
