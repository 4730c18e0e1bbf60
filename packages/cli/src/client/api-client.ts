/**
 * The client of the API: calls that survive the loss of a host. A call goes to the first socket that answers
 * and moves on to the next; a change carries one request id through all its attempts, so it takes effect once.
 */
import { randomUUID } from 'node:crypto';
import type { RouteBodyInput, RouteQueryInput, RouteResult } from '@n3x/core/api/routes';
import { ERROR_CODES, type ErrorCode, N3xError } from '@n3x/core/base/errors';
import type { Patience } from '../wait/patience.ts';
import { ConnectionError } from './connection-error.ts';
import { type Deadline, pause } from './deadline.ts';
import { exchange, type HttpAnswer, readText, type UpgradeAnswer, upgrade } from './http.ts';
import {
  type ClientOperation,
  OPERATIONS,
  operationPath,
  type QueryValues,
  REQUEST_ID_HEADER,
  TIMEOUT_HEADER,
} from './operations.ts';

/** With other sockets to try, how long, in ms, one may take to answer before the next is asked. */
const ATTEMPT_MS = 2_500;
/** With one socket, how long, in ms, it may take before it is asked again on a new connection. */
const ONLY_ATTEMPT_MS = 10_000;
/** Share of an attempt that the server may use, so that its own answer arrives before the client gives up. */
const SERVER_SHARE = 0.85;
/** Once the API has said why it cannot answer, the least time, in ms, that another attempt is worth. */
const LAST_ATTEMPT_MS = 100;
/** Shortest and longest time, in ms, that the server takes orders about. */
const SERVER_MS = [100, 600_000] as const;
const PAUSE_LEAST_MS = 50;
const PAUSE_MOST_MS = 1_000;

/** Codes of answers after which the same request may well succeed. */
const RETRIED: ReadonlySet<ErrorCode> = new Set([ERROR_CODES.noQuorum, ERROR_CODES.timeout, ERROR_CODES.overloaded]);

/** What a call needs beside its operation. */
export interface CallOptions<Id extends ClientOperation> {
  readonly deadline: Deadline;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: RouteQueryInput<Id>;
  readonly body?: RouteBodyInput<Id>;
  /** The call means the host that answers, so it goes to one socket only. */
  readonly pinned?: boolean;
}

/** What a stream needs beside its operation. */
export interface StreamOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: QueryValues;
  readonly signal: AbortSignal;
  /** How long, in ms, a socket may take until the stream opens. */
  readonly openMs: number;
}

/** The error that an answer's body holds. */
async function answerError(answer: HttpAnswer): Promise<N3xError> {
  const text = await readText(answer);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    content = undefined;
  }
  const error = isRecord(content) && isRecord(content.error) ? content.error : undefined;
  const code = Object.values(ERROR_CODES).find((known) => known === error?.code);
  if (error === undefined || code === undefined || typeof error.message !== 'string') {
    return new N3xError(
      ERROR_CODES.internal,
      `n3xd answered with HTTP status ${answer.status} and no error of its own`,
    );
  }
  return new N3xError(code, error.message, isRecord(error.details) ? { details: error.details } : {});
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Calls the API over a list of sockets. One object serves one run of the program. */
export class ApiClient {
  readonly #sockets: readonly string[];
  readonly #onCall: (() => Patience) | undefined;
  /** The socket that answered last. */
  #current = 0;
  /** Whether any socket has answered in this run. */
  #reached = false;

  /** `sockets` is not empty; its order is the order of preference. `onCall` is told how each call goes. */
  constructor(sockets: readonly string[], onCall?: () => Patience) {
    this.#sockets = sockets;
    this.#onCall = onCall;
  }

  /** How many sockets there are to choose from. */
  get socketCount(): number {
    return this.#sockets.length;
  }

