/** Routes of hosts: they become part of the one table in `routes.ts`. */

import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import { annotationRoutes } from './annotation-routes.ts';
import { CHANGE, READ } from './route-errors.ts';
import {
  changeResponseSchema,
  hostRemoveQuerySchema,
  hostRemoveResponseSchema,
  hostSetRequestSchema,
  hostViewSchema,
  listSchema,
  readQuerySchema,
} from './schemas.ts';

const nameParams = z.strictObject({ name: nameSchema });

const annotations = annotationRoutes('/v1/hosts/:name/annotations', 'hosts', 'a host', nameParams);

/** The routes by operation id. */
export const HOST_ROUTES = {
  listHosts: {
    method: 'GET',
    path: '/v1/hosts',
    tag: 'hosts',
    summary: 'All hosts with what they have, give and have left',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(hostViewSchema) },
    errors: READ,
  },
  getHost: {
    method: 'GET',
    path: '/v1/hosts/:name',
    tag: 'hosts',
    summary: 'One host',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: hostViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  setHost: {
    method: 'POST',
    path: '/v1/hosts/:name/settings',
    tag: 'hosts',
    summary: 'Set the role and labels of a host, and whether it takes VMs',
    description:
      'Labels that are set here stand before those of the configuration file of the host; null takes one away that was ' +
      'set here. The label `zone` names the failure domain that voters are spread over.',
    changes: true,
    params: nameParams,
    body: hostSetRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  removeHost: {
    method: 'DELETE',
    path: '/v1/hosts/:name',
    tag: 'hosts',
    summary: 'Give a lost host up, and with it the VMs on it',
    description:
      'Refused for a host that is heard from, unless forced, and when the other voters would be no quorum. Its VMs ' +
      'become `lost`: their disks are gone with the host, and they start nowhere until they are started by hand.',
    changes: true,
    params: nameParams,
    query: hostRemoveQuerySchema,
    answer: { type: 'json', schema: hostRemoveResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getHostAnnotations: annotations.read,
  annotateHost: annotations.change,
} as const;
