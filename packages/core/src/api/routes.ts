/**
 * Every route of the HTTP API, once: the server registers them from here, the client types its calls from
 * here, and the OpenAPI document is made from here.
 */
import { z } from 'zod';
import type { ErrorCode } from '../base/errors.ts';
import { nameSchema } from '../model/names.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { BACKUP_MEDIA_TYPE } from './backup-file.ts';
import { LOCK_ROUTES } from './lock-routes.ts';
import { MOVE_ROUTES } from './move-routes.ts';
import { NETWORK_ROUTES } from './network-routes.ts';
import { PLACEMENT_ROUTES } from './placement-routes.ts';
import { PROJECT_ROUTES } from './project-routes.ts';
import { REVISION_ROUTES } from './revision-routes.ts';
import { CHANGE, READ } from './route-errors.ts';
import {
  annotateRequestSchema,
  annotationsResponseSchema,
  CONSOLE_UPGRADE,
  changeQuerySchema,
  changeResponseSchema,
  clusterInitRequestSchema,
  clusterJoinRequestSchema,
  clusterLeaveRequestSchema,
  clusterSetRequestSchema,
  clusterStatusSchema,
  eventListSchema,
  eventsQuerySchema,
  hostRemoveQuerySchema,
  hostRemoveResponseSchema,
  hostSetRequestSchema,
  hostViewSchema,
  listSchema,
  localStatusSchema,
  logsQuerySchema,
  membershipResponseSchema,
  readQuerySchema,
  vmChangeResponseSchema,
  vmCreateRequestSchema,
  vmListQuerySchema,
  vmViewSchema,
  watchLineSchema,
  watchQuerySchema,
} from './schemas.ts';
import { SET_ROUTES } from './set-routes.ts';
import { TOKEN_ROUTES } from './token-routes.ts';
import { VOLUME_ROUTES } from './volume-routes.ts';

/** What a route answers when all goes well. */
export type RouteAnswer =
  /** One JSON document. `created` says that 201 stands for a new object and 200 for one that was there. */
  | { readonly type: 'json'; readonly schema: z.ZodType; readonly created?: true }
  /** Plain text, streamed. */
  | { readonly type: 'text' }
  /** Bytes of a form of their own, streamed. */
  | { readonly type: 'bytes'; readonly mediaType: string }
  /** Newline-delimited JSON, streamed; each line fits the schema. */
  | { readonly type: 'lines'; readonly schema: z.ZodType }
  /** The connection changes to raw bytes both ways (HTTP `Upgrade`). */
  | { readonly type: 'upgrade'; readonly protocol: string };

/** One route. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Parameters are written `:name`. */
  readonly path: `/${string}`;
  readonly tag:
    | 'cluster'
    | 'tokens'
    | 'hosts'
    | 'projects'
    | 'vms'
    | 'locks'
    | 'networks'
    | 'volumes'
    | 'changes'
    | 'service';
  readonly summary: string;
  readonly description?: string;
  /** Whether it changes something: it then takes a request id, and a retry with the same one takes effect once. */
  readonly changes: boolean;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly answer: RouteAnswer;
  /** Codes it may answer beside {@link COMMON_ERRORS}. */
  readonly errors: readonly ErrorCode[];
}

/** Codes that any route may answer: the request is malformed, or n3xd has a defect. */
export const COMMON_ERRORS: readonly ErrorCode[] = ['N3X_INVALID', 'N3X_INTERNAL'];

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

const nameParams = z.strictObject({ name: nameSchema });
const vmParams = z.strictObject({ name: vmNameSchema });

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

const vmChange = { type: 'json', schema: vmChangeResponseSchema } as const;
const membership = { type: 'json', schema: membershipResponseSchema } as const;

