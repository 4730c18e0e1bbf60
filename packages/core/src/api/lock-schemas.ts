/** What the API takes and gives about locks. */
import { z } from 'zod';
import { lockHolderSchema, lockReasonSchema, lockSchema, lockSlotsSchema, lockTtlSchema } from '../model/lock.ts';
import { LOCK_DEFAULT_TTL_MS } from '../model/lock-timing.ts';

/** A lock as clients see it. */
export const lockViewSchema = lockSchema.extend({
  /** Slots that nobody holds. */
  free: z.int(),
});
/** A lock as clients see it. */
export type LockView = z.infer<typeof lockViewSchema>;

const token = z.int().min(1);

/** Body of an acquisition. */
export const lockAcquireRequestSchema = z.strictObject({
  /** Who claims it. The same holder again renews its claim and gets the same token. */
  holder: lockHolderSchema,
  /** What for, shown to others. */
  reason: lockReasonSchema.default(''),
  /** The claim goes when it is not renewed for this long, in ms. */
  ttlMs: lockTtlSchema.default(LOCK_DEFAULT_TTL_MS),
  /** How many may hold it at once; left out, 1 for a lock that is free and whatever is for one in use. */
  slots: lockSlotsSchema.optional(),
  /** Whether to queue when it is held by others. */
  wait: z.boolean().default(false),
});

/** Where a claim stands. */
export const lockClaimSchema = z.object({
  state: z.enum(['held', 'waiting']),
  /** Names the claim, while it waits and when it holds. */
  ticket: z.int(),
  /** Fencing token; null while it waits. */
  token: z.int().nullable(),
  /** Place in the queue, from 1; null when it holds. */
  position: z.int().nullable(),
  /**
   * Time, in ms, after which its holder must have stopped, counted on its own monotonic clock from the sending of
   * the request that this answers.
   */
  holdMs: z.number(),
});
/** Where a claim stands. */
export type LockClaim = z.infer<typeof lockClaimSchema>;

/** Answer to an acquisition or renewal: the claim, and its lock. */
export const lockClaimResponseSchema = z.object({
  claim: lockClaimSchema,
  lock: lockViewSchema,
  index: z.int(),
});

/** Body of a renewal or release: `token` is the fencing token, or the ticket of the claim. */
export const lockTokenRequestSchema = z.strictObject({ holder: lockHolderSchema, token });

/** Body of a break: whose claim; without either that of the only holder. */
export const lockBreakRequestSchema = z.strictObject({
  holder: lockHolderSchema.optional(),
  token: token.optional(),
  /** Why; kept in the history. */
  reason: lockReasonSchema.min(1),
});

/** Answer to a break: whose claim it was. */
export const lockBreakResponseSchema = z.object({
  holder: z.string(),
  /** Its fencing token; of one who waited its ticket. */
  token: z.int(),
  changed: z.boolean(),
  index: z.int(),
});
