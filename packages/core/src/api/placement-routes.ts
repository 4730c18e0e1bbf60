/** Routes about where VMs run: they become part of the one table in `routes.ts`. */
import { z } from 'zod';
import { decisionMakerSchema } from '../model/decision.ts';
import { nameSchema } from '../model/names.ts';
import { strategySchema } from '../model/placement.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeQuerySchema, readQuerySchema, vmChangeResponseSchema, vmCreateRequestSchema } from './schemas.ts';

const nameParams = z.strictObject({ name: vmNameSchema });

/** What an explanation speaks of. */
export const asOfSchema = z.enum(['now', 'decision']);

/** Where a VM is or would be, as of `index`. */
export const placementViewSchema = z.object({
  name: z.string(),
  strategy: strategySchema,
  priority: z.int(),
  /** The host that it has. */
  host: z.string().nullable(),
  /** What the rest speaks of: a choice made now, or the last decision as it was seen then. */
  asOf: asOfSchema,
  /** The host that would be chosen now, or was chosen then; null when none would be, or was. */
  choice: z.string().nullable(),
  /** VMs that would have to make room first. */
  displaces: z.array(z.string()),
  /** All of it in one line; of a VM that fits nowhere, what would make it fit. */
  summary: z.string(),
  /** All of them as of now; as of the decision those that were kept, the best first. */
  hosts: z.array(
    z.object({
      host: z.string(),
      /** Whether the VM is assigned to it. */
      here: z.boolean(),
      fits: z.boolean(),
      /** What keeps the VM off, and what would lift it; that is empty for what was then. */
      rules: z.array(z.object({ rule: z.string(), text: z.string(), remedy: z.string() })),
      /** Sum of the parts, the highest is best; null where the VM does not fit. */
      score: z.number().nullable(),
      parts: z.array(z.object({ part: z.string(), points: z.number() })),
    }),
  ),
  /** The circumstances of the decision; null as of now, and when nothing was kept. */
  decision: z
    .object({
      /** Index of the entry that it was. */
      index: z.int(),
      /** When, ms since 1970 by the clock of who decided. */
      atMs: z.number(),
      maker: decisionMakerSchema,
      /** Name of the host that weighed the others; null when none were weighed. */
      by: z.string().nullable(),
      /** Index of the state that they were weighed in. */
      from: z.int().nullable(),
      /** Hosts that were in question. */
      considered: z.int(),
      /** Hosts that were ruled out and are not listed, by the first rule against each. */
      excluded: z.array(z.object({ rule: z.string(), hosts: z.int() })),
      /** Hosts that are neither listed nor known to be ruled out: none of them was better than those listed. */
      others: z.int(),
    })
    .nullable(),
  index: z.int(),
  stale: z.boolean(),
});
/** Where a VM is or would be. */
export type PlacementView = z.infer<typeof placementViewSchema>;

/** The routes by operation id. */
export const PLACEMENT_ROUTES = {
  explainVm: {
    method: 'GET',
    path: '/v1/vms/:name/placement',
    tag: 'vms',
    summary: 'Why a VM is where it is, or nowhere',
    description:
      'Every host with the rules that keep the VM off it, or with its score by part: as of now, or as it was seen when the VM got its host or was told why it has none. Of a decision among more than 16 hosts the chosen one and the next two are kept, and how many each rule ruled out.',
    changes: false,
    params: nameParams,
    query: readQuerySchema.extend({ asOf: asOfSchema.default('now') }),
    answer: { type: 'json', schema: placementViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  planVm: {
    method: 'POST',
    path: '/v1/vms/plan',
    tag: 'vms',
    summary: 'Where a VM would go if it were asked for',
    description: 'Takes what `POST /v1/vms` takes, refuses what it refuses, and changes nothing.',
    changes: false,
    body: vmCreateRequestSchema,
    answer: { type: 'json', schema: placementViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND', 'N3X_CONFLICT', 'N3X_REFUSED'],
  },
  placeVm: {
    method: 'POST',
    path: '/v1/vms/:name/place',
    tag: 'vms',
    summary: 'Give a VM that has no host the one that is named',
    description: 'For VMs that are placed by hand, and others that wait. The hard rules hold here too.',
    changes: true,
    params: nameParams,
    query: changeQuerySchema,
    body: z.strictObject({ host: nameSchema }),
    answer: { type: 'json', schema: vmChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
} as const;
