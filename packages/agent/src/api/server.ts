/** The HTTP API of one n3xd on a Unix socket, and for other hosts through tunnels. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ROUTES } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import type { JournalPort } from '@n3x/core/ports/journal';
import { type FastifyInstance, fastify } from 'fastify';
import type { ApiBackend } from './backend.ts';
import { isConsoleUpgrade, openConsole } from './console.ts';
import { BODY_BYTES_MAX, errorAnswer, rawErrorAnswer } from './problems.ts';
import { registerRoutes, STREAMS_MAX, unknownRoute } from './router.ts';
import { listenAt } from './socket-path.ts';
import { WATCH_LIMITS, type WatchLimits } from './watch.ts';

/** Connections that may be open at once; more are closed at once. */
const CONNECTIONS_MAX = 1024;
/** How long, in ms, a request may take to arrive whole. */
const REQUEST_ARRIVAL_MS = 30_000;

/** How to serve. */
export interface ApiServerOptions {
  readonly backend: ApiBackend;
  /** Path of the Unix socket, at most 107 bytes. */
  readonly socket: string;
  /** Group (name or number) that may use the socket beside its owner. */
  readonly socketGroup?: string | null;
  readonly journal: Pick<JournalPort, 'log'>;
  readonly watch?: Partial<WatchLimits>;
  /** How long, in ms, a close waits for requests under way. */
  readonly closeGraceMs?: number;
}

/** A serving API. */
export interface ApiServer {
  /** Serves HTTP on a byte stream that another host opened to this one. */
  acceptTunnel(stream: Duplex): void;
  /** Takes no more requests, lets those under way end, ends streams, removes the socket. May be called again. */
  close(): Promise<void>;
}

/** Starts to serve. Rejects with `N3X_CONFIG` when the socket cannot be had. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { backend, journal } = options;
  const open = new Set<Duplex>();
  const endings = new Set<() => void>();
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    requestTimeout: REQUEST_ARRIVAL_MS,
    forceCloseConnections: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    http: { shouldUpgradeCallback: isConsoleUpgrade },
    frameworkErrors: (error, _request, reply) => {
      const answer = errorAnswer(error, journal, 'request');
      reply.hijack();
      reply.raw.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8' });
      reply.raw.end(JSON.stringify(answer.body));
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || socket.destroyed) return;
      socket.end(rawErrorAnswer(errorAnswer(error, journal, 'request')));
    },
  });
  acceptJson(app);
  app.setErrorHandler((error, request, reply) => {
    const answer = errorAnswer(error, journal, `${request.method} ${request.routeOptions.url ?? request.url}`);
    if (reply.sent || reply.raw.headersSent) {
      // A stream that broke midway: only cutting it short tells the client.
      reply.raw.destroy();
      return;
    }
    if (answer.status === 429) reply.header('retry-after', '1');
    void reply.code(answer.status).send(answer.body);
  });
  app.setNotFoundHandler((request, reply) => {
    const { error, allow } = unknownRoute(request.method, request.url);
    const answer = errorAnswer(error, journal, 'request');
    if (allow !== null) reply.header('allow', allow);
    void reply.code(answer.status).send(answer.body);
  });
  registerRoutes(app, { backend, journal, watch: { ...WATCH_LIMITS, ...options.watch }, endings });
  await app.ready();

  const { server } = app;
  server.maxConnections = CONNECTIONS_MAX;
  server.on('connection', (socket: Duplex) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const end = (): void => void socket.destroy();
    endings.add(end);
    socket.once('close', () => endings.delete(end));
    void openConsole({ backend, journal }, request, socket, head, endings.size > STREAMS_MAX);
  });
  await listenAt(server, options.socket, options.socketGroup ?? null);
  journal.log('info', 'api.listening', { socket: options.socket, routes: Object.keys(ROUTES).length });

  let closing: Promise<void> | null = null;
  return {
    acceptTunnel: (stream) => {
      if (closing !== null || open.size >= CONNECTIONS_MAX) {
        stream.destroy();
        return;
      }
      server.emit('connection', stream);
    },
    close: () => {
      closing ??= close(app, open, endings, options.closeGraceMs ?? 2_000);
      return closing;
    },
  };
}

/** Ends it in order: new connections, streams, idle connections, and after the grace whatever is left. */
async function close(
  app: FastifyInstance,
  open: ReadonlySet<Duplex>,
  endings: ReadonlySet<() => void>,
  graceMs: number,
): Promise<void> {
  const { server } = app;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const end of [...endings]) end();
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    for (const stream of [...open]) stream.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timer);
  // Tunnels and consoles are no connections of the server's own.
  for (const stream of [...open]) stream.destroy();
  await app.close();
}

/** Reads JSON bodies; an empty one is as good as none. The schemas decide which keys pass, so none can do harm. */
function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text.trim() === '') {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(text));
    } catch (error) {
      const what = error instanceof SyntaxError ? error.message : String(error);
      done(new N3xError('N3X_INVALID', `the body is not valid JSON: ${what.slice(0, 200)}`), undefined);
    }
  });
}
