/** What a benchmark gives. */

/** One figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What is aimed at, in words. */
  readonly aim?: string;
}
