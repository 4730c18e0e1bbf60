/** States that wait to be looked at, first in, first out, in typed arrays: millions of them wait at once. */

const CHUNK = 1 << 18;

/** A queue of rows, each with its number. */
export class RowQueue {
  #chunks: Int32Array<ArrayBuffer>[] = [];
  #head = 0;
  #tail = CHUNK;
  #length = 0;

  /** How many rows wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a row. */
  push(number: number, row: readonly number[]): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#tail + row.length + 2 > CHUNK) {
      // The rest of the chunk stays empty: a row of length -1 says so.
      if (chunk !== undefined && this.#tail < CHUNK) chunk[this.#tail] = -1;
      chunk = new Int32Array(CHUNK);
      this.#chunks.push(chunk);
      this.#tail = 0;
    }
    chunk[this.#tail++] = row.length;
    chunk[this.#tail++] = number;
    for (const value of row) chunk[this.#tail++] = value;
    this.#length++;
  }

  /** Takes the oldest row. */
  shift(): { readonly number: number; readonly row: number[] } | undefined {
    if (this.#length === 0) return undefined;
    let chunk = this.#chunks[0];
    if (chunk !== undefined && (this.#head >= CHUNK || chunk[this.#head] === -1)) {
      this.#chunks.shift();
      chunk = this.#chunks[0];
      this.#head = 0;
    }
    if (chunk === undefined) return undefined;
    const size = chunk[this.#head] ?? 0;
    const number = chunk[this.#head + 1] ?? 0;
    const row = Array.from(chunk.subarray(this.#head + 2, this.#head + 2 + size));
    this.#head += size + 2;
    this.#length--;
    return { number, row };
  }
}
