/** Which part of a run is in view, and where on the picture a time is. */

/** Shortest part that is shown, in microseconds. */
const SHORTEST_US = 200;

/** The part in view. Times in microseconds, places in CSS pixels. */
export class Viewport {
  readonly endUs: number;
  /** Where the picture of time begins and ends. */
  left = 0;
  right = 1;
  #from: number;
  #until: number;

  constructor(endUs: number) {
    this.endUs = Math.max(SHORTEST_US, endUs);
    this.#from = 0;
    this.#until = this.endUs;
  }

  get from(): number {
    return this.#from;
  }

  get until(): number {
    return this.#until;
  }

  get span(): number {
    return this.#until - this.#from;
  }

  /** Place of a time. */
  x(us: number): number {
    return this.left + ((us - this.#from) / this.span) * (this.right - this.left);
  }

  /** Time of a place. */
  time(x: number): number {
    return this.#from + ((x - this.left) / Math.max(1, this.right - this.left)) * this.span;
  }

  /** Shows the time from `from` to `until`, as far as there is such time. */
  show(from: number, until: number): void {
    const span = Math.min(this.endUs, Math.max(SHORTEST_US, until - from));
    this.#from = Math.min(Math.max(0, from), this.endUs - span);
    this.#until = this.#from + span;
  }

  /** Shows `factor` times as much, with the time at `anchor` staying where it is. */
  zoom(factor: number, anchor: number): void {
    const span = Math.min(this.endUs, Math.max(SHORTEST_US, this.span * factor));
    const share = (anchor - this.#from) / this.span;
    const from = anchor - share * span;
    this.show(from, from + span);
  }

  /** Moves by a share of what is in view. */
  pan(share: number): void {
    this.show(this.#from + share * this.span, this.#until + share * this.span);
  }

  /** Shows the whole run. */
  fit(): void {
    this.show(0, this.endUs);
  }

  /** Puts a time into the middle, in a part that is no longer than `spanUs`. */
  centre(us: number, spanUs: number): void {
    const span = Math.min(this.span, spanUs);
    this.show(us - span / 2, us + span / 2);
  }
}
