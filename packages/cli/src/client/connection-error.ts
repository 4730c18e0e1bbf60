/** n3xd was not reached, or the connection broke before the answer was whole: exit code 8. */
export class ConnectionError extends Error {
  /** Whether a connection had been made, so that the request may have taken effect. */
  readonly connected: boolean;
  /** What to do, as a second line for people. */
  readonly hint: string | undefined;

  constructor(message: string, options: { connected: boolean; hint?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ConnectionError';
    this.connected = options.connected;
    this.hint = options.hint;
  }
}
