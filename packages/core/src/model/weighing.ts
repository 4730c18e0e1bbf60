/** What was seen of the hosts when one was chosen for a VM, or none was found. */
import { z } from 'zod';
import { strategySchema } from './placement.ts';

/** Up to so many hosts each one is kept; of more, the best few are, and how many each rule kept out. */
export const ALL_KEPT_UP_TO = 16;

/** Hosts that are kept behind the chosen one when not all are. */
export const NEXT_BEST = 2;

/** Longest text of one rule against one host. */
export const RULE_TEXT_MAX = 160;

/** Most parts that a score has: the strategy, sixteen wishes of each of three kinds, the cost. */
const PARTS_MAX = 50;

/** Rules that one host was kept out by, each with its text. */
const ruledOutSchema = z.strictObject({
  hostId: z.int().min(1),
  rules: z
    .array(z.strictObject({ rule: z.string().max(32), text: z.string().max(RULE_TEXT_MAX) }))
    .min(1)
    .max(64),
});

/** What was seen of the hosts when one was chosen, or none was found. Made by who decides, never judged by `apply`. */
export const weighingSchema = z.strictObject({
  /** Hosts that were ruled out, each with all rules against it. Only where all hosts are kept. */
  against: z.array(ruledOutSchema).max(ALL_KEPT_UP_TO).optional(),
  /** Id of the host that decided: the leader, or whom the user had asked. */
  by: z.int().min(1),
  /** Hosts that were ruled out and are not in `against`, by the first rule against each. */
  excluded: z.record(z.string().max(32), z.int().min(1)).optional(),
  /** Index of the state that it was decided from. */
  from: z.int().min(0),
  /** Hosts of the cluster then. */
  hosts: z.int().min(0),
  /** What each of the points of a host is for. */
  parts: z.array(z.string().max(192)).max(PARTS_MAX),
  /**
   * Hosts that it fitted on, the best first: of each the id and then its points by part, all in one flat list, of
   * which there is one for each VM. So what a wish of weight one can give is 10,000 points.
   */
  ranked: z.array(z.int()).max(ALL_KEPT_UP_TO * (PARTS_MAX + 1)),
  strategy: strategySchema,
});
/** What was seen of the hosts. */
export type Weighing = z.infer<typeof weighingSchema>;
