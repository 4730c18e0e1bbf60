/** Which build a VM is to run, and whether that has proved itself. */
import { z } from 'zod';

/** Revisions of the past that are kept of one VM, and of one set. */
export const REVISIONS_MAX = 5;

const amountSchema = z.strictObject({ vcpu: z.int(), memoryMib: z.int() });

/** `pending`: its guest has not been seen ready. `failed`: it was given its time, and there was nothing to go back to. */
export const revisionStateSchema = z.enum(['pending', 'ready', 'failed']);

/** The build that a VM is to run. A VM that never had another one has no record of it. */
export const revisionSchema = z.strictObject({
  /** Generation of the VM that asked for it. */
  generation: z.int().min(1),
  /** Raft index of that. */
  index: z.int().min(1),
  /** Wall clock of that, ms since 1970; for display. */
  atMs: z.number(),
  state: revisionStateSchema,
  /** Counts the requests to build the same source anew; 0 when absent. */
  rebuilds: z.int().min(1).optional(),
  /** Generation of the past that this one brings back. */
  restores: z.int().min(1).optional(),
  /** Store path of its runner: of one that is brought back from the start, of others once they have proved themselves. */
  runner: z.string().max(512).optional(),
  /** What that runner needs. */
  evaluated: amountSchema.optional(),
  /** What the VM took before: its process may go on with it until this revision has proved itself. */
  held: amountSchema.optional(),
  /** Why it failed, in one line. */
  message: z.string().max(1024).optional(),
});
/** The build that a VM is to run. */
export type Revision = z.infer<typeof revisionSchema>;

/** What became of a revision of the past. `replaced`: another was asked for before it was seen ready. */
export const revisionOutcomeSchema = z.enum(['ready', 'failed', 'replaced']);
/** What became of a revision of the past. */
export type RevisionOutcome = z.infer<typeof revisionOutcomeSchema>;

/** What a revision of the past had, beside the spec. */
export const pastRevisionFields = {
  generation: z.int().min(1),
  atMs: z.number(),
  outcome: revisionOutcomeSchema,
  rebuilds: z.int().min(1).optional(),
  restores: z.int().min(1).optional(),
  runner: z.string().max(512).optional(),
  evaluated: amountSchema.optional(),
  message: z.string().max(1024).optional(),
  /** Revision of the set's template that it was made from. */
  template: z.int().min(1).optional(),
} as const;
