/** Claims on locks: made, waited for, given back. */
import { hostname, userInfo } from 'node:os';
import type { RouteResult } from '@n3x/core/api/routes';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { LOCK_TTL_MS_RANGE } from '@n3x/core/model/lock-timing';
import { parseDuration } from '../arguments/duration.ts';
import { parseWholeNumber } from '../arguments/number.ts';
import { UsageError } from '../arguments/usage-error.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { Deadline, pause } from '../client/deadline.ts';
import { type Context, REQUEST_TIMEOUT_MS } from '../context.ts';

/** Most slots a lock may have; the API says so too. */
const SLOTS_MAX = 128;
/** Least time, in ms, between two requests of one who waits. */
const ASK_AGAIN_MS = 200;
/** Time, in ms, that the last request of one who waits may take. */
const LAST_ASK_MS = 1_000;
/** How long, in ms, to try to give a place in the queue back before leaving. */
const WITHDRAW_MS = 2_000;

/** Flags of a claim. */
export interface ClaimFlags {
  readonly slots?: string;
  readonly ttl: string;
  readonly wait?: string;
  readonly reason?: string;
  readonly holder?: string;
}

/** What is claimed. */
export interface ClaimRequest {
  readonly name: string;
  readonly holder: string;
  readonly reason: string;
  readonly ttlMs: number;
  readonly slots: number | undefined;
  /** How long, in ms, to wait for a slot; 0 not to queue at all. */
  readonly waitMs: number;
}

/** A claim that holds a slot. */
export interface HeldClaim {
  readonly answer: RouteResult<'acquireLock'>;
  readonly token: number;
  /** When the request that was answered was first sent, on the clock that was given. */
  readonly sentAtMs: number;
}

/** Text that may be part of a holder. */
function fit(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '') || 'unknown';
}

/** Who asks, when no `--holder` says: the user and the host. The same for all that this user does here. */
export function defaultHolder(): string {
  return `${fit(userInfo().username).slice(0, 40)}@${fit(hostname()).slice(0, 63)}`;
}

/** Reads the flags of a claim. Throws `UsageError`. */
export function readClaim(name: string, holder: string, flags: ClaimFlags): ClaimRequest {
  const ttlMs = parseDuration('--ttl', flags.ttl);
  if (ttlMs < LOCK_TTL_MS_RANGE[0] || ttlMs > LOCK_TTL_MS_RANGE[1]) {
    throw new UsageError(`--ttl: "${flags.ttl}" is out of range: 1s to 7d`);
  }
  return {
    ...{ name, holder, reason: flags.reason ?? '', ttlMs },
    slots: flags.slots === undefined ? undefined : parseWholeNumber('--slots', flags.slots, 1, SLOTS_MAX),
    waitMs: flags.wait === undefined ? 0 : parseDuration('--wait', flags.wait),
  };
}

/**
 * Claims a slot and waits for it as long as the request says. `clock` gives ms that go on while the host is
 * suspended. Rejects with `N3X_LOCKED` when others hold it and the wait is over; a place in the queue is given
 * back then, and when `signal` aborts.
 */
export async function claim(
  context: Context,
  request: ClaimRequest,
  clock: () => number,
  signal: AbortSignal,
): Promise<HeldClaim> {
  const { name, holder, reason, ttlMs, slots, waitMs } = request;
  const wait = waitMs > 0;
  const limit = new Deadline(waitMs);
  const body = { holder, reason, ttlMs, wait, ...(slots === undefined ? {} : { slots }) };
  let ticket: number | undefined;
  try {
    for (;;) {
      const sentAtMs = clock();
      const deadline =
        ticket === undefined ? context.requestDeadline() : new Deadline(Math.max(limit.remainingMs(), LAST_ASK_MS));
      const call = context.client.call('acquireLock', { deadline, params: { name }, body });
      const answer = await unlessAborted(call, signal);
      if (answer === undefined) break;
      if (answer.claim.token !== null) return { answer, token: answer.claim.token, sentAtMs };
      if (ticket === undefined && !context.quiet) {
        const others = answer.lock.holders.map((one) => one.holder).join(', ');
        context.note(`n3xctl: lock ${name} is held by ${others}; waiting, ${answer.claim.position} in the queue`);
      }
      ticket = answer.claim.ticket;
      if (limit.passed) {
        const holders = answer.lock.holders.map((one) => one.holder);
        const text = `lock ${name} is still held by ${holders.join(', ')} after ${waitMs / 1000} s: wait longer, or break it if its holder is known to be gone`;
        throw new N3xError(ERROR_CODES.locked, text, { details: { kind: 'lock', name, holders } });
      }
      const spent = clock() - sentAtMs;
      if (spent < ASK_AGAIN_MS) await pause(Math.min(ASK_AGAIN_MS - spent, limit.remainingMs()), signal);
    }
  } catch (error) {
    if (ticket !== undefined) await withdraw(context, name, holder, ticket);
    throw error;
  }
  if (ticket !== undefined) await withdraw(context, name, holder, ticket);
  throw new N3xError(ERROR_CODES.timeout, `interrupted while waiting for lock ${name}`);
}

/** The result of `work`, or undefined when `signal` aborts first. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    // Nobody waits for it any more; how it ends is of no interest.
    work.catch(() => undefined);
    return undefined;
  }
  let stop: () => void = () => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => undefined);
  }
}

/** Gives a place in the queue back. When that fails the place goes by itself with its session. */
async function withdraw(context: Context, name: string, holder: string, ticket: number): Promise<void> {
  try {
    const options = { deadline: new Deadline(WITHDRAW_MS), params: { name }, body: { holder, token: ticket } };
    await context.client.call('releaseLock', options);
  } catch (error) {
    if (!(error instanceof N3xError) && !(error instanceof ConnectionError)) throw error;
  }
}

/** Gives a claim back. Rejects as the API does. */
export async function release(context: Context, name: string, holder: string, token: number): Promise<void> {
  const deadline = context.deadline(REQUEST_TIMEOUT_MS);
  await context.client.call('releaseLock', { deadline, params: { name }, body: { holder, token } });
}
