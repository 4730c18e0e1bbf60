/** Passes a request on to the API server of another host, over a tunnel. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorResponseSchema, REQUEST_ID_HEADER, TIMEOUT_HEADER } from '@n3x/core/api/schemas';
import { N3xError } from '@n3x/core/base/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FORWARDED_HEADER } from './request-options.ts';

/**
 * Sends the same request, which has no body, over `tunnel` and streams the answer back. Rejects with
 * `N3X_UNREACHABLE` when the tunnel breaks before the answer begins, with `N3X_TIMEOUT` when it has not begun in time.
 */
export async function forwardRequest(
  tunnel: Duplex,
  request: FastifyRequest,
  reply: FastifyReply,
  timeoutMs: number,
  hostName: string,
): Promise<void> {
  reply.raw.once('close', () => tunnel.destroy());
  let answer: IncomingMessage;
  try {
    answer = await firstAnswer(tunnel, request, timeoutMs);
  } catch (cause) {
    tunnel.destroy();
    if (cause instanceof N3xError) throw cause;
    throw new N3xError('N3X_UNREACHABLE', `the connection to host ${hostName}, which has the VM, broke`, {
      details: { host: hostName },
      cause,
    });
  }
  reply.hijack();
  const contentType = answer.headers['content-type'] ?? 'application/octet-stream';
  reply.raw.writeHead(answer.statusCode ?? 502, { 'content-type': contentType, 'cache-control': 'no-store' });
  reply.raw.flushHeaders();
  await pipeline(answer, reply.raw);
}

/** Longest answer, in bytes, that is taken from another host whole. */
const ANSWER_BYTES_MAX = 8 * 1_048_576;

/**
 * Sends the same request, body and request id included, over `tunnel`, and gives the JSON document it is answered with.
 * Rejects with the error that the other host answers, or as {@link forwardRequest} does.
 */
export async function askHost(
  tunnel: Duplex,
  request: FastifyRequest,
  timeoutMs: number,
  hostName: string,
): Promise<unknown> {
  try {
    const answer = await firstAnswer(tunnel, request, timeoutMs, JSON.stringify(request.body ?? {}));
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) {
      text += String(chunk);
      if (text.length > ANSWER_BYTES_MAX) throw new Error('the answer is too long');
    }
    const document: unknown = JSON.parse(text);
    if ((answer.statusCode ?? 500) < 400) return document;
    const { error } = errorResponseSchema.parse(document);
    throw new N3xError(error.code, error.message, error.details === undefined ? {} : { details: error.details });
  } catch (cause) {
    if (cause instanceof N3xError) throw cause;
    throw new N3xError('N3X_UNREACHABLE', `the connection to host ${hostName} broke`, {
      details: { host: hostName, outcome: 'unknown' },
      cause,
    });
  } finally {
    tunnel.destroy();
  }
}

async function firstAnswer(
  tunnel: Duplex,
  request: FastifyRequest,
  timeoutMs: number,
  body?: string,
): Promise<IncomingMessage> {
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpRequest({
      createConnection: () => tunnel,
      method: request.method,
      path: request.raw.url ?? request.url,
      headers: {
        host: 'n3x',
        connection: 'close',
        [FORWARDED_HEADER]: '1',
        [TIMEOUT_HEADER]: String(timeoutMs),
        ...(body === undefined || request.method === 'GET' ? {} : bodyHeaders(request, body)),
      },
    });
    const timer = setTimeout(() => {
      const message = `the other host did not answer within ${timeoutMs} ms`;
      outgoing.destroy(new N3xError('N3X_TIMEOUT', message, { details: { outcome: 'none' } }));
    }, timeoutMs);
    outgoing.once('response', (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    // Stays for the whole answer: what breaks later shows in the answer's own stream.
    outgoing.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    outgoing.end(request.method === 'GET' ? undefined : body);
  });
}

function bodyHeaders(request: FastifyRequest, body: string): Record<string, string | number> {
  const { [REQUEST_ID_HEADER]: id } = request.headers;
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(typeof id === 'string' ? { [REQUEST_ID_HEADER]: id } : {}),
  };
}
