/** Locks and claims of the API for tests. */
import { type LockClaim, type LockView, lockClaimSchema, lockViewSchema } from '@n3x/core/api/lock-schemas';
import { EPOCH_MS } from './objects.ts';

/** A lock that `ci@n1` holds and `ci@n2` waits for. */
export function makeLock(change: Partial<LockView> = {}): LockView {
  const waiter = { reason: '', ttlMs: 30_000, requestedAtMs: EPOCH_MS, renewedAtMs: EPOCH_MS };
  return lockViewSchema.parse({
    kind: 'lock',
    name: 'deploy',
    modifiedIndex: 12,
    createdAtMs: EPOCH_MS,
    slots: 1,
    free: 0,
    holders: [
      { ...waiter, holder: 'ci@n1', reason: 'upgrade', ticket: 9, renewedIndex: 12, token: 9, acquiredAtMs: EPOCH_MS },
    ],
    waiters: [{ ...waiter, holder: 'ci@n2', ticket: 11, renewedIndex: 11 }],
    ...change,
  });
}

/** A claim that holds, or with a position waits. */
export function makeClaim(change: Partial<LockClaim> = {}): LockClaim {
  return lockClaimSchema.parse({
    ...{ state: 'held', ticket: 9, token: 9, position: null, holdMs: 27_000 },
    ...change,
  });
}
