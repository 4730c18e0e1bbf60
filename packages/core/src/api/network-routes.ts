/** The routes of networks; part of the table of all routes. */
import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import { networkChangesSchema } from '../model/network.ts';
import {
  networkChangeResponseSchema,
  networkCreateRequestSchema,
  networkDetailSchema,
  networkViewSchema,
} from './network-schemas.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeResponseSchema, listSchema, readQuerySchema } from './schemas.ts';

const nameParams = z.strictObject({ name: nameSchema });

/** Every route of networks by operation id. */
export const NETWORK_ROUTES = {
  listNetworks: {
    method: 'GET',
    path: '/v1/networks',
    tag: 'networks',
    summary: 'Networks, with how many addresses are in use, held and left',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(networkViewSchema) },
    errors: READ,
  },
  createNetwork: {
    method: 'POST',
    path: '/v1/networks',
    tag: 'networks',
    summary: 'Make a network that VMs get addresses from',
    description:
      'No two networks may have an address in common. The same name with the same spec again changes nothing.',
    changes: true,
    body: networkCreateRequestSchema,
    answer: { type: 'json', schema: networkChangeResponseSchema, created: true },
    errors: CHANGE,
  },
  getNetwork: {
    method: 'GET',
    path: '/v1/networks/:name',
    tag: 'networks',
    summary: 'One network, the VMs on it and the addresses they released',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: networkDetailSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  setNetwork: {
    method: 'POST',
    path: '/v1/networks/:name/settings',
    tag: 'networks',
    summary: 'Change gateways, name servers, excluded addresses or the hold of a network',
    description: 'VMs keep the addresses, gateways and name servers that they were given.',
    changes: true,
    params: nameParams,
    body: networkChangesSchema,
    answer: { type: 'json', schema: networkChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  deleteNetwork: {
    method: 'DELETE',
    path: '/v1/networks/:name',
    tag: 'networks',
    summary: 'Delete a network that no VM is on and that holds no address',
    changes: true,
    params: nameParams,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
} as const;
