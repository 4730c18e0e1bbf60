/** What a request's headers say of it: its id, its deadline, whether another host passed it on. */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { DEFAULT_TIMEOUT_MS, REQUEST_ID_HEADER, TIMEOUT_HEADER } from '@n3x/core/api/schemas';
import { N3xError } from '@n3x/core/base/errors';

/** Set on a request that one host passed on to another: it is never passed on again. */
export const FORWARDED_HEADER = 'n3x-forwarded';

/** Shortest and longest time, in ms, that a request may ask for. */
export const TIMEOUT_MS_RANGE: readonly [number, number] = [100, 600_000];

/** Distinguishes the ids made here from those of other hosts and of earlier runs. */
const idPrefix = randomBytes(9).toString('base64url').replaceAll('-', '.').replaceAll('_', ':');
let lastId = 0;

/** An id no other request has. */
export function newRequestId(): string {
  lastId += 1;
  return `${idPrefix}:${lastId.toString(36)}`;
}

/** The client's id of the request, or a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers[REQUEST_ID_HEADER];
  if (given === undefined) return newRequestId();
  if (typeof given === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(given)) return given;
  throw new N3xError('N3X_INVALID', `header ${REQUEST_ID_HEADER}: must be 1 to 64 of A-Z a-z 0-9 . _ : -`);
}

/** The time, in ms, within which the request must be answered. */
export function timeoutOf(headers: IncomingHttpHeaders): number {
  const given = headers[TIMEOUT_HEADER];
  if (given === undefined) return DEFAULT_TIMEOUT_MS;
  const [lowest, highest] = TIMEOUT_MS_RANGE;
  const timeoutMs = typeof given === 'string' && /^\d{1,6}$/.test(given) ? Number(given) : -1;
  if (timeoutMs >= lowest && timeoutMs <= highest) return timeoutMs;
  throw new N3xError('N3X_INVALID', `header ${TIMEOUT_HEADER}: must be ${lowest} to ${highest} (got "${given}")`);
}

/** A signal that fires when the client goes before it has its answer. */
export function abortWhenGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

/**
 * `work`, or `N3X_TIMEOUT` once `timeoutMs` has passed. The work is told by `late` when its result comes
 * too late to be used.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  timeoutMs: number,
  what: string,
  late: (result: T) => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let expired = false;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      expired = true;
      const message = `${what} took longer than ${timeoutMs} ms`;
      reject(new N3xError('N3X_TIMEOUT', message, { details: { outcome: 'none' } }));
    }, timeoutMs);
  });
  work.then(
    (result) => {
      if (expired) late(result);
    },
    // The race below reports it, unless the deadline was first: then it is of no more interest.
    () => undefined,
  );
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
