/** Wrong input on the command line: exit code 2, nothing was sent. */
export class UsageError extends Error {
  /** What would be right, as a second line for people. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}
