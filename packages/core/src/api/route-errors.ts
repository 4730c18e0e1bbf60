/** Codes that many routes may answer. */
import type { ErrorCode } from '../base/errors.ts';

/** Codes of a read: it needs a cluster and, unless stale, a leader with a quorum. */
export const READ: readonly ErrorCode[] = ['N3X_NOT_INITIALISED', 'N3X_NO_QUORUM', 'N3X_TIMEOUT', 'N3X_OVERLOADED'];
/** Codes of a change that goes through the log. */
export const CHANGE: readonly ErrorCode[] = [...READ, 'N3X_REFUSED', 'N3X_CONFLICT', 'N3X_STORAGE'];
