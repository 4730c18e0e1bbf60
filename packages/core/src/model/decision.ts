/** How a VM came to its host, or to none: kept with the VM, so that it can be told long after what was seen then. */
import { z } from 'zod';
import { moveCauseSchema } from './move.ts';
import { weighingSchema } from './weighing.ts';

/** Who or what gave a VM its host, or found that it has to wait. */
export const decisionMakerSchema = z.enum(['scheduler', 'user', 'move', 'adoption', 'attachment']);

/** The last decision about where a VM runs. */
export const decisionSchema = z.strictObject({
  /** Wall clock of who decided, ms since 1970. For display only. */
  atMs: z.number(),
  /** Why it moved. Only of moves. */
  cause: moveCauseSchema.optional(),
  /** The host that it was given; absent when none was found. */
  hostId: z.int().min(1).optional(),
  /** Index of the entry that decided. */
  index: z.int().min(1),
  maker: decisionMakerSchema,
  /** Why there was none, and what would have helped. Only without `hostId`. */
  message: z.string().max(1024).optional(),
  /** Absent when nobody weighed hosts: a user or an adoption named this one. */
  weighing: weighingSchema.optional(),
});
/** The last decision about where a VM runs. */
export type PlacementDecision = z.infer<typeof decisionSchema>;
