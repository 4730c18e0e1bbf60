/** The verbs of locks but `run`. */
import type { RouteResult } from '@n3x/core/api/routes';
import { parseWholeNumber } from '../arguments/number.ts';
import { UsageError } from '../arguments/usage-error.ts';
import type { Context } from '../context.ts';
import { formatSpan } from '../output/age.ts';
import { lockDetails, lockTable } from '../output/lock-text.ts';
import { readingVerbs } from './listing.ts';
import { type ClaimFlags, claim, defaultHolder, release as giveBack, readClaim } from './lock-claim.ts';

/** `lock list` and `lock show NAME`. */
export const { list, show } = readingVerbs({
  kind: 'lock',
  all: (client, read) => client.call('listLocks', read),
  one: (client, read) => client.call('getLock', read),
  table: lockTable,
  details: (lock, _paint, nowMs) => lockDetails(lock, nowMs),
});

function showClaim(context: Context, name: string, answer: RouteResult<'acquireLock'>, done: string): Promise<void> {
  const { token, ticket, position, holdMs } = answer.claim;
  // Never more than it is, and of a short time not nothing.
  const span = holdMs < 10_000 ? `${Math.floor(holdMs / 100) / 10}s` : formatSpan(holdMs);
  const until = `renew it within ${span} of the request`;
  const text = token === null ? `waiting, ${position} in the queue` : `${done}, token ${token}; ${until}`;
  return context.show(answer, {
    names: [String(token ?? ticket)],
    text: () => `lock ${name}: ${text}\n`,
  });
}

/** `lock acquire NAME`. Quietly it prints the token and nothing else. */
export async function acquire(context: Context, args: readonly string[], flags: ClaimFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const request = readClaim(name, flags.holder ?? defaultHolder(), flags);
  const { answer } = await claim(context, request, () => performance.now(), context.terminal.interrupted);
  await showClaim(context, name, answer, `held by ${request.holder}`);
}

/** Flags of `renew` and `release`. */
export interface TokenFlags {
  readonly holder?: string;
  readonly token: string;
}

function readToken(text: string): number {
  return parseWholeNumber('--token', text, 1, Number.MAX_SAFE_INTEGER);
}

/** `lock renew NAME --token N`. */
export async function renew(context: Context, args: readonly string[], flags: TokenFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const body = { holder: flags.holder ?? defaultHolder(), token: readToken(flags.token) };
  const deadline = context.requestDeadline();
  const answer = await context.client.call('renewLock', { deadline, params: { name }, body });
  await showClaim(context, name, answer, 'renewed');
}

/** `lock release NAME --token N`. */
export async function release(context: Context, args: readonly string[], flags: TokenFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const holder = flags.holder ?? defaultHolder();
  const token = readToken(flags.token);
  await giveBack(context, name, holder, token);
  await context.show({ name, holder, token, changed: true }, { names: [name], text: () => `lock ${name}: released\n` });
}

/** Flags of `break`. */
export interface BreakFlags {
  readonly holder?: string;
  readonly token?: string;
  readonly reason: string;
}

/** `lock break NAME --reason R`. */
export async function breakLock(context: Context, args: readonly string[], flags: BreakFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  if (flags.reason.trim() === '') throw new UsageError('--reason: say why; the history keeps it');
  const body = {
    reason: flags.reason,
    ...(flags.holder === undefined ? {} : { holder: flags.holder }),
    ...(flags.token === undefined ? {} : { token: readToken(flags.token) }),
  };
  const answer = await context.client.call('breakLock', {
    deadline: context.requestDeadline(),
    params: { name },
    body,
  });
  const text = () => `lock ${name}: the claim of ${answer.holder} was broken\n`;
  await context.show({ name, ...answer }, { names: [name], text });
}
