/** How an error reads: one line, a hint where there is one, or a JSON document. */
import { describeError, ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { UsageError } from '../arguments/usage-error.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { exitCodeOf } from './exit-codes.ts';

/** An error in the form that it is shown in. */
export interface ErrorReport {
  /** A code of the API, or `USAGE`, `CANNOT_REACH`, `FAILED`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** Text shown after the error, like the end of a log; it ends with a newline. */
  readonly log: string | undefined;
  readonly exitCode: number;
}

/** An error of the API with what only the client knows about it. */
export class CommandFailure extends N3xError {
  /** What to do, as a second line for people. */
  readonly hint: string | undefined;
  /** The end of a log that explains it. */
  readonly log: string | undefined;

  constructor(
    code: N3xError['code'],
    message: string,
    options: { hint?: string; log?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(code, message, options);
    this.hint = options.hint;
    this.log = options.log;
  }
}

const HINTS: Readonly<Partial<Record<string, string>>> = {
  [ERROR_CODES.noQuorum]:
    'reads with --stale still answer from this host alone; if the missing servers are gone for good: "n3xd recover --help"',
};

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, '; ');
}

/** Makes the report of an error. */
export function reportOf(error: unknown): ErrorReport {
  const exitCode = exitCodeOf(error);
  const none = { details: undefined, log: undefined, exitCode };
  if (error instanceof UsageError) return { ...none, code: 'USAGE', message: oneLine(error.message), hint: error.hint };
  if (error instanceof ConnectionError) {
    return { ...none, code: 'CANNOT_REACH', message: oneLine(error.message), hint: error.hint };
  }
  if (error instanceof N3xError) {
    const own = error instanceof CommandFailure ? error : undefined;
    const log = own?.log ?? (typeof error.details?.log === 'string' ? error.details.log : undefined);
    return {
      code: error.code,
      message: oneLine(error.message),
      hint: own?.hint ?? HINTS[error.code],
      details: error.details,
      log: log === undefined || log === '' || log.endsWith('\n') ? log : `${log}\n`,
      exitCode,
    };
  }
  return { ...none, code: 'FAILED', message: oneLine(describeError(error)), hint: undefined };
}

/** The report as text for people: the log's end first, so that the reason is the last thing read. */
export function reportText(report: ErrorReport): string {
  const log = report.log === undefined || report.log === '' ? '' : report.log;
  const hint = report.hint === undefined ? '' : `hint: ${report.hint}\n`;
  return `${log}n3xctl: ${report.message}\n${hint}`;
}

/** The report as one line of JSON. */
export function reportJson(report: ErrorReport): string {
  return `${JSON.stringify({ error: report })}\n`;
}