/** Every route by operation id. */
export const ROUTES = {
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
  getCluster: {
    method: 'GET',
    path: '/v1/cluster',
    tag: 'cluster',
    summary: 'The cluster: leader, quorum, hosts and VMs by phase',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: clusterStatusSchema },
    errors: READ,
  },
  initCluster: {
    method: 'POST',
    path: '/v1/cluster/init',
    tag: 'cluster',
    summary: 'Make a new cluster with this host as its only member',
    changes: true,
    body: clusterInitRequestSchema,
    answer: membership,
    errors: ['N3X_ALREADY_MEMBER', 'N3X_STORAGE', 'N3X_TIMEOUT'],
  },
  joinCluster: {
    method: 'POST',
    path: '/v1/cluster/join',
    tag: 'cluster',
    summary: 'Join the cluster that a token names',
    changes: true,
    body: clusterJoinRequestSchema,
    answer: membership,
    errors: [
      'N3X_ALREADY_MEMBER',
      'N3X_TOKEN_INVALID',
      'N3X_TOKEN_USED',
      'N3X_TOKEN_EXPIRED',
      'N3X_UNREACHABLE',
      'N3X_IDENTITY',
      'N3X_VERSION',
      'N3X_CONFLICT',
      'N3X_REFUSED',
      'N3X_NO_QUORUM',
      'N3X_TIMEOUT',
      'N3X_STORAGE',
    ],
  },
  leaveCluster: {
    method: 'POST',
    path: '/v1/cluster/leave',
    tag: 'cluster',
    summary: 'Take a host out of the cluster; without a name the one that answers',
    description: 'Refused while the host holds VMs, or when it is the last one.',
    changes: true,
    body: clusterLeaveRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  getBackup: {
    method: 'GET',
    path: '/v1/cluster/backup',
    tag: 'cluster',
    summary: 'The state of the cluster as a backup',
    description:
      'Everything as of one index, streamed with checksums: hosts, VMs, locks, networks, settings and history, without join tokens. ' +
      '`n3xd restore` makes a new cluster from it. A stream that is not whole is told from a whole one by its end.',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'bytes', mediaType: BACKUP_MEDIA_TYPE },
    errors: READ,
  },
  setCluster: {
    method: 'POST',
    path: '/v1/cluster/settings',
    tag: 'cluster',
    summary: 'Set how many hosts vote, after what time a dead voter is replaced, and how hosts are chosen for VMs',
    description: 'What the body names changes, the rest stays. The work follows, one safe step after the other.',
    changes: true,
    body: clusterSetRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: CHANGE,
  },
  ...TOKEN_ROUTES,
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
  getHostAnnotations: {
    method: 'GET',
    path: '/v1/hosts/:name/annotations',
    tag: 'hosts',
    summary: 'Annotations of a host',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: annotationsResponseSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  annotateHost: {
    method: 'POST',
    path: '/v1/hosts/:name/annotations',
    tag: 'hosts',
    summary: 'Set and take away annotations of a host',
    description: 'A text sets an annotation, null takes it away, the others stay. n3x never reads them.',
    changes: true,
    params: nameParams,
    query: changeQuerySchema,
    body: annotateRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  ...PROJECT_ROUTES,
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
  getVmAnnotations: {
    method: 'GET',
    path: '/v1/vms/:name/annotations',
    tag: 'vms',
    summary: 'Annotations of a VM',
    changes: false,
    params: vmParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: annotationsResponseSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  annotateVm: {
    method: 'POST',
    path: '/v1/vms/:name/annotations',
    tag: 'vms',
    summary: 'Set and take away annotations of a VM',
    description: 'A text sets an annotation, null takes it away, the others stay. n3x never reads them.',
    changes: true,
    params: vmParams,
    query: changeQuerySchema,
    body: annotateRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
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
  ...PLACEMENT_ROUTES,
  ...MOVE_ROUTES,
  ...REVISION_ROUTES,
  ...SET_ROUTES,
  ...VOLUME_ROUTES,
  ...LOCK_ROUTES,
  ...NETWORK_ROUTES,
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
} as const satisfies Readonly<Record<string, Route>>;

/** Name of a route. */
export type OperationId = keyof typeof ROUTES;

type Part<Id extends OperationId, Key extends 'params' | 'query' | 'body'> = (typeof ROUTES)[Id] extends {
  readonly [K in Key]: infer Schema extends z.ZodType;
}
  ? Schema
  : undefined;
type Out<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type In<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;

/** Path parameters of a route; `undefined` for one without. */
export type RouteParams<Id extends OperationId> = Out<Part<Id, 'params'>>;
/** Query of a route as the server sees it, defaults filled in. */
export type RouteQuery<Id extends OperationId> = Out<Part<Id, 'query'>>;
/** Query of a route as a client may write it. */
export type RouteQueryInput<Id extends OperationId> = In<Part<Id, 'query'>>;
/** Body of a route as the server sees it, defaults filled in. */
export type RouteBody<Id extends OperationId> = Out<Part<Id, 'body'>>;
/** Body of a route as a client may write it. */
export type RouteBodyInput<Id extends OperationId> = In<Part<Id, 'body'>>;
/** The JSON document, or the type of one line, that a route answers. */
export type RouteResult<Id extends OperationId> = (typeof ROUTES)[Id]['answer'] extends {
  readonly schema: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : undefined;

/** The path of a route with its parameters filled in. */
export function routePath(route: Pick<Route, 'path'>, params: Readonly<Record<string, string>> = {}): string {
  return route.path.replace(/:([a-zA-Z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
