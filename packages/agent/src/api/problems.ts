/** Errors as clients see them: always the same form, one code, one line. */
import { HTTP_STATUS } from '@n3x/core/api/schemas';
import { describeError, type ErrorBody, N3xError } from '@n3x/core/base/errors';
import { describeIssues, type Issue, issueLine } from '@n3x/core/model/issues';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { z } from 'zod';

/** Largest body of a request, in bytes. */
export const BODY_BYTES_MAX = 1_048_576;

/** An answer that reports an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly error: ErrorBody };
}

/** `value` as `schema` reads it. Throws `N3X_INVALID` with one line, and each issue in `details.issues`. */
export function readInput<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(describeIssues(parsed.error, schema, value));
}

/** `N3X_INVALID` for these issues; there is at least one. */
export function invalid(issues: readonly Issue[]): N3xError {
  return new N3xError('N3X_INVALID', issueLine(issues), {
    details: { issues: issues.map(({ path, message }) => ({ path, message })) },
  });
}

/** Facts of an error that Fastify or Node raised before a handler ran. */
interface FrameworkError {
  readonly code: string;
  readonly statusCode?: number;
  readonly message: string;
}

function isFrameworkError(error: unknown): error is FrameworkError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** Texts for what a client can do wrong below the level of a route. */
const FRAMEWORK_TEXTS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: `the body is larger than ${BODY_BYTES_MAX} bytes`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the body must be JSON: send it with the header "content-type: application/json"',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'the body is not as long as the header content-length says',
  FST_ERR_BAD_URL: 'the path is not a valid URL path: check its percent signs',
  HPE_HEADER_OVERFLOW: 'the headers are larger than 16 KiB',
  ERR_HTTP_REQUEST_TIMEOUT: 'the request did not arrive whole in time',
};

/** The answer for anything that was thrown. What is no `N3xError` and no fault of the client's goes to the journal. */
export function errorAnswer(error: unknown, journal: Pick<JournalPort, 'log'>, operation: string): ErrorAnswer {
  const known = error instanceof N3xError ? error : fromFramework(error);
  if (known !== null) {
    if (known.code === 'N3X_INTERNAL') journal.log('error', 'api.internal', { operation, error: describeError(known) });
    return { status: HTTP_STATUS[known.code], body: { error: known.toBody() } };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  journal.log('error', 'api.internal', { operation, error: describeError(error), stack });
  const message = `${operation} failed by a defect of n3xd: its journal has the details`;
  return { status: HTTP_STATUS.N3X_INTERNAL, body: { error: { code: 'N3X_INTERNAL', message } } };
}

function fromFramework(error: unknown): N3xError | null {
  if (!isFrameworkError(error)) return null;
  const text = FRAMEWORK_TEXTS[error.code];
  if (text !== undefined) return new N3xError('N3X_INVALID', text);
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new N3xError('N3X_INVALID', error.message);
  }
  return error.code.startsWith('HPE_') ? new N3xError('N3X_INVALID', 'the request is not valid HTTP/1.1') : null;
}

/** The bytes of a whole error answer, for a connection that has no response object (yet). */
export function rawErrorAnswer(answer: ErrorAnswer): string {
  const body = JSON.stringify(answer.body);
  return [
    `HTTP/1.1 ${answer.status} n3x`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
