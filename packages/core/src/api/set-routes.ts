/** Routes of sets of VMs, and what they take and give: part of the one table in `routes.ts`. */
import { z } from 'zod';
import { powerSchema, vmPhaseSchema, vmSpecSchema } from '../model/vm.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { maxUnavailableSchema, onFailureSchema, replicasSchema, templateSchema, vmSetSchema } from '../model/vm-set.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeResponseSchema, listSchema, readQuerySchema } from './schemas.ts';

const nameParams = z.strictObject({ name: vmNameSchema });
const ifGeneration = z.int().min(1).optional();

/** A set as clients see it. */
export const setViewSchema = vmSetSchema.omit({ span: true }).extend({
  /** The template that members shall have. */
  template: vmSpecSchema,
  /** Members whose guest is ready, that have the current revision, and places without a ready member. */
  ready: z.int(),
  updated: z.int(),
  unavailable: z.int(),
  /** `stopped`: all is as asked, and that is to be stopped. `failed`: the current revision failed on a member, and none other gets it. */
  state: z.enum(['settled', 'stopped', 'working', 'failed', 'deleting']),
  /** What it waits for, in one line; empty when all is as asked. */
  waitsFor: z.string(),
  members: z.array(
    z.object({
      name: z.string(),
      ordinal: z.int(),
      phase: vmPhaseSchema,
      hostName: z.string().nullable(),
      /** Revision of the template that it has. */
      revision: z.int(),
      available: z.boolean(),
      deleting: z.boolean(),
    }),
  ),
});
/** A set as clients see it. */
export type SetView = z.infer<typeof setViewSchema>;

/** Body of `POST /v1/sets`. */
export const setCreateRequestSchema = z.strictObject({
  name: vmNameSchema,
  template: templateSchema,
  replicas: replicasSchema,
  /** How many members an update may have down at once. */
  maxUnavailable: maxUnavailableSchema.default(1),
  /** What follows when an update fails on a member. */
  onFailure: onFailureSchema.default('rollback'),
  /** `stopped`: its VMs are made and not started. */
  power: powerSchema.default('running'),
});

/** Body of `POST /v1/sets/:name/template`. */
export const setUpdateRequestSchema = z.strictObject({
  /** The whole template as it shall be. */
  template: templateSchema,
  rebuild: z.boolean().default(false),
  maxUnavailable: maxUnavailableSchema.optional(),
  onFailure: onFailureSchema.optional(),
  ifGeneration,
});

/** Where the VMs of a set are or would be, as of `index`. */
export const setPlacementSchema = z.object({
  name: z.string(),
  replicas: z.int(),
  members: z.array(
    z.object({
      name: z.string(),
      /** The host that it has. */
      host: z.string().nullable(),
      /** The host that it has, or would get now; null when none would do. */
      choice: z.string().nullable(),
      /** VMs that would have to make room first. */
      displaces: z.array(z.string()),
      /** All of it in one line; of a VM that fits nowhere, what would make it fit. */
      summary: z.string(),
    }),
  ),
  index: z.int(),
  stale: z.boolean(),
});
/** Where the VMs of a set are or would be. */
export type SetPlacementView = z.infer<typeof setPlacementSchema>;

/** Answer to a change of a set. */
export const setChangeResponseSchema = z.object({ set: setViewSchema, changed: z.boolean(), index: z.int() });

const setChange = { type: 'json', schema: setChangeResponseSchema } as const;
const change = { changes: true, params: nameParams, answer: setChange, errors: [...CHANGE, 'N3X_NOT_FOUND'] } as const;

/** Body of a change that names nothing but, if at all, the generation it is for. */
const conditional = z.strictObject({ ifGeneration });

/** The routes by operation id. */
export const SET_ROUTES = {
  listSets: {
    method: 'GET',
    path: '/v1/sets',
    tag: 'vms',
    summary: 'All sets of VMs',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(setViewSchema) },
    errors: READ,
  },
  createSet: {
    method: 'POST',
    path: '/v1/sets',
    tag: 'vms',
    summary: 'Ask for a set of VMs of one template',
    description: 'Its VMs are called NAME-0, NAME-1 and so on, and are spread over hosts unless the template says how.',
    changes: true,
    body: setCreateRequestSchema,
    answer: { type: 'json', schema: setChangeResponseSchema, created: true },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getSet: {
    method: 'GET',
    path: '/v1/sets/:name',
    tag: 'vms',
    summary: 'One set with its members',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: setViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  deleteSet: {
    method: 'DELETE',
    path: '/v1/sets/:name',
    tag: 'vms',
    summary: 'Delete a set with its VMs',
    changes: true,
    params: nameParams,
    query: z.strictObject({ keepVolumes: z.enum(['true', 'false']).optional() }),
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  explainSet: {
    method: 'GET',
    path: '/v1/sets/:name/placement',
    tag: 'vms',
    summary: 'Where the VMs of a set are, and why those without a host have none',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: setPlacementSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  planSet: {
    method: 'POST',
    path: '/v1/sets/plan',
    tag: 'vms',
    summary: 'Where the VMs of a set would go if it were asked for',
    description: 'Takes what `POST /v1/sets` takes, places its VMs one after the other, and changes nothing.',
    changes: false,
    body: setCreateRequestSchema,
    answer: { type: 'json', schema: setPlacementSchema },
    errors: [...READ, 'N3X_NOT_FOUND', 'N3X_CONFLICT', 'N3X_REFUSED'],
  },
  startSet: {
    method: 'POST',
    path: '/v1/sets/:name/start',
    tag: 'vms',
    summary: 'Let the VMs of a set run, all at once',
    ...change,
    body: conditional,
  },
  stopSet: {
    method: 'POST',
    path: '/v1/sets/:name/stop',
    tag: 'vms',
    summary: 'Shut the VMs of a set down, all at once, and keep them so',
    description: 'VMs that the set gets later are made and not started, until the set is.',
    ...change,
    body: conditional,
  },
  restartSet: {
    method: 'POST',
    path: '/v1/sets/:name/restart',
    tag: 'vms',
    summary: 'Shut the VMs of a set down and start them again, a few at a time',
    description:
      'As in an update, never more than `maxUnavailable` are down for it. Refused for a set that is stopped.',
    ...change,
    body: conditional,
  },
  scaleSet: {
    method: 'POST',
    path: '/v1/sets/:name/scale',
    tag: 'vms',
    summary: 'Set how many VMs a set has',
    description: 'Of too many those with the highest numbers go.',
    ...change,
    body: z.strictObject({ replicas: replicasSchema, ifGeneration }),
  },
  updateSet: {
    method: 'POST',
    path: '/v1/sets/:name/template',
    tag: 'vms',
    summary: 'Change the template of a set',
    description:
      'Its VMs follow a few at a time, so that never more than `maxUnavailable` are down for it. When one does not get ' +
      'ready it goes back by itself, no other follows, and with `rollback` those that have followed go back too.',
    ...change,
    body: setUpdateRequestSchema,
  },
  rollbackSet: {
    method: 'POST',
    path: '/v1/sets/:name/rollback',
    tag: 'vms',
    summary: 'Bring an earlier template back',
    description: 'Without `to` the last revision that all VMs were ready with. They follow as in an update.',
    ...change,
    body: z.strictObject({ to: z.int().min(1).optional(), ifGeneration }),
  },
} as const;
