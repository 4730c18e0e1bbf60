/** Counts of messages by slice of time, sender and type: exact however many there are, in bounded space. */

/** Slices that a run is cut into at most. */
const SLICES_MAX = 8_192;
const FIRST_SLICE_US = 50_000;
/** Senders and types that can be told apart. */
const SENDERS_MAX = 64;
const TYPES_MAX = 64;

/** One count. */
export interface Density {
  readonly slice: number;
  readonly from: number;
  readonly type: number;
  readonly count: number;
}

/** Counts messages. */
export class MessageDensity {
  #counts = new Map<number, number>();
  #sliceUs = FIRST_SLICE_US;

  /** Length of a slice; doubles when the run gets too long for the number of slices. */
  get sliceUs(): number {
    return this.#sliceUs;
  }

  /** Counts a message. */
  add(atUs: number, from: number, type: number): void {
    while (atUs >= this.#sliceUs * SLICES_MAX) this.#halve();
    const slice = Math.floor(atUs / this.#sliceUs);
    const key = (slice * SENDERS_MAX + Math.min(from, SENDERS_MAX - 1)) * TYPES_MAX + Math.min(type, TYPES_MAX - 1);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** All counts, by time, sender and type. */
  rows(): Density[] {
    return [...this.#counts]
      .sort(([a], [b]) => a - b)
      .map(([key, count]) => {
        const rest = Math.floor(key / TYPES_MAX);
        return { slice: Math.floor(rest / SENDERS_MAX), from: rest % SENDERS_MAX, type: key % TYPES_MAX, count };
      });
  }

  #halve(): void {
    this.#sliceUs *= 2;
    const former = this.rows();
    this.#counts = new Map();
    for (const { slice, from, type, count } of former) {
      const key = (Math.floor(slice / 2) * SENDERS_MAX + from) * TYPES_MAX + type;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
    }
  }
}
