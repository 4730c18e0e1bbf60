/** Locks: who holds them, and claims on them. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { LockHold, LockWaiter } from '@n3x/core/model/lock';
import { holderLimitMs } from '@n3x/core/model/lock-timing';
import { type Call, unknownLock } from '../call.ts';
import { lockView } from '../views.ts';

/** Part of a request's time, in ms, that is kept back for its answer. */
const ANSWER_MARGIN_MS = 500;

/** `GET /v1/locks` */
export function listLocks(call: Call<'listLocks'>): Promise<RouteResult<'listLocks'>> {
  return call.list(call.query, (state) => [...state.locks()].map(lockView));
}

/** `GET /v1/locks/:name` */
export async function getLock(call: Call<'getLock'>): Promise<RouteResult<'getLock'>> {
  const state = await call.stateFor(call.query.consistency);
  const lock = state.lock(call.params.name);
  if (lock === undefined) throw unknownLock(state, call.params.name);
  return lockView(lock);
}

/** `POST /v1/locks/:name/acquire` */
export async function acquireLock(call: Call<'acquireLock'>): Promise<RouteResult<'acquireLock'>> {
  const cameAtMs = performance.now();
  const { name } = call.params;
  const { holder, reason, ttlMs, slots, wait } = call.body;
  const base = { type: 'lockAcquire', name, holder, reason, ttlMs, wait } as const;
  const result = await call.command(slots === undefined ? base : { ...base, slots });
  const ticket = Number(result.values?.['ticket']);
  const state = await call.stateAt(result.index);
  // A new claim is told its ticket at once: without it its client could not take it back.
  if (ticket === result.index) return claimAnswer(call, state, ticket, result.index);
  // A third of the session leaves who asks again time to fail twice before its place is lost.
  const endMs = cameAtMs + Math.max(0, Math.min(ttlMs / 3, call.timeoutMs - ANSWER_MARGIN_MS));
  await untilDecided(call, name, ticket, endMs - performance.now());
  return claimAnswer(call, call.stateNow(), ticket, result.index);
}

/** `POST /v1/locks/:name/renew` */
export async function renewLock(call: Call<'renewLock'>): Promise<RouteResult<'renewLock'>> {
  const result = await tokenCommand(call, 'lockRenew');
  return claimAnswer(call, await call.stateAt(result.index), Number(result.values?.['ticket']), result.index);
}

/** `POST /v1/locks/:name/release` */
export async function releaseLock(call: Call<'releaseLock'>): Promise<RouteResult<'releaseLock'>> {
  const { changed, index } = await tokenCommand(call, 'lockRelease');
  return { changed, index };
}

/** `POST /v1/locks/:name/break` */
export async function breakLock(call: Call<'breakLock'>): Promise<RouteResult<'breakLock'>> {
  const { holder, token, reason } = call.body;
  const command: Command = {
    ...{ type: 'lockBreak', name: call.params.name, reason },
    ...(holder === undefined ? {} : { holder }),
    ...(token === undefined ? {} : { token }),
  };
  const { changed, index, values } = await call.command(command);
  return { holder: String(values?.['holder']), token: Number(values?.['token']), changed, index };
}

function tokenCommand(
  call: Call<'renewLock'> | Call<'releaseLock'>,
  type: 'lockRenew' | 'lockRelease',
): Promise<CommandResult & { ok: true }> {
  const { holder, token } = call.body;
  return call.command({ type, name: call.params.name, holder, token });
}

function claimOf(state: ClusterState | null, name: string, ticket: number): LockHold | LockWaiter | undefined {
  const lock = state?.lock(name);
  return lock?.holders.find((one) => one.ticket === ticket) ?? lock?.waiters.find((one) => one.ticket === ticket);
}

/** Waits until the claim waits no more, its client goes, or time is up. */
async function untilDecided(call: Call<'acquireLock'>, name: string, ticket: number, waitMs: number): Promise<void> {
  const { backend, signal } = call;
  const waits = (): boolean => {
    const claim = claimOf(backend.state(), name, ticket);
    return claim !== undefined && !('token' in claim);
  };
  if (!waits()) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, waitMs));
    const unsubscribe = backend.subscribe({
      changed: (changes) => {
        if (changes.some((change) => change.kind === 'lock' && change.name === name) && !waits()) end();
      },
      // The state was replaced, or n3xd stops.
      reset: end,
    });
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

/** Where the claim stands in a state that has what became of it; an error when it has ended since. */
function claimAnswer(
  call: Call<'acquireLock'> | Call<'renewLock'>,
  state: ClusterState,
  ticket: number,
  index: number,
): RouteResult<'acquireLock'> {
  const { name } = call.params;
  const lock = state.lock(name);
  const claim = claimOf(state, name, ticket);
  if (lock === undefined || claim === undefined) {
    throw new N3xError(
      'N3X_LOCK_LOST',
      `the claim of ${call.body.holder} on lock ${name} has ended meanwhile: it expired, was broken or released. Acquire it anew`,
      { details: { kind: 'lock', name, holder: call.body.holder, token: ticket } },
    );
  }
  const token = 'token' in claim ? claim.token : null;
  const position = token === null ? lock.waiters.findIndex((one) => one.ticket === ticket) + 1 : null;
  return {
    claim: { state: token === null ? 'waiting' : 'held', ticket, token, position, holdMs: holderLimitMs(claim.ttlMs) },
    lock: lockView(lock),
    index,
  };
}
