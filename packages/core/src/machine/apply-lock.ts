/** Locks: claim, renew, release, break, expire. Each frees one slot at most, so no two holders get one token. */
import { ERROR_CODES } from '../base/errors.ts';
import { LOCK_LIMIT, LOCK_WAITERS_MAX, type Lock, type LockHold, type LockWaiter } from '../model/lock.ts';
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** Holders named in a message. */
const SHOWN_HOLDERS = 4;

function about(name: string): { kind: 'lock'; name: string } {
  return { kind: 'lock', name };
}

function forWhat(reason: string): string {
  return reason === '' ? '' : ` (${reason})`;
}

function holdersText(lock: Lock): string {
  const shown = lock.holders.slice(0, SHOWN_HOLDERS).map(({ holder, reason }) => `${holder}${forWhat(reason)}`);
  const more = lock.holders.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** Answer to a claim that holds a slot. */
function held({ token, ticket }: LockHold): Verdict {
  return done({ state: 'held', token, ticket });
}

/** Answer to a claim that waits; the first of the queue is at position 1. */
function waiting(lock: Lock, { ticket }: LockWaiter): Verdict {
  return done({ state: 'waiting', ticket, position: lock.waiters.findIndex((one) => one.ticket === ticket) + 1 });
}

/** The lock without its claim, its slot passed on to the first who waits. Nothing is left of a lock that nobody claims. */
function withdraw(tx: Transaction, lock: Lock, ticket: number): void {
  const holders = lock.holders.filter((one) => one.ticket !== ticket);
  const waiters = lock.waiters.filter((one) => one.ticket !== ticket);
  const next = holders.length < lock.slots ? waiters.shift() : undefined;
  if (next !== undefined) {
    // Its session counts anew: it has not known until now that it holds anything.
    holders.push({ ...next, renewedIndex: tx.index, token: tx.index, acquiredAtMs: tx.atMs });
    tx.event(about(lock.name), 'LockAcquired', `passed on to ${next.holder}${forWhat(next.reason)}, token ${tx.index}`);
  }
  if (holders.length === 0 && waiters.length === 0) tx.deleteLock(lock);
  else tx.putLock({ ...lock, holders, waiters });
}

/** The claim of `holder` that `token`, its fencing token or its ticket, names. */
function claimOf(lock: Lock | undefined, holder: string, token: number): LockHold | LockWaiter | undefined {
  return (
    lock?.holders.find((one) => one.holder === holder && (one.token === token || one.ticket === token)) ??
    lock?.waiters.find((one) => one.holder === holder && one.ticket === token)
  );
}

function lost(name: string, holder: string, token: number): Verdict {
  return no(
    ERROR_CODES.lockLost,
    `lock ${name} is not held by ${holder} with token ${token} any more: it expired, was broken or released. ` +
      'Stop what it protects, then acquire it anew',
    { kind: 'lock', name, holder, token },
  );
}

function withRenewed<T extends LockWaiter>(tx: Transaction, claims: readonly T[], ticket: number, ttlMs?: number): T[] {
  return claims.map((one) =>
    one.ticket === ticket ? { ...one, ttlMs: ttlMs ?? one.ttlMs, renewedIndex: tx.index, renewedAtMs: tx.atMs } : one,
  );
}

/** The session of a claim counts anew. */
function renew(tx: Transaction, lock: Lock, claim: LockHold | LockWaiter, ttlMs?: number): Verdict {
  const { ticket } = claim;
  const next = tx.putLock({
    ...lock,
    holders: withRenewed(tx, lock.holders, ticket, ttlMs),
    waiters: withRenewed(tx, lock.waiters, ticket, ttlMs),
  });
  return 'token' in claim ? held(claim) : waiting(next, claim);
}

/** `lockAcquire`. */
export function applyLockAcquire(tx: Transaction, command: CommandOf<'lockAcquire'>): Verdict {
  const { name, holder, reason, ttlMs, slots, wait } = command;
  const existing = tx.state.lock(name);
  if (existing === undefined && tx.state.lockCount >= LOCK_LIMIT) {
    return no(
      ERROR_CODES.refused,
      `lock ${name} cannot be had: ${LOCK_LIMIT} locks are in use, the most there may be`,
      {
        kind: 'lock',
        name,
      },
    );
  }
  const lock: Lock = existing ?? {
    ...{ kind: 'lock', name, modifiedIndex: tx.index, createdAtMs: tx.atMs },
    ...{ slots: slots ?? 1, holders: [], waiters: [] },
  };
  if (slots !== undefined && slots !== lock.slots) {
    return no(
      ERROR_CODES.conflict,
      `lock ${name} has slots: ${lock.slots}, asked for ${slots}. Ask for as many or leave it open, or wait until it is free`,
      { kind: 'lock', name, slots: lock.slots, asked: slots },
    );
  }
  const own = lock.holders.find((one) => one.holder === holder) ?? lock.waiters.find((one) => one.holder === holder);
  if (own !== undefined) return renew(tx, lock, own, ttlMs);
  const { index, atMs } = tx;
  const claim: LockWaiter = {
    ...{ holder, reason, ticket: index, ttlMs, renewedIndex: index },
    ...{ requestedAtMs: atMs, renewedAtMs: atMs },
  };
  if (lock.holders.length < lock.slots) {
    const hold: LockHold = { ...claim, token: index, acquiredAtMs: atMs };
    tx.putLock({ ...lock, holders: [...lock.holders, hold] });
    tx.event(about(name), 'LockAcquired', `by ${holder}${forWhat(reason)}, token ${index}`);
    return held(hold);
  }
  const facts = { kind: 'lock', name, holders: lock.holders.map((one) => one.holder), waiters: lock.waiters.length };
  if (!wait) {
    return no(
      ERROR_CODES.locked,
      `lock ${name} is held by ${holdersText(lock)}: wait for it, or break it if its holder is known to be gone`,
      facts,
    );
  }
  if (lock.waiters.length >= LOCK_WAITERS_MAX) {
    return no(
      ERROR_CODES.refused,
      `lock ${name} has ${LOCK_WAITERS_MAX} waiting, the most there may be: try again later`,
      facts,
    );
  }
  const next = tx.putLock({ ...lock, waiters: [...lock.waiters, claim] });
  tx.event(about(name), 'LockQueued', `${holder}${forWhat(reason)} waits, ${next.waiters.length} in the queue`);
  return waiting(next, claim);
}

/** `lockRenew`. */
export function applyLockRenew(tx: Transaction, { name, holder, token }: CommandOf<'lockRenew'>): Verdict {
  const lock = tx.state.lock(name);
  const claim = claimOf(lock, holder, token);
  return lock === undefined || claim === undefined ? lost(name, holder, token) : renew(tx, lock, claim);
}

/** `lockRelease`. */
export function applyLockRelease(tx: Transaction, { name, holder, token }: CommandOf<'lockRelease'>): Verdict {
  const lock = tx.state.lock(name);
  const claim = claimOf(lock, holder, token);
  if (lock === undefined || claim === undefined) return lost(name, holder, token);
  if ('token' in claim) tx.event(about(name), 'LockReleased', `by ${holder}, token ${claim.token}`);
  else tx.event(about(name), 'LockGivenUp', `${holder} waits no more`);
  withdraw(tx, lock, claim.ticket);
  return done();
}

/** The one claim that is to be broken, or why there is none. */
function toBreak(lock: Lock, command: CommandOf<'lockBreak'>): LockHold | LockWaiter | Verdict {
  const { name, holder, token } = command;
  const all: (LockHold | LockWaiter)[] = [...lock.holders, ...lock.waiters];
  const named = all.filter(
    (one) =>
      (holder === undefined || one.holder === holder) &&
      (token === undefined || one.ticket === token || ('token' in one && one.token === token)),
  );
  const found = holder === undefined && token === undefined ? lock.holders : named;
  const [first] = found;
  if (found.length === 1 && first !== undefined) return first;
  const facts = { kind: 'lock', name, holders: lock.holders.map((one) => one.holder) };
  if (first === undefined) {
    const who = holder ?? `token ${token}`;
    return no(
      ERROR_CODES.conflict,
      `lock ${name} is not held by ${who} but by ${holdersText(lock)}: look again`,
      facts,
    );
  }
  return no(ERROR_CODES.refused, `lock ${name} is held by ${holdersText(lock)}: say whose hold to break`, facts);
}

/** `lockBreak`. */
export function applyLockBreak(tx: Transaction, command: CommandOf<'lockBreak'>): Verdict {
  const { name, reason } = command;
  const lock = tx.state.lock(name);
  if (lock === undefined) return notFound('lock', name, 'nobody holds it; `n3xctl lock list` shows those in use');
  const claim = toBreak(lock, command);
  if ('ok' in claim) return claim;
  const what = 'token' in claim ? `the hold of ${claim.holder}, token ${claim.token}` : `the wait of ${claim.holder}`;
  tx.event(about(name), 'LockBroken', `${what}, was broken: ${reason}`, 'warning');
  withdraw(tx, lock, claim.ticket);
  return done({ holder: claim.holder, token: 'token' in claim ? claim.token : claim.ticket });
}

/** `lockExpire`. Refused when the claim was renewed or got its slot since the leader began to count. */
export function applyLockExpire(tx: Transaction, command: CommandOf<'lockExpire'>): Verdict {
  const { name, ticket, renewedIndex } = command;
  const lock = tx.state.lock(name);
  const all: (LockHold | LockWaiter)[] = lock === undefined ? [] : [...lock.holders, ...lock.waiters];
  const claim = all.find((one) => one.ticket === ticket);
  if (lock === undefined || claim?.renewedIndex !== renewedIndex) {
    return no(
      ERROR_CODES.conflict,
      `lock ${name}: the claim with ticket ${ticket} has moved on since index ${renewedIndex}`,
      {
        kind: 'lock',
        name,
      },
    );
  }
  const silent = `${claim.holder}${forWhat(claim.reason)} has not renewed it for ${claim.ttlMs} ms`;
  if ('token' in claim) tx.event(about(name), 'LockExpired', `token ${claim.token}: ${silent}`, 'warning');
  else tx.event(about(name), 'LockGivenUp', `ticket ${ticket}: ${silent}`);
  withdraw(tx, lock, ticket);
  return done();
}
