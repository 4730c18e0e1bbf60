/** What an operator asks of a host that is to be empty. */
import { z } from 'zod';

/**
 * `drain`: a few VMs at a time, each built on its target before it stops. `evacuate`: all at once, and only what is
 * needed to run counts in the choice of targets, not what is wished for.
 */
export const drainModeSchema = z.enum(['drain', 'evacuate']);
/** How a host is emptied. */
export type DrainMode = z.infer<typeof drainModeSchema>;

/** Most VMs that leave one host at the same time. */
export const DRAIN_PARALLEL_MAX = 256;
/** VMs that leave a host at the same time unless the operator says otherwise. */
export const DRAIN_PARALLEL = 4;
/** Longest deadline, in seconds: a week. */
export const DRAIN_DEADLINE_MAX_SECONDS = 604_800;

/** How many VMs leave at the same time. */
export const drainParallelSchema = z.int().min(1).max(DRAIN_PARALLEL_MAX);

/**
 * Where it came to. `drained`: nothing is left. `stuck`: what is left can go nowhere now; it goes on once it can.
 * `expired`: the deadline passed; what was left stays.
 */
export const drainOutcomeSchema = z.enum(['drained', 'stuck', 'expired']);
/** Where a drain came to. */
export type DrainOutcome = z.infer<typeof drainOutcomeSchema>;

/** The emptying of a host: a field of the host, so that any leader goes on with it. */
export const drainSchema = z.strictObject({
  mode: drainModeSchema,
  parallel: drainParallelSchema,
  /** Raft index of the request: tells this drain from any other of the host. */
  index: z.int().min(1),
  startedAtMs: z.number(),
  /** Wall clock at which it ends with what it has achieved; absent for one that goes on until the host is empty. */
  deadlineMs: z.number().optional(),
  /** VMs on the host when it began. */
  total: z.int().min(0),
  /** Absent while it gets on. */
  outcome: drainOutcomeSchema.optional(),
  /** VMs that were left as of `outcome`. */
  left: z.int().min(0).optional(),
  /** What stayed and why, as of `outcome`. */
  message: z.string().max(1024).optional(),
});
/** The emptying of a host. */
export type Drain = z.infer<typeof drainSchema>;

/** Whether VMs are still to be moved off. */
export function isDraining(drain: Drain | undefined): drain is Drain {
  return drain !== undefined && drain.outcome !== 'expired';
}
