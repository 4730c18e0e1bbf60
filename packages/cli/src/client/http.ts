/** One HTTP exchange over a Unix socket. Knows nothing of retries, of other sockets or of n3x's documents. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ConnectionError } from './connection-error.ts';

// An import of this module has all its names looked up, and one of them brings in a whole second HTTP client: that takes
// longer than everything else a short command does.
const { request } = process.getBuiltinModule('node:http');

/** Longest answer, in bytes, that is read into memory. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

/** What is sent. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** An answer's head; the body is still to come. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
}

/** What an `Upgrade` led to: raw bytes both ways, or an ordinary answer that says why not. */
export type UpgradeAnswer =
  | { readonly upgraded: true; readonly headers: IncomingMessage['headers']; readonly stream: Duplex }
  | { readonly upgraded: false; readonly answer: HttpAnswer };

function start(socketPath: string, message: HttpRequest) {
  const headers: Record<string, string> = { host: 'n3xd', accept: 'application/json', ...message.headers };
  if (message.body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(message.body));
  }
  const outgoing = request({
    socketPath,
    method: message.method,
    path: message.path,
    headers,
    agent: false,
    ...(message.signal === undefined ? {} : { signal: message.signal }),
  });
  let connected = false;
  outgoing.on('socket', (socket) => socket.once('connect', () => (connected = true)));
  const failure = (cause: Error) => new ConnectionError(`no answer on ${socketPath}`, { connected, cause });
  return { outgoing, failure };
}

/** Sends a request and waits for the answer's head. Rejects with `ConnectionError`, also when `signal` aborts. */
export function exchange(socketPath: string, message: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { outgoing, failure } = start(socketPath, message);
    outgoing.on('error', (cause) => reject(failure(cause)));
    outgoing.on('response', (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
    outgoing.end(message.body);
  });
}

/** Sends an `Upgrade` and waits for what becomes of it. Rejects with `ConnectionError`. */
export function upgrade(socketPath: string, protocol: string, message: HttpRequest): Promise<UpgradeAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { ...message.headers, connection: 'Upgrade', upgrade: protocol };
    const { outgoing, failure } = start(socketPath, { ...message, headers });
    outgoing.on('error', (cause) => reject(failure(cause)));
    outgoing.on('upgrade', (head, stream, first) => {
      if (first.length > 0) stream.unshift(first);
      resolve({ upgraded: true, headers: head.headers, stream });
    });
    outgoing.on('response', (body) => {
      resolve({ upgraded: false, answer: { status: body.statusCode ?? 0, headers: body.headers, body } });
    });
    outgoing.end();
  });
}

/** Reads the rest of an answer. Rejects with `ConnectionError` when it ends early or is too long. */
export async function readText(answer: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body) {
      const bytes: Buffer = chunk;
      length += bytes.length;
      if (length > BODY_BYTES_MAX) throw new Error(`the answer is longer than ${BODY_BYTES_MAX} bytes`);
      chunks.push(bytes);
    }
  } catch (cause) {
    throw new ConnectionError('the answer broke off', { connected: true, cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}
