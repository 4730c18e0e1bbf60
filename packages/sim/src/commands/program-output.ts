/** What a program of this package writes to, and how it ends. */

/** Where output goes. */
export interface ProgramOutput {
  readonly out: (line: string) => void;
  /** Progress and errors. */
  readonly err: (line: string) => void;
}

/** Exit codes of the program. */
export const EXIT = {
  /** Every run passed. */
  passed: 0,
  /** A rule was violated, or a planted bug missed. */
  violated: 1,
  /** The command was wrong. */
  usage: 2,
  /** The simulator itself failed. */
  failed: 3,
} as const;
