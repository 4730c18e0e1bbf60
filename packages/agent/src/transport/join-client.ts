/** The joining host's side. */

import { ERROR_CODES, type ErrorCode, N3xError } from '@n3x/core/base/errors';
import type { JoinAddress, JoinToken } from '@n3x/core/join/token';
import { errorText } from './error-text.ts';
import {
  JOIN_VERSION,
  type JoinAccepted,
  type JoinRequest,
  type JoinResponse,
  joinResponseSchema,
  MAX_JOIN_BYTES,
} from './join-messages.ts';
import { JOIN_PROTOCOL } from './join-server.ts';
import { jsonExchange } from './json-exchange.ts';
import type { PeerNode } from './node.ts';

/** What a host says of itself when it joins. */
export type JoiningHost = Omit<JoinRequest, 'version' | 'tokenId' | 'secret' | 'clusterPrefix'>;

/** What went wrong at one address. */
interface FailedAddress {
  readonly address: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Answers after which another member may still do better. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  ERROR_CODES.noQuorum,
  ERROR_CODES.timeout,
  ERROR_CODES.overloaded,
  ERROR_CODES.unreachable,
  ERROR_CODES.internal,
  ERROR_CODES.notInitialised,
]);

/**
 * Asks the members that the token names, in turn, to let this host in. Asking again after a failure is
 * safe: the same host gets the same answer. Throws {@link N3xError}: `N3X_UNREACHABLE` naming each address
 * and why, `N3X_IDENTITY` when another than the named peer answered, `N3X_VERSION`, or what the cluster
 * said (`N3X_TOKEN_USED` and so on). `timeoutMs` is for each address.
 */
export async function joinCluster(
  node: PeerNode,
  token: JoinToken,
  host: JoiningHost,
  timeoutMs = 15_000,
): Promise<JoinAccepted> {
  const { id: tokenId, secret, clusterPrefix } = token;
  const request: JoinRequest = { version: JOIN_VERSION, tokenId, secret, clusterPrefix, ...host };
  const failed: FailedAddress[] = [];
  for (const target of token.addresses) {
    const result = await ask(node, target, request, timeoutMs);
    if (!('ok' in result)) {
      failed.push(result);
      continue;
    }
    if (!result.ok) {
      const { code, message, details } = result.error;
      if (!PASSING.has(code)) throw new N3xError(code, message, details === undefined ? {} : { details });
      failed.push({ address: target.address, code, message });
      continue;
    }
    if (!result.clusterId.startsWith(token.clusterPrefix)) {
      const message = `the host at ${target.address} is in cluster ${result.clusterId}, the token is for ${token.clusterPrefix}...`;
      throw new N3xError(ERROR_CODES.identity, message);
    }
    return result;
  }
  throw summary(failed);
}

async function ask(
  node: PeerNode,
  target: JoinAddress,
  request: JoinRequest,
  timeoutMs: number,
): Promise<JoinResponse | FailedAddress> {
  const { address, peerId } = target;
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    // Whoever answers is looked at here and not by the dial: a wrong peer has to be told from a failed connection.
    const connection = await node.connectToAnyone(address, control.signal);
    if (connection.remotePeer.toString() !== peerId) {
      connection.abort(new Error('this is not the peer that the token names'));
      return { address, code: ERROR_CODES.identity, message: `${connection.remotePeer} answers` };
    }
    const stream = await connection.newStream([JOIN_PROTOCOL], { signal: control.signal });
    const exchange = jsonExchange(stream, MAX_JOIN_BYTES);
    control.signal.addEventListener('abort', () => exchange.abort(new Error('no answer in time')), { once: true });
    exchange.send(request);
    const response = joinResponseSchema.safeParse(await exchange.receive());
    await exchange.close();
    if (!response.success) {
      return { address, code: ERROR_CODES.version, message: 'the answer is not one that this version knows' };
    }
    return response.data.ok ? response.data : { ok: false, error: toBody(response.data.error) };
  } catch (error) {
    return { address, code: codeOf(error), message: errorText(error) };
  } finally {
    clearTimeout(timer);
  }
}

function toBody(error: { code: ErrorCode; message: string; details?: Record<string, unknown> | undefined }) {
  const { code, message, details } = error;
  return details === undefined ? { code, message } : { code, message, details };
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof N3xError) return error.code;
  const name = error instanceof Error ? error.name : '';
  // libp2p's classes may be there twice; their names are what is stable.
  if (name === 'UnsupportedProtocolError') return ERROR_CODES.notInitialised;
  return ERROR_CODES.unreachable;
}

/** The one error for several failures: who answered wrongly says more than who did not answer. */
function summary(failed: readonly FailedAddress[]): N3xError {
  const said = failed.map(({ address, message }) => `${address}: ${message}`).join('; ');
  const details = { addresses: failed.map((failure) => ({ ...failure })) };
  const identity = failed.find(({ code }) => code === ERROR_CODES.identity);
  if (identity !== undefined) {
    const message = `another host than the one the token names answers at ${identity.address}: the token is old or the address was taken over. Make a new one with \`n3xctl token create\``;
    return new N3xError(ERROR_CODES.identity, message, { details });
  }
  const answered = failed.find(({ code }) => code !== ERROR_CODES.unreachable);
  if (answered !== undefined) return new N3xError(answered.code, said, { details });
  return new N3xError(
    ERROR_CODES.unreachable,
    `no member of the cluster can be reached (${said}): is n3xd up there and reachable from here? A new token names the members as they are now`,
    { details },
  );
}
