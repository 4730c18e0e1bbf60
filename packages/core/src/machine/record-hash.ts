/**
 * A hash over a set of records that is updated record by record: the sum, lane by lane, of the records'
 * own hashes. It finds divergence between hosts; it does not resist someone who forges records.
 */
import { assert } from '../base/assert.ts';
import { sortKeys } from './key-order.ts';

/** What a value begins with, so that values of different types have different hashes. */
const TAG = { text: 1, whole: 2, fraction: 3, true: 4, false: 5, null: 6, list: 7, object: 8, end: 9 } as const;
/** Tags are below this: above it is a length. */
const TAGS = 16;

/** Two FNV-1a lanes of 32 bits with different starts over plain values, folded as they go so that they do not collide together. */
class ValueHash {
  #high = 0x811c9dc5;
  #low = 0x2f0b4c47;

  /** Both lanes, the first cut to 21 bits, so that the result is a safe integer. */
  get result(): number {
    return (this.#high >>> 11) * 0x1_0000_0000 + (this.#low >>> 0);
  }

  value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.text(value);
        return;
      case 'number':
        this.#number(value);
        return;
      case 'boolean':
        this.#word(value ? TAG.true : TAG.false);
        return;
      case 'object':
        if (value === null) this.#word(TAG.null);
        else if (Array.isArray(value)) this.#list(value);
        else this.#object(value);
        return;
      default:
        assert(false, `a record holds a ${typeof value}`);
    }
  }

  text(text: string): void {
    const { length } = text;
    this.#word(TAG.text + length * TAGS);
    for (let at = 0; at + 1 < length; at += 2) this.#word(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
    if (length % 2 === 1) this.#word(text.charCodeAt(length - 1));
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.#word(TAG.whole);
      this.#word(value | 0);
      this.#word(Math.floor(value / 0x1_0000_0000) | 0);
      return;
    }
    this.#word(TAG.fraction);
    this.text(String(value));
  }

  #list(list: readonly unknown[]): void {
    this.#word(TAG.list + list.length * TAGS);
    for (const entry of list) this.value(entry);
  }

  #object(object: object): void {
    this.#word(TAG.object);
    const keys = Object.keys(object);
    sortKeys(keys);
    // Every object may be looked at so; the compiler asks for an index signature that plain objects do not declare.
    const fields = object as Readonly<Record<string, unknown>>;
    for (const key of keys) {
      const value = fields[key];
      if (value === undefined) continue;
      this.text(key);
      this.value(value);
    }
    this.#word(TAG.end);
  }

  #word(word: number): void {
    const high = Math.imul(this.#high ^ word, 0x01000193);
    const low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = high ^ (high >>> 13);
    this.#low = low ^ (low >>> 15);
  }
}

/** The hash of one record, a safe integer: the same for objects whose bytes are the same. */
export function recordHash(key: string, object: object): number {
  const hash = new ValueHash();
  hash.text(key);
  hash.value(object);
  return hash.result;
}

/** The sum of record hashes, kept while records come and go. */
export class RecordHash {
  #high = 0;
  #low = 0;
  readonly #byKey = new Map<string, number>();

  #add(hash: number, sign: 1 | -1): void {
    const high = Math.floor(hash / 0x1_0000_0000);
    this.#high = (this.#high + sign * high) | 0;
    this.#low = (this.#low + sign * (hash - high * 0x1_0000_0000)) | 0;
  }

  /** A record was written, or with null deleted. */
  set(key: string, object: object | null): void {
    const old = this.#byKey.get(key);
    if (old !== undefined) this.#add(old, -1);
    if (object === null) {
      this.#byKey.delete(key);
      return;
    }
    const hash = recordHash(key, object);
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
