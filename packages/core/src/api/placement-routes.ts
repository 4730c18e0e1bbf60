/** Routes about where VMs run: they become part of the one table in `routes.ts`. */
import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import { strategySchema } from '../model/placement.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeQuerySchema, readQuerySchema, vmChangeResponseSchema, vmCreateRequestSchema } from './schemas.ts';

const nameParams = z.strictObject({ name: vmNameSchema });

/** Where a VM is or would be, as of `index`. */
export const placementViewSchema = z.object({
  name: z.string(),
  strategy: strategySchema,
  priority: z.int(),
  /** The host that it has. */
  host: z.string().nullable(),
  /** The host that would be chosen now; null when none would be. */
  choice: z.string().nullable(),
  /** VMs that would have to make room first. */
  displaces: z.array(z.string()),
  /** All of it in one line; of a VM that fits nowhere, what would make it fit. */
  summary: z.string(),
  hosts: z.array(
    z.object({
      host: z.string(),
      /** Whether the VM is assigned to it. */
      here: z.boolean(),
      fits: z.boolean(),
      /** What keeps the VM off, and what would lift it. */
      rules: z.array(z.object({ rule: z.string(), text: z.string(), remedy: z.string() })),
      /** Sum of the parts, the highest is best; null where the VM does not fit. */
      score: z.number().nullable(),
      parts: z.array(z.object({ part: z.string(), points: z.number() })),
    }),
  ),
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
    description: 'Every host with the rules that keep the VM off it, or with its score by part, as of now.',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
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
