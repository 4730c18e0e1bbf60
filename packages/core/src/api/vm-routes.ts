/** Routes of VMs: they become part of the one table in `routes.ts`. */

import { z } from 'zod';
import type { ErrorCode } from '../base/errors.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { annotationRoutes } from './annotation-routes.ts';
import { CHANGE, READ } from './route-errors.ts';
import {
  CONSOLE_UPGRADE,
  changeQuerySchema,
  listSchema,
  logsQuerySchema,
  readQuerySchema,
  vmChangeResponseSchema,
  vmCreateRequestSchema,
  vmListQuerySchema,
  vmViewSchema,
} from './schemas.ts';

/** Codes of what only the host of a VM can answer. */
const ON_HOST: readonly ErrorCode[] = [
  'N3X_NOT_INITIALISED',
  'N3X_NOT_FOUND',
  'N3X_REFUSED',
  'N3X_CONFLICT',
  'N3X_UNREACHABLE',
  'N3X_NO_QUORUM',
  'N3X_TIMEOUT',
  'N3X_OVERLOADED',
  'N3X_DRIVER',
];

const vmParams = z.strictObject({ name: vmNameSchema });
const vmChange = { type: 'json', schema: vmChangeResponseSchema } as const;

const annotations = annotationRoutes('/v1/vms/:name/annotations', 'vms', 'a VM', vmParams);

/** The routes by operation id. */
export const VM_ROUTES = {
  listVms: {
    method: 'GET',
    path: '/v1/vms',
    tag: 'vms',
    summary: 'All VMs, or those of one project',
    changes: false,
    query: vmListQuerySchema,
    answer: { type: 'json', schema: listSchema(vmViewSchema) },
    errors: READ,
  },
  createVm: {
    method: 'POST',
    path: '/v1/vms',
    tag: 'vms',
    summary: 'Ask for a VM',
    description:
      'Answers once the wish is durable; placing, building and booting follow. 201 for a new VM, 200 when it is there ' +
      'already with the same spec, a conflict that names the fields when its spec differs.',
    changes: true,
    body: vmCreateRequestSchema,
    answer: { type: 'json', schema: vmChangeResponseSchema, created: true },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getVm: {
    method: 'GET',
    path: '/v1/vms/:name',
    tag: 'vms',
    summary: 'One VM',
    changes: false,
    params: vmParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: vmViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  startVm: {
    method: 'POST',
    path: '/v1/vms/:name/start',
    tag: 'vms',
    summary: 'Let a VM run',
    changes: true,
    params: vmParams,
    query: changeQuerySchema,
    answer: vmChange,
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  stopVm: {
    method: 'POST',
    path: '/v1/vms/:name/stop',
    tag: 'vms',
    summary: 'Shut a VM down and keep it so',
    changes: true,
    params: vmParams,
    query: changeQuerySchema,
    answer: vmChange,
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  restartVm: {
    method: 'POST',
    path: '/v1/vms/:name/restart',
    tag: 'vms',
    summary: 'Shut a VM down and start it again',
    changes: true,
    params: vmParams,
    query: changeQuerySchema,
    answer: vmChange,
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getVmAnnotations: annotations.read,
  annotateVm: annotations.change,
  getVmLogs: {
    method: 'GET',
    path: '/v1/vms/:name/logs',
    tag: 'vms',
    summary: 'Console or build log of a VM, from the host that holds it',
    changes: false,
    params: vmParams,
    query: logsQuerySchema,
    answer: { type: 'text' },
    errors: ON_HOST,
  },
  openVmConsole: {
    method: 'GET',
    path: '/v1/vms/:name/console',
    tag: 'vms',
    summary: 'Console of a VM: raw bytes both ways',
    description:
      'Needs the headers `Connection: Upgrade` and `Upgrade: n3x-console`. After the answer 101 the connection carries ' +
      'what the console prints one way and what is typed the other way, as raw bytes.',
    changes: false,
    params: vmParams,
    answer: { type: 'upgrade', protocol: CONSOLE_UPGRADE },
    errors: ON_HOST,
  },
} as const;
