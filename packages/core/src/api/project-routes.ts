/** The routes of projects; part of the table of all routes. */

import { z } from 'zod';
import { strategySchema } from '../model/placement.ts';
import { projectSchema, quotaChangesSchema, quotasSchema } from '../model/project.ts';
import { projectNameSchema } from '../model/vm-name.ts';
import { annotationRoutes } from './annotation-routes.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeQuerySchema, changeResponseSchema, listSchema, readQuerySchema } from './schemas.ts';

const nameParams = z.strictObject({ name: projectNameSchema });

const amountsSchema = z.object({ vcpu: z.int(), memoryMib: z.int(), diskMib: z.int(), vms: z.int() });

/** A project as clients see it. */
export const projectViewSchema = projectSchema.extend({
  /** What all its VMs have together, running or not: what its maxima are compared with. */
  used: amountsSchema,
  /** What those of them have that have a host: what its guarantees are compared with. */
  standing: amountsSchema,
});
/** A project as clients see it. */
export type ProjectView = z.infer<typeof projectViewSchema>;

/** Body of `POST /v1/projects`. */
export const projectCreateRequestSchema = z.strictObject({
  name: projectNameSchema,
  quotas: quotasSchema.default({}),
  /** How hosts are chosen for its VMs that do not say so; the cluster's way without it. */
  strategy: strategySchema.optional(),
});

/** Body of `POST /v1/projects/:name/settings`: what is named changes, null takes away, the rest stays. */
export const projectSetRequestSchema = z
  .strictObject({ quotas: quotaChangesSchema.optional(), strategy: strategySchema.nullable().optional() })
  .refine((settings) => Object.keys(settings).length > 0, 'name a quota or a strategy');

/** Answer to a request that changes a project. */
export const projectChangeResponseSchema = z.object({
  project: projectViewSchema,
  changed: z.boolean(),
  index: z.int(),
});

const annotations = annotationRoutes('/v1/projects/:name/annotations', 'projects', 'a project', nameParams);

/** Every route of projects by operation id. */
export const PROJECT_ROUTES = {
  listProjects: {
    method: 'GET',
    path: '/v1/projects',
    tag: 'projects',
    summary: 'All projects with their quotas and what they use',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(projectViewSchema) },
    errors: READ,
  },
  getProject: {
    method: 'GET',
    path: '/v1/projects/:name',
    tag: 'projects',
    summary: 'One project',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: projectViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  createProject: {
    method: 'POST',
    path: '/v1/projects',
    tag: 'projects',
    summary: 'Make a project',
    description:
      '201 for a new project, 200 when it is there already with the same settings, a conflict when they differ. The ' +
      'guarantees of all projects together must be there to be given: hosts must have as much.',
    changes: true,
    body: projectCreateRequestSchema,
    answer: { type: 'json', schema: projectChangeResponseSchema, created: true },
    errors: CHANGE,
  },
  setProject: {
    method: 'POST',
    path: '/v1/projects/:name/settings',
    tag: 'projects',
    summary: 'Set quotas of a project, and how hosts are chosen for its VMs',
    description: 'What the body names changes, the rest stays. A maximum below what is used is refused.',
    changes: true,
    params: nameParams,
    query: changeQuerySchema,
    body: projectSetRequestSchema,
    answer: { type: 'json', schema: projectChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  deleteProject: {
    method: 'DELETE',
    path: '/v1/projects/:name',
    tag: 'projects',
    summary: 'Delete a project that has no VMs',
    changes: true,
    params: nameParams,
    query: changeQuerySchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getProjectAnnotations: annotations.read,
  annotateProject: annotations.change,
} as const;