  #socket(): string {
    return this.#sockets[this.#current % this.#sockets.length] ?? '';
  }

  #moveOn(): void {
    this.#current = (this.#current + 1) % this.#sockets.length;
  }

  /**
   * Calls an operation that answers one JSON document. Lost connections and answers that ask for patience are
   * tried again until the deadline. Rejects with `N3xError` as the API gave it, or with `ConnectionError`; when
   * nothing has answered yet and every socket refuses, at once.
   */
  async call<Id extends ClientOperation>(operation: Id, options: CallOptions<Id>): Promise<RouteResult<Id>> {
    const patience = this.#onCall?.();
    try {
      return await this.#call(operation, options, patience);
    } finally {
      patience?.end();
    }
  }

  async #call<Id extends ClientOperation>(
    operation: Id,
    options: CallOptions<Id>,
    waits: Patience | undefined,
  ): Promise<RouteResult<Id>> {
    const { deadline, pinned = false } = options;
    const { method } = OPERATIONS[operation];
    const path = operationPath(operation, options.params, queryValues(options.query));
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const requestId = method === 'GET' ? undefined : randomUUID();
    let answered: N3xError | undefined;
    let wait = PAUSE_LEAST_MS;
    let refusals = 0;
    let stay = false;
    for (;;) {
      const remaining = deadline.remainingMs();
      const patience = this.#sockets.length === 1 ? ONLY_ATTEMPT_MS : ATTEMPT_MS;
      const attempt = pinned ? remaining : Math.min(remaining, patience);
      const serverMs = Math.min(SERVER_MS[1], Math.max(SERVER_MS[0], Math.floor(attempt * SERVER_SHARE)));
      const headers: Record<string, string> = { [TIMEOUT_HEADER]: String(serverMs) };
      if (requestId !== undefined) headers[REQUEST_ID_HEADER] = requestId;
      const signal = AbortSignal.timeout(Math.max(1, Math.ceil(attempt)));
      let lost: ConnectionError | undefined;
      try {
        const message = { method, path, headers, signal, ...(body === undefined ? {} : { body }) };
        const answer = await exchange(this.#socket(), message);
        this.#reached = true;
        refusals = 0;
        if (answer.status < 300) return JSON.parse(await readText(answer)) as RouteResult<Id>;
        answered = await answerError(answer);
        if (!RETRIED.has(answered.code)) throw answered;
        waits?.answered(answered.code);
      } catch (error) {
        if (error instanceof ConnectionError) lost = error;
        else throw error;
      }
      if (lost !== undefined) {
        refusals += 1;
        if (this.#reached) waits?.lost();
        this.#reached ||= lost.connected;
        if (!this.#reached && refusals >= this.#sockets.length) throw this.#unreached(lost);
      }
      // A host that may have taken a pinned call is the only one that can tell what became of it.
      stay ||= pinned && (lost === undefined || lost.connected);
      const pauseMs = lost === undefined || stay || refusals >= this.#sockets.length ? wait : 0;
      // An attempt that is cut short tells nothing new: what is known now is the answer.
      const left = deadline.remainingMs() - pauseMs;
      if (left <= (answered === undefined ? 0 : LAST_ATTEMPT_MS)) throw answered ?? this.#outOfTime(lost, deadline);
      if (!stay) this.#moveOn();
      if (pauseMs > 0) {
        await pause(pauseMs);
        wait = Math.min(wait * 2, PAUSE_MOST_MS);
      }
    }
  }

  /**
   * Opens a stream on the first socket that gives it; the caller reads `body` until it ends. Rejects with
   * `N3xError` or `ConnectionError` and does not retry: only the caller knows where a stream continues.
   */
  async stream(operation: ClientOperation, options: StreamOptions): Promise<HttpAnswer> {
    const { method } = OPERATIONS[operation];
    const path = operationPath(operation, options.params, options.query);
    const headers = openHeaders(options);
    return this.#first(options, async (socket, signal) => {
      const answer = await exchange(socket, { method, path, headers, signal });
      if (answer.status >= 300) throw await answerError(answer);
      return answer;
    });
  }

  /** Turns a connection into raw bytes both ways. Rejects as {@link stream} does. */
  async upgrade(
    operation: ClientOperation,
    protocol: string,
    options: StreamOptions,
  ): Promise<Extract<UpgradeAnswer, { upgraded: true }>> {
    const { method } = OPERATIONS[operation];
    const path = operationPath(operation, options.params, options.query);
    const headers = openHeaders(options);
    return this.#first(options, async (socket, signal) => {
      const answer = await upgrade(socket, protocol, { method, path, headers, signal });
      if (answer.upgraded) return answer;
      if (answer.answer.status >= 300) throw await answerError(answer.answer);
      answer.answer.body.destroy();
      throw new N3xError(ERROR_CODES.version, `n3xd does not speak the protocol ${protocol}`);
    });
  }

  async #first<T>(options: StreamOptions, open: (socket: string, signal: AbortSignal) => Promise<T>): Promise<T> {
    let lost: ConnectionError | undefined;
    for (let tried = 0; tried < this.#sockets.length && !options.signal.aborted; tried++) {
      const opening = new AbortController();
      const timer = setTimeout(() => opening.abort(), options.openMs);
      try {
        const opened = await open(this.#socket(), AbortSignal.any([options.signal, opening.signal]));
        this.#reached = true;
        return opened;
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        lost = error;
        this.#moveOn();
      } finally {
        clearTimeout(timer);
      }
    }
    throw this.#unreached(lost);
  }

  #unreached(cause: ConnectionError | undefined): ConnectionError {
    const where = this.#sockets.join(', ');
    return new ConnectionError(`cannot reach n3xd on ${where}${reasonOf(cause)}`, {
      connected: cause?.connected ?? false,
      hint: 'is n3xd running? start it, or a development cluster with "npm start"',
    });
  }

  #outOfTime(lost: ConnectionError | undefined, deadline: Deadline): Error {
    const seconds = deadline.spanMs / 1000;
    if (lost?.connected === true || !this.#reached) {
      return new N3xError(ERROR_CODES.timeout, `no answer from n3xd within ${seconds} s`, {
        details: { outcome: 'unknown' },
      });
    }
    return this.#unreached(lost);
  }
}

function reasonOf(error: ConnectionError | undefined): string {
  const cause = error?.cause;
  if (!(cause instanceof Error) || !('code' in cause)) return '';
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such socket',
    ECONNREFUSED: 'nothing listens there',
    EACCES: 'permission denied',
    ENOTSOCK: 'not a socket',
    ECONNRESET: 'the connection was closed',
  };
  return typeof cause.code === 'string' ? `: ${words[cause.code] ?? cause.code}` : '';
}

function openHeaders(options: StreamOptions): Record<string, string> {
  return { [TIMEOUT_HEADER]: String(Math.floor(options.openMs * SERVER_SHARE)) };
}

/** A typed query as its written values. */
function queryValues(query: unknown): QueryValues {
  const values: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(isRecord(query) ? query : {})) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values[name] = value;
  }
  return values;
}
