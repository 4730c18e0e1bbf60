/** Joins the table of routes with their handlers. */
import type { Readable } from 'node:stream';
import type { Route } from '@n3x/core/api/route';
import { type OperationId, ROUTES, type RouteBody, type RouteParams, type RouteQuery } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { nearest } from '@n3x/core/base/near-miss';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiBackend } from './backend.ts';
import { Call, type JsonHandler, type StreamHandler } from './call.ts';
import { adoptVm, cleanOrphans, listFound, listOrphans, releaseVm } from './handlers/adoption.ts';
import {
  annotateHost,
  annotateProject,
  annotateVm,
  getHostAnnotations,
  getProjectAnnotations,
  getVmAnnotations,
} from './handlers/annotations.ts';
import { getBackup } from './handlers/backup.ts';
import { getHost, listEvents, listHosts, removeHost, setHost } from './handlers/hosts.ts';
import { acquireLock, breakLock, getLock, listLocks, releaseLock, renewLock } from './handlers/locks.ts';
import {
  createToken,
  initCluster,
  joinCluster,
  leaveCluster,
  listTokens,
  revokeToken,
  setCluster,
} from './handlers/membership.ts';
import {
  cancelMigration,
  drainHost,
  getDrain,
  migrateVm,
  planRebalance,
  rebalanceCluster,
  undrainHost,
} from './handlers/moves.ts';
import { createNetwork, deleteNetwork, getNetwork, listNetworks, setNetwork } from './handlers/networks.ts';
import { explainVm, placeVm, planVm } from './handlers/placement.ts';
import { createProject, deleteProject, getProject, listProjects, setProject } from './handlers/projects.ts';
import { getVmHistory, rollbackVm, updateVm } from './handlers/revisions.ts';
import { getCluster, getHealth, getLocal, getVersion } from './handlers/service.ts';
import { explainSet, planSet } from './handlers/set-placement.ts';
import {
  createSet,
  deleteSet,
  getSet,
  listSets,
  restartSet,
  rollbackSet,
  scaleSet,
  startSet,
  stopSet,
  updateSet,
} from './handlers/sets.ts';
import { getVmLogs } from './handlers/vm-streams.ts';
import { createVm, deleteVm, getVm, listVms, restartVm, startVm, stopVm } from './handlers/vms.ts';
import {
  attachVolume,
  cancelVolumeMove,
  createVolume,
  deleteVolume,
  detachVolume,
  getVolume,
  listVolumes,
  moveVolume,
  recreateVolumes,
} from './handlers/volumes.ts';
import { isLargeList, listText } from './large-list.ts';
import { readInput } from './problems.ts';
import { startWatch, type WatchLimits } from './watch.ts';

/** Watches, logs and consoles that may be open at once. */
export const STREAMS_MAX = 256;

/** What the routes need. */
export interface RouterContext {
  readonly backend: ApiBackend;
  readonly journal: Pick<JournalPort, 'log'>;
  readonly watch: WatchLimits;
  /** How to end each open stream, for a close. */
  readonly endings: Set<() => void>;
}

type StreamId = 'getBackup' | 'getVmLogs' | 'openVmConsole' | 'watch';
type JsonId = Exclude<OperationId, StreamId | 'getOpenApi'>;

const JSON_HANDLERS: { readonly [Id in JsonId]: JsonHandler<Id> } = {
  getVersion,
  getHealth,
  getLocal,
  getCluster,
  initCluster,
  joinCluster,
  leaveCluster,
  setCluster,
  listTokens,
  createToken,
  revokeToken,
  listHosts,
  getHost,
  setHost,
  removeHost,
  getHostAnnotations,
  annotateHost,
  listProjects,
  getProject,
  createProject,
  setProject,
  deleteProject,
  getProjectAnnotations,
  annotateProject,
  listVms,
  createVm,
  getVm,
  deleteVm,
  startVm,
  stopVm,
  restartVm,
  getVmAnnotations,
  annotateVm,
  explainVm,
  planVm,
  recreateVolumes,
  attachVolume,
  detachVolume,
  createVolume,
  listVolumes,
  getVolume,
  moveVolume,
  cancelVolumeMove,
  deleteVolume,
  placeVm,
  listFound,
  listOrphans,
  cleanOrphans,
  adoptVm,
  releaseVm,
  drainHost,
  undrainHost,
  getDrain,
  cancelMigration,
  migrateVm,
  planRebalance,
  rebalanceCluster,
  updateVm,
  rollbackVm,
  getVmHistory,
  listSets,
  createSet,
  getSet,
  deleteSet,
  explainSet,
  planSet,
  startSet,
  stopSet,
  restartSet,
  scaleSet,
  updateSet,
  rollbackSet,
  listLocks,
  getLock,
  acquireLock,
  renewLock,
  releaseLock,
  breakLock,
  listNetworks,
  createNetwork,
  getNetwork,
  setNetwork,
  deleteNetwork,
  listEvents,
};

/** Registers every route of the table. */
export function registerRoutes(app: FastifyInstance, context: RouterContext): void {
  const { backend } = context;
  for (const id of Object.keys(JSON_HANDLERS) as JsonId[]) registerJson(app, backend, id);
  registerStream(app, context, 'getBackup', (call) => ending(call, context, getBackup));
  registerStream(app, context, 'getVmLogs', (call) => ending(call, context, getVmLogs));
  registerStream(app, context, 'watch', (call) => watch(call, context));
  registerStream(app, context, 'openVmConsole', refusePlainConsole);
  const { method, path } = ROUTES.getOpenApi;
  let document: Promise<string> | null = null;
  app.route({
    method,
    url: path,
    handler: (request, reply) => {
      readCall(backend, request, reply, 'getOpenApi');
      document ??= openApiText(backend.local().version);
      return document.then((text) => sendJson(reply, 200, text));
    },
  });
}

