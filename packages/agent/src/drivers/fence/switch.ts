/** What the two kinds of dead-man's switch have in common. */

/** Arms a deadline that holds without n3xd. */
export interface DeadMansSwitch {
  readonly kind: 'systemd' | 'direct';
  /**
   * Puts a deadline in force, in ms of the boot clock, before the one before it is given up. Resolves once that is
   * verified. Rejects with what stands in the way; then the former one is in force.
   */
  arm(deadlineMs: number): Promise<void>;
  /** Gives the deadline up. Only right when nothing fenced runs. */
  disarm(): Promise<void>;
  /** What it is, and what it cannot do; one line. */
  describe(): string;
}

/** Whole hundredths of a second, the unit of the scripts; never later than `deadlineMs`. */
export function hundredths(deadlineMs: number): number {
  return Math.max(0, Math.floor(deadlineMs / 10));
}
