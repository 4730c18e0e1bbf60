/** The window of unacknowledged MsgApp messages to one follower: a ring that grows on demand. */
import { assert } from '../../base/assert.ts';
import type { LogIndex } from '../types.ts';

const FIRST_CAPACITY = 8;

/** A bounded first-in first-out of (last index, bytes). Full once either limit is reached. */
export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #indexes: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  /** `maxCount` messages, at least one; `maxBytes` of payload, which one message may overshoot. */
  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  /** Notes a message that ends with entry `index` and carries `bytes` of payload. The window must not be full. */
  add(index: LogIndex, bytes: number): void {
    assert(!this.full(), 'a message was sent into a full in-flight window');
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#head + this.#count) % this.#indexes.length;
    this.#indexes[at] = index;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Releases every message that ends at or before `index`. */
  freeTo(index: LogIndex): void {
    while (this.#count > 0) {
      const first = this.#indexes[this.#head];
      if (first === undefined || first > index) break;
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#head = (this.#head + 1) % this.#indexes.length;
      this.#count--;
    }
    if (this.#count === 0) this.#head = 0;
  }

  /** Whether nothing more may be sent. */
  full(): boolean {
    return this.#count >= this.#maxCount || this.#bytes >= this.#maxBytes;
  }

  /** Messages under way. */
  get count(): number {
    return this.#count;
  }

  /** Payload bytes under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is under way, oldest first. */
  image(): { readonly index: number; readonly bytes: number }[] {
    return Array.from({ length: this.#count }, (_, i) => {
      const at = (this.#head + i) % this.#indexes.length;
      return { index: this.#indexes[at] ?? 0, bytes: this.#sizes[at] ?? 0 };
    });
  }

  /** Forgets everything under way. */
  reset(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const capacity = this.#indexes.length;
    const next = capacity === 0 ? Math.min(FIRST_CAPACITY, this.#maxCount) : Math.min(capacity * 2, this.#maxCount);
    const indexes = new Array<number>(next).fill(0);
    const sizes = new Array<number>(next).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#head + i) % capacity;
      indexes[i] = this.#indexes[at] ?? 0;
      sizes[i] = this.#sizes[at] ?? 0;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#head = 0;
  }
}
