/** The member's side of joining: the only protocol that a host which is no member may open. */
import { createHash } from 'node:crypto';
import type { Connection, Stream } from '@libp2p/interface';
import { ERROR_CODES, type ErrorBody, N3xError } from '@n3x/core/base/errors';
import { WireError } from '@n3x/core/wire/wire-error';
import { errorText } from './error-text.ts';
import {
  JOIN_VERSION,
  type JoinRequest,
  type JoinResponse,
  joinRequestSchema,
  joinVersionSchema,
  MAX_JOIN_BYTES,
} from './join-messages.ts';
import { jsonExchange } from './json-exchange.ts';
import type { Log, PeerNode } from './node.ts';
import { RateLimit } from './rate-limit.ts';

/** Protocol of joining. */
export const JOIN_PROTOCOL = '/n3x/join/1';

/** What a join server needs. */
export interface JoinServerOptions {
  readonly node: PeerNode;
  readonly log: Log;
  /** Decides. A rejection with an {@link N3xError} reaches the joining host as it is, any other as `N3X_INTERNAL`. */
  handle(request: JoinRequest, peerId: string): Promise<JoinResponse>;
  /** Joins that one address may ask for within `windowMs`. */
  readonly maxPerWindow?: number;
  readonly windowMs?: number;
  /** How long the request may take to arrive, and then the answer to be found, in ms. */
  readonly requestMs?: number;
  readonly answerMs?: number;
}

/** SHA-256 of a token's secret (the bytes behind its hex digits), in hex: what the cluster keeps of it. */
export function hashTokenSecret(secret: string): string {
  return createHash('sha256').update(Buffer.from(secret, 'hex')).digest('hex');
}

/** Answers hosts that want to join, from {@link start} to {@link stop}. */
export class JoinServer {
  readonly #options: JoinServerOptions;
  readonly #limit: RateLimit;

  constructor(options: JoinServerOptions) {
    this.#options = options;
    this.#limit = new RateLimit(options.maxPerWindow ?? 30, options.windowMs ?? 10_000);
  }

  /** Lets hosts connect that are no members, to join. */
  async start(): Promise<void> {
    const { node, log } = this.#options;
    await node.serve(
      JOIN_PROTOCOL,
      (stream, connection) => {
        this.#serve(stream, connection).catch((error: unknown) => {
          log('warn', 'join.failed', { peerId: connection.remotePeer.toString(), problem: errorText(error) });
          stream.abort(error instanceof Error ? error : new Error(String(error)));
        });
      },
      { maxInboundStreams: 4, maxOutboundStreams: 4 },
    );
    node.letStrangersIn(true);
  }

  async stop(): Promise<void> {
    this.#options.node.letStrangersIn(false);
    await this.#options.node.unserve(JOIN_PROTOCOL);
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const { log, requestMs = 5_000 } = this.#options;
    const exchange = jsonExchange(stream, MAX_JOIN_BYTES);
    const peerId = connection.remotePeer.toString();
    const timer = setTimeout(() => exchange.abort(new Error('no request in time')), requestMs);
    let request: unknown;
    try {
      request = await exchange.receive();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      log('warn', 'transport.streamRefused', { peerId, reason: error.reason, message: error.message });
      return;
    } finally {
      clearTimeout(timer);
    }
    const response = await this.#answer(request, connection);
    if (response.ok) log('info', 'join.accepted', { peerId, hostId: response.hostId });
    else log('warn', 'join.refused', { peerId, code: response.error.code, message: response.error.message });
    exchange.send(response);
    await exchange.close();
  }

  async #answer(request: unknown, connection: Connection): Promise<JoinResponse> {
    const remote = connection.remoteAddr.getComponents()[0]?.value ?? '';
    if (!this.#limit.take(remote, performance.now())) {
      return refusal(ERROR_CODES.overloaded, 'too many hosts ask to join from this address; try again in a while');
    }
    const version = joinVersionSchema.safeParse(request);
    if (version.success && version.data.version !== JOIN_VERSION) {
      const theirs = version.data.version;
      return refusal(ERROR_CODES.version, `the host joins with version ${theirs}, this member has ${JOIN_VERSION}`);
    }
    const parsed = joinRequestSchema.safeParse(request);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const where = issue?.path.join('.') ?? '';
      return refusal(ERROR_CODES.invalid, `the request to join is not valid: ${where} ${issue?.message ?? ''}`);
    }
    return await this.#decide(parsed.data, connection.remotePeer.toString());
  }

  async #decide(request: JoinRequest, peerId: string): Promise<JoinResponse> {
    const { handle, log, answerMs = 10_000 } = this.#options;
    const timeout = Promise.withResolvers<JoinResponse>();
    const timer = setTimeout(
      () => timeout.resolve(refusal(ERROR_CODES.timeout, 'the cluster did not decide in time; try again')),
      answerMs,
    ).unref();
    try {
      return await Promise.race([handle(request, peerId), timeout.promise]);
    } catch (error) {
      if (error instanceof N3xError) return { ok: false, error: error.toBody() };
      log('error', 'join.handlerFailed', { peerId, problem: errorText(error) });
      return refusal(ERROR_CODES.internal, 'the member failed; its log says why');
    } finally {
      clearTimeout(timer);
    }
  }
}

function refusal(code: ErrorBody['code'], message: string): JoinResponse {
  return { ok: false, error: { code, message } };
}
