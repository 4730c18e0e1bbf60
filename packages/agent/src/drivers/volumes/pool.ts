/** A directory for volumes. */
export interface Pool {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}
