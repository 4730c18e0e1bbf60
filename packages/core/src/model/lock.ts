/**
 * A lock or semaphore: a name with a number of slots, who holds them and who waits. It is there from the first
 * claim on it to the last one's end, so there is none that nobody uses.
 *
 * Each holder has a fencing token: the Raft index at which it got its slot. Tokens of one lock only ever grow, also
 * from one life of the lock to the next, so whatever the lock protects can refuse an older one.
 */
import { z } from 'zod';
import { LOCK_TTL_MS_RANGE } from './lock-timing.ts';
import { nameSchema } from './names.ts';

/** Locks at once. */
export const LOCK_LIMIT = 4096;
/** Most slots of a lock. */
export const LOCK_SLOTS_MAX = 128;
/** Most who may wait for a lock. */
export const LOCK_WAITERS_MAX = 128;

/** Who claims a lock: chosen by the client, the same for all of its requests about one claim. */
export const lockHolderSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._:@/+-]{0,126}[A-Za-z0-9])?$/,
    'a holder is 1 to 128 of A-Z a-z 0-9 . _ : @ / + -, with a letter or digit at both ends',
  );

/** Slots of a lock. */
export const lockSlotsSchema = z.int().min(1).max(LOCK_SLOTS_MAX);

/** Life of a session, in ms: a claim that is not renewed for this long goes. */
export const lockTtlSchema = z.int().min(LOCK_TTL_MS_RANGE[0]).max(LOCK_TTL_MS_RANGE[1]);

/** What the claim is for, for people. */
export const lockReasonSchema = z.string().max(256);

/** A claim on a lock: one who waits. */
export const lockWaiterSchema = z.strictObject({
  holder: lockHolderSchema,
  reason: lockReasonSchema,
  /** Raft index of the request: names this claim among all that this holder ever makes. */
  ticket: z.int().min(1),
  ttlMs: lockTtlSchema,
  /** Raft index of the last renewal, or of what else made the session count anew. */
  renewedIndex: z.int().min(1),
  /** Wall clock of the request, for display. */
  requestedAtMs: z.number(),
  /** Wall clock of the last renewal, for display. */
  renewedAtMs: z.number(),
});
/** One who waits for a lock. */
export type LockWaiter = z.infer<typeof lockWaiterSchema>;

/** A claim on a lock: one who has a slot. */
export const lockHoldSchema = lockWaiterSchema.extend({
  /** Fencing token: the Raft index at which it got its slot. */
  token: z.int().min(1),
  /** Wall clock of that, for display. */
  acquiredAtMs: z.number(),
});
/** One who holds a slot of a lock. */
export type LockHold = z.infer<typeof lockHoldSchema>;

/** A lock. */
export const lockSchema = z.strictObject({
  kind: z.literal('lock'),
  name: nameSchema,
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  slots: lockSlotsSchema,
  /** By rising token. */
  holders: z.array(lockHoldSchema).max(LOCK_SLOTS_MAX),
  /** By rising ticket: the first is next. */
  waiters: z.array(lockWaiterSchema).max(LOCK_WAITERS_MAX),
});
/** A lock. */
export type Lock = z.infer<typeof lockSchema>;
