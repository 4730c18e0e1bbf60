/** Rows of which only so many are kept: all of them while they are few, an even share of the earlier ones otherwise. */

interface Kept<Row> {
  readonly sequence: number;
  readonly row: Row;
}

/** An even share of rows: every one, then every second, every fourth. */
class EvenShare<Row> {
  readonly #max: number;
  #kept: Kept<Row>[] = [];
  #stride = 1;
  #all = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get kept(): readonly Kept<Row>[] {
    return this.#kept;
  }

  push(kept: Kept<Row>): void {
    if (this.#all++ % this.#stride !== 0) return;
    this.#kept.push(kept);
    if (this.#kept.length <= this.#max) return;
    this.#stride *= 2;
    this.#kept = this.#kept.filter((_, at) => at % 2 === 0);
  }
}

/** A list that never holds more than a bound. */
export class Sample<Row> {
  readonly #even: EvenShare<Row>;
  readonly #telling: EvenShare<Row>;
  readonly #lastMax: number;
  #last: Kept<Row>[] = [];
  #all = 0;

  /**
   * Keeps `max` rows at most: half of them an even share of all, a quarter one of those that are telling, a quarter
   * the last ones without a gap. Up to half of `max` all are kept.
   */
  constructor(max: number) {
    this.#even = new EvenShare(Math.floor(max / 2));
    this.#telling = new EvenShare(Math.floor(max / 4));
    this.#lastMax = Math.floor(max / 4);
  }

  /** Rows that were added. */
  get all(): number {
    return this.#all;
  }

  /** The rows that are kept, in the order in which they were added. */
  rows(): Row[] {
    const last = this.#last.slice(-this.#lastMax);
    const kept = new Map([...this.#even.kept, ...this.#telling.kept, ...last].map((one) => [one.sequence, one.row]));
    return [...kept].sort(([a], [b]) => a - b).map(([, row]) => row);
  }

  /** Adds a row. Those that are telling are thinned out only among themselves. */
  push(row: Row, isTelling = false): void {
    const kept = { sequence: this.#all++, row };
    this.#even.push(kept);
    if (isTelling) this.#telling.push(kept);
    this.#last.push(kept);
    if (this.#last.length > 2 * this.#lastMax) this.#last = this.#last.slice(-this.#lastMax);
  }
}
