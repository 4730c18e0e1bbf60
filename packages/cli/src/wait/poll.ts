/** Looks again and again until something is so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { ConnectionError } from '../client/connection-error.ts';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { CommandFailure } from '../output/error-report.ts';

/** Time between two looks, in ms. */
const PAUSE_MS = 300;

/** What is waited for. */
export interface Poll<T> {
  readonly deadline: Deadline;
  /** Gives the result once there is one. A host or quorum that cannot be reached now is looked for again. */
  readonly look: (deadline: Deadline) => Promise<T | undefined>;
  /** Told of trouble on the way. */
  readonly onTrouble: (text: string) => void;
  /** How it stands when time is up, for the error. */
  readonly late: () => string;
  /** What to do then, as a second line. */
  readonly hint: string;
}

function isPassing(error: unknown): error is Error {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof N3xError)) return false;
  return (
    error.code === ERROR_CODES.noQuorum || error.code === ERROR_CODES.timeout || error.code === ERROR_CODES.unreachable
  );
}

/** Looks until there is a result. Rejects with `CommandFailure` when time is up or the user interrupts. */
export async function poll<T>(context: Context, { deadline, look, onTrouble, late, hint }: Poll<T>): Promise<T> {
  const { interrupted } = context.terminal;
  while (!interrupted.aborted && !deadline.passed) {
    try {
      const result = await look(deadline);
      if (result !== undefined) return result;
    } catch (error) {
      if (!isPassing(error)) throw error;
      onTrouble(error.message);
    }
    await sleep(Math.min(PAUSE_MS, Math.max(1, deadline.remainingMs())));
  }
  if (interrupted.aborted) throw new CommandFailure(ERROR_CODES.timeout, `interrupted: ${late()}`, { hint });
  throw new CommandFailure(ERROR_CODES.timeout, `${late()} after ${deadline.spanMs / 1000} s`, { hint });
}
