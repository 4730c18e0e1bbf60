/** Routes that move VMs off hosts, to hosts and between them: they become part of the one table in `routes.ts`. */
import { z } from 'zod';
import { DRAIN_DEADLINE_MAX_SECONDS, drainModeSchema, drainParallelSchema, drainSchema } from '../model/drain.ts';
import { nameSchema } from '../model/names.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeQuerySchema, changeResponseSchema, readQuerySchema, vmChangeResponseSchema } from './schemas.ts';

const nameParams = z.strictObject({ name: nameSchema });

/** Most VMs that one plan moves, as the command has it. */
const PLAN_MAX = 64;

/** Body of `POST /v1/hosts/:name/drain`. */
export const drainRequestSchema = z.strictObject({
  mode: drainModeSchema.default('drain'),
  /** How many VMs leave at the same time; 4 of a drain, 256 of an evacuation when absent. */
  parallel: drainParallelSchema.optional(),
  /** Seconds from now after which it ends with what it has achieved. */
  deadlineSeconds: z.int().min(1).max(DRAIN_DEADLINE_MAX_SECONDS).optional(),
});

/** How far a drain is. */
export const drainViewSchema = z.object({
  host: z.string(),
  /** Null for a host that is not drained. */
  drain: drainSchema.nullable(),
  /** VMs that have left since it began. */
  moved: z.int(),
  moving: z.int(),
  waiting: z.int(),
  stuck: z.int(),
  /** Uids of volumes of no VM that are on it, which no drain moves; at most 256. */
  volumes: z.array(z.string()),
  vms: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['moving', 'waiting', 'stuck']),
      /** Where it goes, if that is settled. */
      to: z.string().nullable(),
      /** What goes on, or what is in the way. */
      text: z.string(),
    }),
  ),
  index: z.int(),
  stale: z.boolean(),
});
/** How far a drain is. */
export type DrainView = z.infer<typeof drainViewSchema>;

const planned = {
  name: vmNameSchema,
  uid: z.string().min(1).max(64),
  /** Epoch of the assignment that the plan was made from. */
  epoch: z.int().min(1),
  targetId: z.int().min(1),
};

/** What would even out the hosts. */
export const rebalancePlanSchema = z.object({
  moves: z.array(
    z.object({
      ...planned,
      from: z.string(),
      to: z.string(),
      /** Points by which the new host is better; the strategy alone gives up to 100. */
      gain: z.number(),
    }),
  ),
  /** VMs that were weighed. */
  considered: z.int(),
  index: z.int(),
  stale: z.boolean(),
});
/** What would even out the hosts. */
export type RebalancePlanView = z.infer<typeof rebalancePlanSchema>;

/** Body of `POST /v1/cluster/rebalance`: a plan, or part of one. */
export const rebalanceRequestSchema = z.strictObject({
  moves: z.array(z.strictObject(planned)).min(1).max(PLAN_MAX),
});

/** The routes by operation id. */
export const MOVE_ROUTES = {
  drainHost: {
    method: 'POST',
    path: '/v1/hosts/:name/drain',
    tag: 'hosts',
    summary: 'Move all VMs off a host, and give it no more',
    description:
      'Answers once the wish is durable; the leader goes on with it until the host is empty, the deadline has passed or ' +
      'the drain is ended. What cannot go anywhere stays, runs on, and says why.',
    changes: true,
    params: nameParams,
    body: drainRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  undrainHost: {
    method: 'POST',
    path: '/v1/hosts/:name/undrain',
    tag: 'hosts',
    summary: 'End the drain of a host, and let it take VMs again',
    changes: true,
    params: nameParams,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getDrain: {
    method: 'GET',
    path: '/v1/hosts/:name/drain',
    tag: 'hosts',
    summary: 'How far the drain of a host is, VM by VM',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: drainViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  migrateVm: {
    method: 'POST',
    path: '/v1/vms/:name/migrate',
    tag: 'vms',
    summary: 'Move a VM to another host; without a name to the best one',
    description:
      'Cold: it is built on its new host while it runs on, then stopped and removed on the old one, and started on the ' +
      'new one. The hard rules of placement hold.',
    changes: true,
    params: z.strictObject({ name: vmNameSchema }),
    query: changeQuerySchema,
    body: z.strictObject({
      host: nameSchema.optional(),
      /** Those of its host that it is to be near go along. */
      together: z.boolean().default(false),
    }),
    answer: {
      type: 'json',
      /** `together`: names of those that go along. */
      schema: vmChangeResponseSchema.extend({ together: z.array(z.string()) }),
    },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  cancelMigration: {
    method: 'POST',
    path: '/v1/vms/:name/migrate/cancel',
    tag: 'vms',
    summary: 'Take the move of a VM back',
    description:
      'It runs on where it is, or is started there again when it has stopped already. Unchanged when it does not move any ' +
      'more; refused while its host is drained, and for one that makes room for another.',
    changes: true,
    params: z.strictObject({ name: vmNameSchema }),
    query: changeQuerySchema,
    answer: { type: 'json', schema: vmChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  planRebalance: {
    method: 'GET',
    path: '/v1/cluster/rebalance',
    tag: 'cluster',
    summary: 'Which VMs had better run elsewhere',
    description: 'A plan made from the state as of `index`. It changes nothing.',
    changes: false,
    query: readQuerySchema.extend({ max: z.coerce.number().int().min(1).max(PLAN_MAX).default(10) }),
    answer: { type: 'json', schema: rebalancePlanSchema },
    errors: READ,
  },
  rebalanceCluster: {
    method: 'POST',
    path: '/v1/cluster/rebalance',
    tag: 'cluster',
    summary: 'Carry out a plan, or part of one',
    description: 'Moves of VMs that have moved on since the plan was made are left out, as are those that fit no more.',
    changes: true,
    body: rebalanceRequestSchema,
    answer: {
      type: 'json',
      schema: z.object({
        changed: z.boolean(),
        index: z.int(),
        /** Moves that were begun. */
        moved: z.int(),
        /** Moves that were left out. */
        left: z.int(),
        /** Why the first of them was. */
        reason: z.string().nullable(),
      }),
    },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
} as const;
