/**
 * Typed errors. An error that a user or a program can act on carries a stable code; the catalogue is
 * `docs/errors.md`, and a test holds the two against each other.
 */

/** Every code n3x gives to a client. The value is the wire form and never changes its meaning. */
export const ERROR_CODES = {
  /** The request does not fit its schema; `details.issues` names each field. */
  invalid: 'N3X_INVALID',
  /** The named object does not exist. */
  notFound: 'N3X_NOT_FOUND',
  /** The object exists and differs from what was asked, or it moved on since it was read. */
  conflict: 'N3X_CONFLICT',
  /** A rule of the cluster forbids it; the message names the rule and the way out. */
  refused: 'N3X_REFUSED',
  /** The lock is held by others; `details.holders` names them. */
  locked: 'N3X_LOCKED',
  /** The claim on a lock has ended: expired, broken or released. */
  lockLost: 'N3X_LOCK_LOST',
  /** No leader with a quorum was reached in time. */
  noQuorum: 'N3X_NO_QUORUM',
  /** The request's own deadline passed first. `details.outcome` is `none` or `unknown`. */
  timeout: 'N3X_TIMEOUT',
  /** A bounded queue is full; try again later. */
  overloaded: 'N3X_OVERLOADED',
  /** This host belongs to no cluster yet. */
  notInitialised: 'N3X_NOT_INITIALISED',
  /** This host belongs to a cluster already. */
  alreadyMember: 'N3X_ALREADY_MEMBER',
  /** The join token is unknown or its secret is wrong. */
  tokenInvalid: 'N3X_TOKEN_INVALID',
  /** The join token was used by another host. */
  tokenUsed: 'N3X_TOKEN_USED',
  /** The join token is past its expiry. */
  tokenExpired: 'N3X_TOKEN_EXPIRED',
  /** The peer could not be reached. */
  unreachable: 'N3X_UNREACHABLE',
  /** The peer is not who the token or the state says it is. */
  identity: 'N3X_IDENTITY',
  /** The two sides speak different, incompatible versions. */
  version: 'N3X_VERSION',
  /** A watch asked for changes older than what is kept; list again and watch from there. */
  compacted: 'N3X_COMPACTED',
  /** Stored data failed its checksum or is not what it must be. */
  corrupt: 'N3X_CORRUPT',
  /** The disk refused a write (full, read-only, failing). */
  storage: 'N3X_STORAGE',
  /** The host's own configuration is wrong. */
  config: 'N3X_CONFIG',
  /** A build, boot or stop on the host failed; `details.log` may hold the end of its log. */
  driver: 'N3X_DRIVER',
  /** A defect in n3x. */
  internal: 'N3X_INTERNAL',
} as const;

/** The wire form of an error code. */
export type ErrorCode = (typeof ERROR_CODES)[keyof typeof ERROR_CODES];

/** What a client receives under `error`. */
export interface ErrorBody {
  readonly code: ErrorCode;
  /** One line: what, where, and how to mend it. */
  readonly message: string;
  /** Facts by name, for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error with a stable code. `message` is one line and never repeats the message of `cause`. */
export class N3xError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: { details?: Record<string, unknown>; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'N3xError';
    this.code = code;
    this.details = options.details;
  }

  /** The form that goes over the API and into the replicated result of a command. */
  toBody(): ErrorBody {
    return this.details === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, details: this.details };
  }
}

/** The message of an error followed by those of its causes, joined by `: `, at most eight deep. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth++) {
    parts.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}
