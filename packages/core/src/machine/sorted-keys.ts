/** Distinct strings kept in code-unit order, so that a listing or a page of one needs no sort. */
export class SortedKeys {
  readonly #keys: string[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** Position of the first key that is not less than `key`. */
  #search(key: string): number {
    const last = this.#keys.at(-1);
    // Records are loaded in order: appending must not search.
    if (last === undefined || last < key) return this.#keys.length;
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#keys[middle];
      if (at !== undefined && at < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds `key`; no effect when it is there. */
  add(key: string): void {
    const position = this.#search(key);
    if (this.#keys[position] !== key) this.#keys.splice(position, 0, key);
  }

  /** Removes `key`; no effect when it is not there. */
  delete(key: string): void {
    const position = this.#search(key);
    if (this.#keys[position] === key) this.#keys.splice(position, 1);
  }

  /** Keys that are not less than `first`, in order. Not to be used across a change. */
  *from(first = ''): Generator<string> {
    for (let i = this.#search(first); i < this.#keys.length; i++) {
      const key = this.#keys[i];
      if (key !== undefined) yield key;
    }
  }
}
