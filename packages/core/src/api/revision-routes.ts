/** Routes that change VMs in place and take changes back: part of the one table in `routes.ts`. */
import { z } from 'zod';
import { vmSpecSchema } from '../model/vm.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeQuerySchema, readQuerySchema, vmChangeResponseSchema } from './schemas.ts';

const nameParams = z.strictObject({ name: vmNameSchema });

/** Body of `POST /v1/vms/:name/spec`. */
export const vmUpdateRequestSchema = z.strictObject({
  /** The whole spec as it shall be. */
  spec: vmSpecSchema,
  /** Build it anew also when it is the same: what its flake refers to may have moved. */
  rebuild: z.boolean().default(false),
  /** Refuse with a conflict unless the VM is at this generation. Reports of hosts do not move it. */
  ifGeneration: z.int().min(1).optional(),
});

/** One build of a VM. */
export const revisionViewSchema = z.object({
  /** Generation of the VM that asked for it. */
  generation: z.int(),
  atMs: z.number(),
  /** `pending`: its guest has not been seen ready. `replaced`: another was asked for before it was. */
  outcome: z.enum(['pending', 'ready', 'failed', 'replaced']),
  /** Whether it is the one that the VM is to run. */
  current: z.boolean(),
  /** Generation of the build that it brings back. */
  restores: z.int().optional(),
  /** Store path of its runner, as far as it is known. */
  runner: z.string().optional(),
  /** Why it failed. */
  message: z.string().optional(),
  /** Revision of the set's template that it was made from. */
  template: z.int().optional(),
  spec: vmSpecSchema,
});
/** One build of a VM. */
export type RevisionView = z.infer<typeof revisionViewSchema>;

/** Answer of `GET /v1/vms/:name/history`: oldest first, the last is the one that the VM is to run. */
export const vmHistorySchema = z.object({
  name: z.string(),
  items: z.array(revisionViewSchema),
  index: z.int(),
  stale: z.boolean(),
});
/** The builds of a VM. */
export type VmHistory = z.infer<typeof vmHistorySchema>;

/** The routes by operation id. */
export const REVISION_ROUTES = {
  updateVm: {
    method: 'POST',
    path: '/v1/vms/:name/spec',
    tag: 'vms',
    summary: 'Change the spec of a VM that is there',
    description:
      'What asks for another build is built beside the running VM, which is then restarted into it. When the guest does ' +
      'not get ready in its time the VM goes back to the build before by itself. Everything else takes effect as it is.',
    changes: true,
    params: nameParams,
    query: changeQuerySchema,
    body: vmUpdateRequestSchema,
    answer: { type: 'json', schema: vmChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  rollbackVm: {
    method: 'POST',
    path: '/v1/vms/:name/rollback',
    tag: 'vms',
    summary: 'Bring an earlier spec and its build back',
    description: 'Without `to` the last one that was ready. Its runner is used again where it is still there.',
    changes: true,
    params: nameParams,
    query: changeQuerySchema,
    body: z.strictObject({ to: z.int().min(1).optional() }),
    answer: { type: 'json', schema: vmChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getVmHistory: {
    method: 'GET',
    path: '/v1/vms/:name/history',
    tag: 'vms',
    summary: 'The builds of a VM, with what became of them',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: vmHistorySchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
} as const;
