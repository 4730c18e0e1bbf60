/**
 * Counts the stored values of one group and sums their checksums, so that reading back notices what a
 * checksum per value cannot: a value that is gone, one that should be gone, or one that is of an older
 * write. LevelDB skips a damaged part of its own log without an error, which looks exactly like that.
 */

/** A number of values, and the sum of their CRC-32s modulo 2^32. */
export class Tally {
  #count = 0;
  #sum = 0;

  add(crc: number): void {
    this.#count++;
    this.#sum = (this.#sum + crc) >>> 0;
  }

  remove(crc: number): void {
    this.#count--;
    this.#sum = (this.#sum - crc) >>> 0;
  }

  reset(): void {
    this.#count = 0;
    this.#sum = 0;
  }

  value(): { count: number; sum: number } {
    return { count: this.#count, sum: this.#sum };
  }

  equals(other: { readonly count: number; readonly sum: number }): boolean {
    return this.#count === other.count && this.#sum === other.sum;
  }
}
