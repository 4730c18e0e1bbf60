/** What is kept of a host that restarts its n3xd under a longer lease, and the setting for it; see `restart-lease.ts`. */
import { z } from 'zod';

/** How long, in seconds, it lasts where the settings say nothing. */
export const RESTART_LEASE_SECONDS = 60;
/** The longest, in seconds: a host that does not come back leaves its VMs down for as long. */
export const RESTART_LEASE_MAX_SECONDS = 3_600;

/** The setting, in seconds; 0 for none. */
export const restartLeaseSchema = z.int().min(0).max(RESTART_LEASE_MAX_SECONDS);

/** A host's restart: a field of the host, from when it was promised the longer lease until that is over. */
export const restartingSchema = z.strictObject({
  /** Index of the promise. Whoever says that it is over names it. */
  index: z.int().min(1),
  /** The run of the daemon that goes; absent where a recovery does not know what had been promised. */
  bootId: z.string().max(64).optional(),
  /** Wall clock, for display only. */
  sinceMs: z.number(),
  /** For how long, in ms on the host's clock from before it asked, what is fenced may run. */
  holdMs: z.int(),
  /** How long, in ms on a leader's clock from after it learned of the promise, nothing fenced is started elsewhere. */
  waitMs: z.int(),
});
/** A host's restart. */
export type Restarting = z.infer<typeof restartingSchema>;