/** The document and what makes it are loaded when first asked for: most daemons never are. */
async function openApiText(version: string): Promise<string> {
  const { openApiDocument } = await import('./openapi.ts');
  return JSON.stringify(openApiDocument(version));
}

function registerJson<Id extends JsonId>(app: FastifyInstance, backend: ApiBackend, id: Id): void {
  const route: Route = ROUTES[id];
  const handler: JsonHandler<Id> = JSON_HANDLERS[id];
  const created = route.answer.type === 'json' && route.answer.created === true;
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      const result = await handler(readCall(backend, request, reply, id));
      const body = isLargeList(result) ? listText(result) : JSON.stringify(result);
      return sendJson(reply, created && isChanged(result) ? 201 : 200, body);
    },
  });
}

function isChanged(result: unknown): boolean {
  return typeof result === 'object' && result !== null && 'changed' in result && result.changed === true;
}

function registerStream<Id extends StreamId>(
  app: FastifyInstance,
  { backend, endings }: RouterContext,
  id: Id,
  handler: StreamHandler<Id>,
): void {
  const route: Route = ROUTES[id];
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      if (endings.size >= STREAMS_MAX) {
        throw new N3xError('N3X_OVERLOADED', 'too many streams are open on this host: try again later');
      }
      try {
        await handler(readCall(backend, request, reply, id));
      } catch (error) {
        if (!reply.raw.headersSent) throw error;
        // The answer broke midway, or the client went: only cutting it short tells the client.
        reply.raw.destroy();
      }
      return reply;
    },
  });
}

function sendJson(reply: FastifyReply, status: number, body: string | Readable): FastifyReply {
  return reply.code(status).header('content-type', 'application/json; charset=utf-8').send(body);
}

/** The request with its input as the route's schemas read it. */
function readCall<Id extends OperationId>(
  backend: ApiBackend,
  request: FastifyRequest,
  reply: FastifyReply,
  id: Id,
): Call<Id> {
  const route: Route = ROUTES[id];
  const params = route.params === undefined ? undefined : readInput(route.params, request.params);
  const query = route.query === undefined ? noQuery(request) : readInput(route.query, request.query);
  const body = route.body === undefined ? noBody(request) : readInput(route.body, request.body ?? {});
  return new Call<Id>(backend, request, reply, {
    // The route's own schemas have just made these: the table says so, but not to the compiler.
    params: params as RouteParams<Id>,
    query: query as RouteQuery<Id>,
    body: body as RouteBody<Id>,
  });
}

function noQuery(request: FastifyRequest): undefined {
  const [first] = Object.keys(request.query ?? {});
  if (first !== undefined) throw new N3xError('N3X_INVALID', `${first}: this request takes no query parameters`);
}

function noBody(request: FastifyRequest): undefined {
  const { body } = request;
  if (body === undefined || body === null) return;
  if (typeof body === 'object' && Object.keys(body).length === 0) return;
  throw new N3xError('N3X_INVALID', 'this request takes no body');
}

/** Answers by a stream that a close of the server cuts short. */
async function ending<Id extends StreamId>(
  call: Call<Id>,
  { endings }: RouterContext,
  answer: StreamHandler<Id>,
): Promise<void> {
  const { raw } = call.reply;
  const end = (): void => void raw.destroy();
  endings.add(end);
  raw.once('close', () => endings.delete(end));
  await answer(call);
}

async function watch(call: Call<'watch'>, { backend, endings, watch: limits }: RouterContext): Promise<void> {
  call.stateNow();
  const { raw } = call.reply;
  // A watch that cannot start is answered as any error, so nothing is taken over before it has.
  const end = startWatch(backend, raw, call.query, limits);
  call.reply.hijack();
  endings.add(end);
  await new Promise<void>((resolve) => {
    raw.once('close', () => {
      endings.delete(end);
      resolve();
    });
  });
}

/** The console without an upgrade: a client that does not know how. */
async function refusePlainConsole(): Promise<void> {
  throw new N3xError(
    'N3X_INVALID',
    'a console needs the headers "connection: upgrade" and "upgrade: n3x-console": `n3xctl vm console` sends them',
  );
}

/** What to answer where no route is: the methods that the path has, or the nearest path. */
export function unknownRoute(method: string, url: string): { error: N3xError; allow: string | null } {
  const path = url.split('?')[0] ?? '';
  const routes = Object.values(ROUTES);
  const allowed = routes.filter((route) => pathPattern(route.path).test(path)).map((route) => route.method);
  if (allowed.length > 0) {
    const allow = allowed.join(', ');
    return { error: new N3xError('N3X_INVALID', `${method} is not allowed on ${path}: use ${allow}`), allow };
  }
  const shown = path.length <= 100 ? path : `${path.slice(0, 97)}...`;
  const near = nearest(path, new Set(routes.map((route) => route.path)));
  const hint = near === undefined ? 'GET /openapi.json lists all' : `did you mean ${near}?`;
  return { error: new N3xError('N3X_NOT_FOUND', `${method} ${shown} is no route of this API: ${hint}`), allow: null };
}

function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/:[a-zA-Z]+/g, '[^/]+')}$`);
}
