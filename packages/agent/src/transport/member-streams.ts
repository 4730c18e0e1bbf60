/**
 * Byte streams between members, each protocol by itself: tunnels to a peer's API server, which `node:http` takes for a
 * socket on either side, and copies of volumes. Only members may open one; the host that did is proved by its peer id.
 */
import type { Duplex } from 'node:stream';
import type { Connection, Stream } from '@libp2p/interface';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { NodeId } from '@n3x/core/raft/types';
import { errorText } from './error-text.ts';
import type { Libp2pTransport } from './libp2p-transport.ts';
import type { Log, PeerNode } from './node.ts';
import { StreamDuplex } from './stream-duplex.ts';

/** Protocol of tunnels to the API server. */
export const TUNNEL_PROTOCOL = '/n3x/api/1';
/** Protocol by which the data of volumes is read. */
export const VOLUME_PROTOCOL = '/n3x/volume/1';

/** What streams of one protocol need. */
export interface MemberStreamsOptions {
  readonly protocol: string;
  /** Most streams of it on one connection, in each direction. */
  readonly maxStreams: number;
  readonly node: PeerNode;
  /** Knows who is a member. */
  readonly transport: Pick<Libp2pTransport, 'memberOf' | 'peer'>;
  readonly log: Log;
  /** A member opened a stream to this host. */
  onStream(duplex: Duplex, from: NodeId): void;
}

/** How long the opening of a stream may take, in ms. */
const OPEN_MS = 5_000;

/** Opens and takes streams of one protocol between members. */
export class MemberStreams {
  readonly #options: MemberStreamsOptions;

  constructor(options: MemberStreamsOptions) {
    this.#options = options;
  }

  /** Takes streams from members from now on. */
  async start(): Promise<void> {
    const { node, protocol, maxStreams } = this.#options;
    await node.serve(protocol, (stream, connection) => this.#accept(stream, connection), {
      maxInboundStreams: maxStreams,
      maxOutboundStreams: maxStreams,
    });
  }

  async stop(): Promise<void> {
    await this.#options.node.unserve(this.#options.protocol);
  }

  /** A stream to a member. Throws {@link N3xError} `N3X_UNREACHABLE`, also for an unknown host. */
  async open(hostId: NodeId, timeoutMs = OPEN_MS): Promise<Duplex> {
    const { node, transport, protocol, maxStreams } = this.#options;
    const peer = transport.peer(hostId);
    if (peer === undefined) throw new N3xError(ERROR_CODES.unreachable, `host ${hostId} is not known here`);
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const connection = await node.connect(peer.peerId, peer.addresses, control.signal);
      const stream = await connection.newStream([protocol], {
        signal: control.signal,
        maxOutboundStreams: maxStreams,
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
    const { transport, protocol, log } = this.#options;
    const peerId = connection.remotePeer.toString();
    const member = transport.memberOf(peerId);
    if (member === undefined) {
      log('warn', 'transport.streamRefused', { peerId, reason: 'unknownMember', protocol });
      stream.abort(new Error('only members may open this protocol'));
      return;
    }
    this.#options.onStream(new StreamDuplex(stream), member.id);
  }
}
