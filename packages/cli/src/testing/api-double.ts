/**
 * A stand-in for n3xd in tests: an HTTP server on a Unix socket that knows the API's own routes and schemas, refuses
 * requests that do not fit them, and answers what the test tells it to.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Route } from '@n3x/core/api/route';
import { type OperationId, ROUTES, type RouteResult } from '@n3x/core/api/routes';
import { HTTP_STATUS, REQUEST_ID_HEADER, TIMEOUT_HEADER } from '@n3x/core/api/schemas';
import { ERROR_CODES, type ErrorCode, N3xError } from '@n3x/core/base/errors';

/** A request as it came in, checked against its route's schemas. */
export interface SeenRequest {
  readonly operation: OperationId;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly requestId: string | undefined;
  readonly timeoutMs: number;
  readonly response: ServerResponse;
}

/** What a handler may answer instead of a document: nothing at all, or a broken connection. */
export const HANG = Symbol('hang');
/** Breaks the connection without an answer. */
export const DROP = Symbol('drop');
/** The handler answers through `response` by itself. */
export const ANSWERED = Symbol('answered');

type Reply<Id extends OperationId> = RouteResult<Id> | typeof HANG | typeof DROP | typeof ANSWERED;
type Handler<Id extends OperationId> = (request: SeenRequest) => Reply<Id> | Promise<Reply<Id>>;
type AnyHandler = (request: SeenRequest) => unknown;

/** The test that a double lives in. */
interface Scope {
  teardown(run: () => unknown): void;
}

/** A directory of its own for a test, removed after it. */
export function scratchDirectory(scope: Scope): string {
  const directory = mkdtempSync(join(tmpdir(), 'n3xctl-'));
  scope.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/** One stand-in. */
export class ApiDouble {
  readonly socket: string;
  /** Every request that came in, oldest first. */
  readonly requests: SeenRequest[] = [];
  /** What a console request becomes: called with its connection after the answer 101. */
  onConsole: ((stream: Duplex) => void) | undefined;
  /** Headers of the answer 101 beside the usual ones. */
  consoleHeaders: readonly string[] = [];
  readonly #server: Server;
  readonly #handlers = new Map<OperationId, AnyHandler>();
  readonly #watches = new Set<ServerResponse>();
  readonly #connections = new Set<Duplex>();

  private constructor(socket: string) {
    this.socket = socket;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('connection', (connection) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
    this.#server.on('upgrade', (request, stream) => this.#upgrade(request, stream));
  }

  /** Starts a stand-in; it ends with the test. */
  static async start(scope: Scope, socket = join(scratchDirectory(scope), 'n3xd.sock')): Promise<ApiDouble> {
    const double = new ApiDouble(socket);
    await new Promise<void>((resolve) => double.#server.listen(socket, resolve));
    scope.teardown(() => double.stop());
    return double;
  }

  /** Breaks every connection and listens no more. May be called twice. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  /** Sets how an operation is answered. A thrown `N3xError` becomes the API's error answer. */
  on<Id extends OperationId>(operation: Id, handler: Handler<Id>): this {
    this.#handlers.set(operation, handler);
    return this;
  }

  /** Requests of one operation. */
  seen(operation: OperationId): readonly SeenRequest[] {
    return this.requests.filter((request) => request.operation === operation);
  }

  /** How many watches are open. */
  get watchers(): number {
    return this.#watches.size;
  }

  /** Sends one line to every watch. */
  tell(line: RouteResult<'watch'>): void {
    for (const response of this.#watches) response.write(`${JSON.stringify(ROUTES.watch.answer.schema.parse(line))}\n`);
  }

  /** Ends every watch as a stopping daemon does. */
  endWatches(): void {
    for (const response of this.#watches) response.end();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    try {
      const seen = readRequest(request, response, Buffer.concat(chunks).toString());
      this.requests.push(seen);
      await this.#answer(seen);
    } catch (error) {
      const known = error instanceof N3xError ? error : new N3xError(ERROR_CODES.internal, String(error));
      sendJson(response, HTTP_STATUS[known.code], { error: known.toBody() });
    }
  }

  async #answer(seen: SeenRequest): Promise<void> {
    const handler = this.#handlers.get(seen.operation);
    const { response } = seen;
    if (handler === undefined && seen.operation === 'watch') return this.#openWatch(seen);
    if (handler === undefined) throw new N3xError(ERROR_CODES.internal, `the test answers no ${seen.operation}`);
    const reply = await handler(seen);
    if (reply === HANG || reply === ANSWERED) return;
    if (reply === DROP) {
      response.destroy();
      return;
    }
    const { answer } = ROUTES[seen.operation];
    if (answer.type === 'text') response.end(String(reply));
    else if (answer.type === 'json') sendJson(response, 200, answer.schema.parse(reply));
  }

  #openWatch({ response, query }: SeenRequest): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(`${JSON.stringify({ type: 'bookmark', index: Number(query['from'] ?? 1) })}\n`);
    this.#watches.add(response);
    response.once('close', () => this.#watches.delete(response));
  }

  #upgrade(request: IncomingMessage, stream: Duplex): void {
    stream.on('error', () => stream.destroy());
    if (this.onConsole === undefined) {
      const body = JSON.stringify({ error: { code: 'N3X_NOT_FOUND', message: `no console at ${request.url}` } });
      stream.end(`HTTP/1.1 404 n3x\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
      return;
    }
    const head = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: n3x-console'];
    stream.write([...head, ...this.consoleHeaders, '', ''].join('\r\n'));
    this.onConsole(stream);
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function readRequest(request: IncomingMessage, response: ServerResponse, text: string): SeenRequest {
  const url = new URL(request.url ?? '/', 'http://n3xd');
  for (const [operation, route] of Object.entries(ROUTES) as [OperationId, Route][]) {
    if (route.method !== request.method) continue;
    const names = [...route.path.matchAll(/:([a-z]+)/g)].map((match) => match[1] ?? '');
    const match = new RegExp(`^${route.path.replaceAll(/:[a-z]+/g, '([^/]+)')}$`).exec(url.pathname);
    if (match === null) continue;
    const values = Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1] ?? '')]));
    const params = check(route.params, values);
    const query = check(route.query, Object.fromEntries(url.searchParams));
    const body = check(route.body, text === '' ? undefined : JSON.parse(text));
    const id = request.headers[REQUEST_ID_HEADER];
    return {
      operation,
      params: Object.fromEntries(Object.entries(params ?? {}).map(([name, value]) => [name, String(value)])),
      query: query ?? {},
      body,
      requestId: typeof id === 'string' ? id : undefined,
      timeoutMs: Number(request.headers[TIMEOUT_HEADER]),
      response,
    };
  }
  throw new N3xError(ERROR_CODES.notFound, `no route ${request.method} ${url.pathname}`);
}

function check(schema: Route['body'], value: unknown): Record<string, unknown> | undefined {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new N3xError(ERROR_CODES.invalid, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

/** An error as the API answers it. */
export function apiError(code: ErrorCode, message: string, details?: Record<string, unknown>): N3xError {
  return new N3xError(code, message, details === undefined ? {} : { details });
}
