/**
 * A byte stream to a peer's API server, as a Duplex that `node:http` takes for a socket on either side.
 * Back-pressure and half-close go through to the other end.
 */
import { Duplex } from 'node:stream';
import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { NodeId } from '@n3x/core/raft/types';
import { errorText } from './error-text.ts';
import type { Libp2pTransport } from './libp2p-transport.ts';
import type { Log, PeerNode } from './node.ts';

/** Protocol of tunnels. */
export const TUNNEL_PROTOCOL = '/n3x/api/1';

/** What tunnels need. */
export interface TunnelsOptions {
  readonly node: PeerNode;
  /** Knows who is a member. */
  readonly transport: Pick<Libp2pTransport, 'memberOf' | 'peer'>;
  readonly log: Log;
  /** A member opened a tunnel to this host. */
  onTunnel(duplex: Duplex, from: NodeId): void;
}

/** How long the opening of a tunnel may take, in ms. */
const OPEN_MS = 5_000;

/** Opens and takes tunnels between members. */
export class Tunnels {
  readonly #options: TunnelsOptions;

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  /** Takes tunnels from members from now on. */
  async start(): Promise<void> {
    await this.#options.node.serve(TUNNEL_PROTOCOL, (stream, connection) => this.#accept(stream, connection), {
      maxInboundStreams: 256,
      maxOutboundStreams: 256,
    });
  }

  async stop(): Promise<void> {
    await this.#options.node.unserve(TUNNEL_PROTOCOL);
  }

  /** A tunnel to the API server of a member. Throws {@link N3xError} `N3X_UNREACHABLE`, also for an unknown host. */
  async open(hostId: NodeId, timeoutMs = OPEN_MS): Promise<Duplex> {
    const peer = this.#options.transport.peer(hostId);
    if (peer === undefined) throw new N3xError(ERROR_CODES.unreachable, `host ${hostId} is not known here`);
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const connection = await this.#options.node.connect(peer.peerId, peer.addresses, control.signal);
      const stream = await connection.newStream([TUNNEL_PROTOCOL], {
        signal: control.signal,
        maxOutboundStreams: 256,
      });
      return new StreamDuplex(stream);
    } catch (cause) {
      const message = `host ${hostId} cannot be reached: ${errorText(cause)}`;
      throw new N3xError(ERROR_CODES.unreachable, message);
    } finally {
      clearTimeout(timer);
    }
  }

  #accept(stream: Stream, connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    const member = this.#options.transport.memberOf(peerId);
    if (member === undefined) {
      this.#options.log('warn', 'transport.streamRefused', {
        peerId,
        reason: 'unknownMember',
        protocol: TUNNEL_PROTOCOL,
      });
      stream.abort(new Error('only members may open this protocol'));
      return;
    }
    this.#options.onTunnel(new StreamDuplex(stream), member.id);
  }
}

/** A libp2p stream as a Duplex. */
class StreamDuplex extends Duplex {
  readonly #stream: Stream;
  #waiting: (() => void) | undefined;
  #ended = false;

  constructor(stream: Stream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    stream.addEventListener('message', (event) => this.#take(event));
    stream.addEventListener('drain', () => this.#drained());
    stream.addEventListener('end', () => this.#end());
    stream.addEventListener('close', (event) => this.#closed(event));
  }

  override _read(): void {
    if (this.#stream.readStatus === 'paused') this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      if (this.#stream.send(chunk)) done();
      else this.#waiting = done;
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.close().then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#drained();
    if (this.#stream.status === 'open' || this.#stream.status === 'closing') {
      this.#stream.abort(error ?? new Error('the tunnel was closed'));
    }
    done(error);
  }

  #take(event: StreamMessageEvent): void {
    const pieces = event.data instanceof Uint8Array ? [event.data] : event.data;
    let more = true;
    for (const piece of pieces) more = this.push(piece);
    if (!more && this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  #drained(): void {
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }

  #end(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    this.push(null);
  }

  #closed(event: StreamCloseEvent): void {
    if (this.destroyed) return;
    if (event.error !== undefined) {
      this.destroy(event.error);
      return;
    }
    this.#drained();
    // What is still to be read comes with the next `_read`, and the end after it.
    if (this.#stream.readBufferLength === 0) this.#end();
  }
}
