/** What the errors of LevelDB and of the file system mean for the store. */
import { N3xError } from '@n3x/core/base/errors';
import type { StorageOutcome } from '@n3x/core/ports/storage';

/** How a write failed. */
export type StorageFailure = Extract<StorageOutcome, { ok: false }>;

// LevelDB passes on strerror(3) text and no errno. The process never calls setlocale(3), so it is English.
const REASONS: readonly (readonly [RegExp, StorageFailure['reason']])[] = [
  [/No space left on device|Disk quota exceeded|File too large/, 'full'],
  [/Read-only file system|Permission denied|Operation not permitted/, 'readOnly'],
];

/** What to do about a store that cannot be trusted any more. */
const RECOVERY =
  'remove this host from the cluster, delete its data directory and join it again as a new host, ' +
  'provided that the other hosts have a quorum';

/** Sorts the error of a write. */
export function storageFailure(error: unknown): StorageFailure {
  const message = rootCause(error).message;
  const reason = REASONS.find(([pattern]) => pattern.test(message))?.[1] ?? 'io';
  return { ok: false, reason, message };
}

/** The error for stored data that is not what was written. `record` is a key or a file name. */
export function corruptStore(directory: string, record: string, what: string, cause?: unknown): N3xError {
  return new N3xError('N3X_CORRUPT', `${record} in ${directory} ${what}; ${RECOVERY}`, {
    details: { directory, record },
    cause,
  });
}

/** The error for a database that another process has open; `pid` is its, when known. */
export function lockedDatabase(directory: string, pid: number | undefined, cause?: unknown): N3xError {
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  return new N3xError('N3X_CONFIG', `${directory} is in use by ${who}; stop it, or choose another data directory`, {
    details: pid === undefined ? { directory } : { directory, pid },
    cause,
  });
}

/** The error for a database that LevelDB does not open or read. */
export function databaseError(directory: string, error: unknown): N3xError {
  const cause = rootCause(error);
  const code = 'code' in cause ? cause.code : undefined;
  if (code === 'LEVEL_LOCKED') return lockedDatabase(directory, undefined, cause);
  const file = /[^\s/]+\.(?:log|ldb|sst)|MANIFEST-\d+|CURRENT/.exec(cause.message)?.[0];
  if (code === 'LEVEL_CORRUPTION' || /No such file/.test(cause.message)) {
    return corruptStore(directory, file ?? 'the database', 'is damaged', cause);
  }
  const { reason } = storageFailure(cause);
  return new N3xError('N3X_STORAGE', `${directory} cannot be read or written`, {
    details: { directory, reason },
    cause,
  });
}

/** The deepest error of a chain: abstract-level wraps what LevelDB said. */
function rootCause(error: unknown): Error {
  let current = error instanceof Error ? error : new Error(String(error));
  for (let depth = 0; depth < 8 && current.cause instanceof Error; depth++) current = current.cause;
  return current;
}
