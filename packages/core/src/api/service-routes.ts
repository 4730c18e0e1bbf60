/** Routes of the daemon that answers, and of changes as they happen: they become part of the one table in `routes.ts`. */
import { z } from 'zod';
import { READ } from './route-errors.ts';
import { eventListSchema, eventsQuerySchema, localStatusSchema, watchLineSchema, watchQuerySchema } from './schemas.ts';

/** Answer of `GET /v1/version`. */
export const versionResponseSchema = z.object({
  version: z.string(),
  /** Prefix of the paths that this server answers. */
  api: z.literal('v1'),
  /** Formats of replicated commands this build understands: lowest and highest. */
  commandFormats: z.tuple([z.int(), z.int()]),
});

/** Answer of `GET /v1/health`: the daemon serves; whether it can also change anything is `status`. */
export const healthResponseSchema = z.object({
  /** `ok`: a leader is known. `noLeader`: none is. `notInitialised`: this host belongs to no cluster. */
  status: z.enum(['ok', 'noLeader', 'notInitialised']),
});

/** The routes by operation id. */
export const SERVICE_ROUTES = {
  getVersion: {
    method: 'GET',
    path: '/v1/version',
    tag: 'service',
    summary: 'Version of the daemon that answers',
    changes: false,
    answer: { type: 'json', schema: versionResponseSchema },
    errors: [],
  },
  getHealth: {
    method: 'GET',
    path: '/v1/health',
    tag: 'service',
    summary: 'Whether the daemon serves and knows a leader',
    changes: false,
    answer: { type: 'json', schema: healthResponseSchema },
    errors: [],
  },
  getLocal: {
    method: 'GET',
    path: '/v1/local',
    tag: 'service',
    summary: 'The host that answers, in itself',
    description: 'Answers at once, with or without a cluster or a quorum.',
    changes: false,
    answer: { type: 'json', schema: localStatusSchema },
    errors: [],
  },
  listEvents: {
    method: 'GET',
    path: '/v1/events',
    tag: 'changes',
    summary: 'History of the cluster, oldest first, the last `limit` of it',
    changes: false,
    query: eventsQuerySchema,
    answer: { type: 'json', schema: eventListSchema },
    errors: READ,
  },
  watch: {
    method: 'GET',
    path: '/v1/watch',
    tag: 'changes',
    summary: 'Changes as they happen, from an index on',
    description:
      'One JSON document per line. `index` of the last line is where a new watch continues. The stream ends after a line ' +
      'of type `error`: with N3X_COMPACTED list again and watch from the index of that list; with N3X_OVERLOADED the ' +
      'reader was too slow and may continue from the last index it saw; with N3X_NOT_INITIALISED the host has left its cluster.',
    changes: false,
    query: watchQuerySchema,
    answer: { type: 'lines', schema: watchLineSchema },
    errors: ['N3X_NOT_INITIALISED', 'N3X_COMPACTED', 'N3X_OVERLOADED'],
  },
  getOpenApi: {
    method: 'GET',
    path: '/openapi.json',
    tag: 'service',
    summary: 'This API as an OpenAPI 3.1 document',
    changes: false,
    answer: { type: 'json', schema: z.record(z.string(), z.unknown()) },
    errors: [],
  },
} as const;
