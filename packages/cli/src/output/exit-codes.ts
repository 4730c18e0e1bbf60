/** What the exit code of n3xctl says. The numbers are part of the interface and never change their meaning. */
import { ERROR_CODES, type ErrorCode, N3xError } from '@n3x/core/base/errors';
import { UsageError } from '../arguments/usage-error.ts';
import { ConnectionError } from '../client/connection-error.ts';

/** Exit codes by name. */
export const EXIT_CODES = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  noQuorum: 5,
  timedOut: 6,
  refused: 7,
  unreachable: 8,
  /** Beyond what most commands end with: `lock run` gives the code of its command. */
  locked: 120,
  lockLost: 121,
  /** 128 + SIGINT, as shells count it. */
  interrupted: 130,
} as const;

/** What each exit code means, for help and documentation. */
export const EXIT_CODE_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done, also when nothing had to change'],
  [1, 'any other failure, for example a VM that does not build or boot'],
  [2, 'wrong usage or invalid input; nothing was changed'],
  [3, 'not found'],
  [4, 'conflict: it exists and differs, or it moved on meanwhile'],
  [5, 'no quorum: no leader with a majority was reached'],
  [6, 'timed out; the request may still take effect'],
  [7, 'refused by a rule of the cluster'],
  [8, 'n3xd cannot be reached'],
  [120, 'the lock is held by others'],
  [121, 'the lock was lost while it was held'],
];

const BY_ERROR_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  [ERROR_CODES.invalid]: EXIT_CODES.usage,
  [ERROR_CODES.notFound]: EXIT_CODES.notFound,
  [ERROR_CODES.conflict]: EXIT_CODES.conflict,
  [ERROR_CODES.alreadyMember]: EXIT_CODES.conflict,
  [ERROR_CODES.locked]: EXIT_CODES.locked,
  [ERROR_CODES.lockLost]: EXIT_CODES.lockLost,
  [ERROR_CODES.noQuorum]: EXIT_CODES.noQuorum,
  [ERROR_CODES.timeout]: EXIT_CODES.timedOut,
  [ERROR_CODES.refused]: EXIT_CODES.refused,
  [ERROR_CODES.notInitialised]: EXIT_CODES.refused,
  [ERROR_CODES.tokenInvalid]: EXIT_CODES.refused,
  [ERROR_CODES.tokenUsed]: EXIT_CODES.refused,
  [ERROR_CODES.tokenExpired]: EXIT_CODES.refused,
  [ERROR_CODES.identity]: EXIT_CODES.refused,
};

/** Ends n3xctl with this code and without a word: all has been said. */
export class ExitWith extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit with ${exitCode}`);
    this.name = 'ExitWith';
    this.exitCode = exitCode;
  }
}

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT_CODES.usage;
  if (error instanceof ConnectionError) return EXIT_CODES.unreachable;
  if (error instanceof N3xError) return BY_ERROR_CODE[error.code] ?? EXIT_CODES.failed;
  return EXIT_CODES.failed;
}
