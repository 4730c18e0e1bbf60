/**
 * A hash over a set of records that is updated record by record: the sum, lane by lane, of the records'
 * own hashes. It finds divergence between hosts; it does not resist someone who forges records.
 */

/** The hash of one record: two FNV-1a lanes of 32 bits with different starts, the first cut to 21 bits to fit a number. */
export function recordHash(key: string, value: Uint8Array): number {
  let high = 0x811c9dc5;
  let low = 0x2f0b4c47;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x01000193);
    low ^= low >>> 15;
  }
  // A zero byte between key and value: keys are ASCII and hold none.
  high = Math.imul(high, 0x01000193);
  low = Math.imul(low, 0x01000193);
  for (let i = 0; i < value.length; i++) {
    const byte = value[i] ?? 0;
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0x01000193);
    // The second lane is folded as it goes, so that the two do not collide together.
    low ^= low >>> 15;
  }
  return ((high >>> 11) & 0x1f_ffff) * 0x1_0000_0000 + (low >>> 0);
}

/** The sum of record hashes, kept while records come and go. */
export class RecordHash {
  #high = 0;
  #low = 0;
  readonly #byKey = new Map<string, number>();

  #add(hash: number, sign: 1 | -1): void {
    this.#high = (this.#high + sign * Math.floor(hash / 0x1_0000_0000)) | 0;
    this.#low = (this.#low + sign * (hash % 0x1_0000_0000)) | 0;
  }

  /** A record was written, or with null deleted. */
  set(key: string, value: Uint8Array | null): void {
    const old = this.#byKey.get(key);
    if (old !== undefined) this.#add(old, -1);
    if (value === null) {
      this.#byKey.delete(key);
      return;
    }
    const hash = recordHash(key, value);
    this.#byKey.set(key, hash);
    this.#add(hash, 1);
  }

  /** Whether there is a record under this key. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Number of records. */
  get size(): number {
    return this.#byKey.size;
  }

  /** 16 hex digits. */
  digest(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
