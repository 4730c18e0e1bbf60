/**
 * How long a claim on a lock lasts, and for whom. Both sides count on clocks of their own, and neither ever
 * looks at a wall clock: the holder counts short and the leader counts long, so that the holder has stopped
 * before the leader gives the slot away.
 */

/**
 * Largest error of the rate of any clock that counts a session, as a share of it. A tenth is far more than a
 * sound clock is off; it costs no more than a fifth of a session.
 */
export const LOCK_CLOCK_ERROR = 0.1;

/** Life of a session, in ms, that asks for none. */
export const LOCK_DEFAULT_TTL_MS = 30_000;
/** Shortest and longest life of a session, in ms. */
export const LOCK_TTL_MS_RANGE: readonly [number, number] = [1_000, 7 * 86_400_000];

/**
 * Time, in ms on the holder's monotonic clock, after which it must have stopped whatever the lock protects:
 * counted from the moment it *sent* the last request that was answered with `held`; when it sent that
 * request several times, from the first time.
 */
export function holderLimitMs(ttlMs: number): number {
  return ttlMs * (1 - LOCK_CLOCK_ERROR);
}

/** Time, in ms on the leader's monotonic clock, that it lets a session live after it saw its last renewal applied. */
export function leaderLimitMs(ttlMs: number): number {
  return ttlMs * (1 + LOCK_CLOCK_ERROR);
}
