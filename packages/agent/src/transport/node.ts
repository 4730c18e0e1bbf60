/**
 * The libp2p node of a host: TCP, noise, yamux, and the gate that decides who may connect. Members always
 * may. Others only while this host lets new hosts join, a few at a time and not for long; what they may
 * then open is the join protocol's own business, every other protocol refuses them.
 */

import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { Connection, Libp2p, PeerId, Stream, StreamHandlerOptions } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { JournalPort } from '@n3x/core/ports/journal';
import { createLibp2p } from 'libp2p';
import type { Identity } from './identity.ts';
import { leanFrames } from './noise-frames.ts';

/** Where log lines go. */
export type Log = JournalPort['log'];

/** What a node is made of. */
export interface PeerNodeOptions {
  readonly identity: Identity;
  /** Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/4300`. May be empty. */
  readonly listen: readonly string[];
  readonly log: Log;
  /** Connections of hosts that are no members, at once. */
  readonly maxStrangers?: number;
  /** How long such a connection may last, in ms. */
  readonly strangerMs?: number;
}

/** Takes a stream that a peer opened. Must attach its listeners before it returns. */
export type StreamTaker = (stream: Stream, connection: Connection) => void;

/** Window of a stream: what may be under way before the reader has taken anything. yamux has 256 KiB as its least. */
const MAX_STREAM_WINDOW = 1024 * 1024;

/** The libp2p node of a host, started. */
export class PeerNode {
  readonly #libp2p: Libp2p;
  readonly #gate: Gate;

  private constructor(libp2p: Libp2p, gate: Gate) {
    this.#libp2p = libp2p;
    this.#gate = gate;
  }

  /** Listens, and lets nobody in yet. Throws {@link N3xError} `N3X_CONFIG` when an address cannot be listened on. */
  static async start(options: PeerNodeOptions): Promise<PeerNode> {
    const gate = new Gate(options);
    const listen = options.listen.map((text) => parseAddress(text).toString());
    let libp2p: Libp2p;
    try {
      libp2p = await createLibp2p({
        privateKey: options.identity.privateKey,
        addresses: { listen },
        transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
        connectionEncrypters: [leanFrames(noise())],
        streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW } })],
        // Each peer link notices a dead connection by itself, and without opening a stream for each check.
        connectionMonitor: { enabled: false },
        connectionManager: {
          maxConnections: 4_096,
          maxParallelDials: 32,
          dialTimeout: 6_000,
          addressDialTimeout: 2_000,
          // The default of 5 a second from one address is less than a few hosts behind one address need.
          inboundConnectionThreshold: 200,
          maxIncomingPendingConnections: 64,
          // Peer links reconnect; libp2p's own attempts would only add to theirs.
          reconnectRetries: 0,
        },
        connectionGater: {
          denyInboundEncryptedConnection: (peer: PeerId) => !gate.admits(peer.toString()),
        },
      });
    } catch (cause) {
      const message = `cannot listen on ${listen.join(', ')}`;
      throw new N3xError(ERROR_CODES.config, message, { cause });
    }
    const node = new PeerNode(libp2p, gate);
    libp2p.addEventListener('connection:open', (event) => gate.opened(event.detail));
    libp2p.addEventListener('connection:close', (event) => gate.closed(event.detail));
    return node;
  }

  /** Peer id of this host. */
  get peerId(): string {
    return this.#libp2p.peerId.toString();
  }

  /** Multiaddrs that the node listens on, without its peer id. */
  addresses(): string[] {
    return this.#libp2p.getMultiaddrs().map(withoutPeerId);
  }

  /** Replaces the set of peer ids that may connect at any time; connections of those that left it are cut. */
  setMembers(peerIds: ReadonlySet<string>): void {
    const former = this.#gate.members;
    this.#gate.members = peerIds;
    for (const connection of this.#libp2p.getConnections()) {
      const peerId = connection.remotePeer.toString();
      if (former.has(peerId) && !peerIds.has(peerId)) connection.abort(new Error('this peer is no member any more'));
    }
  }

  /** Empties the set of members and closes their connections after what was sent has left; resolves at once. */
  dismissMembers(): void {
    const former = this.#gate.members;
    this.#gate.members = new Set();
    for (const connection of this.#libp2p.getConnections()) {
      if (!former.has(connection.remotePeer.toString())) continue;
      connection.close().catch((error: unknown) => {
        connection.abort(error instanceof Error ? error : new Error(String(error)));
      });
    }
  }

  /** Whether `peerId` is in the set of members. */
  isMember(peerId: string): boolean {
    return this.#gate.members.has(peerId);
  }

  /** Whether hosts that are no members may connect, for the join protocol. */
  letStrangersIn(allowed: boolean): void {
    this.#gate.strangersAllowed = allowed;
  }

  /** A connection to `peerId`: the open one if there is one, else dialled at the addresses in turn. Rejects with libp2p's errors. */
  async connect(peerId: string, addresses: readonly string[], signal: AbortSignal): Promise<Connection> {
    return await this.#libp2p.dial(
      addresses.map((address) => multiaddr(`${address}/p2p/${peerId}`)),
      { signal },
    );
  }

  /**
   * A new connection to whoever answers at `address`: its `remotePeer` says who that is, and is proved.
   * Rejects with libp2p's errors.
   */
  async connectToAnyone(address: string, signal: AbortSignal): Promise<Connection> {
    return await this.#libp2p.dial(multiaddr(address), { signal, force: true });
  }

  /** Open connections with `peerId`. */
  connections(peerId: string): Connection[] {
    return this.#libp2p.getConnections().filter((connection) => connection.remotePeer.toString() === peerId);
  }

  /** Calls `listener` whenever a connection opens, whoever opened it. Returns the way to end that. */
  onConnection(listener: (peerId: string) => void): () => void {
    const handler = (event: CustomEvent<Connection>): void => listener(event.detail.remotePeer.toString());
    this.#libp2p.addEventListener('connection:open', handler);
    return () => this.#libp2p.removeEventListener('connection:open', handler);
  }

  /** Takes streams of `protocol` from now on. `limits` bounds those of one connection. */
  async serve(protocol: string, taker: StreamTaker, limits: StreamHandlerOptions): Promise<void> {
    await this.#libp2p.handle(protocol, taker, limits);
  }

  /** Takes no more streams of `protocol`. */
  async unserve(protocol: string): Promise<void> {
    await this.#libp2p.unhandle(protocol);
  }

  /** Closes every connection and stops listening. */
  async stop(): Promise<void> {
    this.#gate.stop();
    await this.#libp2p.stop();
  }
}

/** Who may connect. */
class Gate {
  members: ReadonlySet<string> = new Set();
  strangersAllowed = false;
  readonly #strangers = new Map<Connection, NodeJS.Timeout>();
  readonly #maxStrangers: number;
  readonly #strangerMs: number;
  readonly #log: Log;

  constructor(options: PeerNodeOptions) {
    this.#maxStrangers = options.maxStrangers ?? 8;
    this.#strangerMs = options.strangerMs ?? 15_000;
    this.#log = options.log;
  }

  /** Whether a connection that `peerId` opened may go on. */
  admits(peerId: string): boolean {
    if (this.members.has(peerId)) return true;
    const admitted = this.strangersAllowed && this.#strangers.size < this.#maxStrangers;
    if (!admitted) this.#log('debug', 'transport.connectionRefused', { peerId });
    return admitted;
  }

  opened(connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    if (connection.direction === 'outbound' || this.members.has(peerId)) return;
    const timer = setTimeout(() => {
      this.#strangers.delete(connection);
      if (!this.members.has(peerId)) connection.abort(new Error('a host that is no member stayed too long'));
    }, this.#strangerMs);
    this.#strangers.set(connection, timer.unref());
  }

  closed(connection: Connection): void {
    clearTimeout(this.#strangers.get(connection));
    this.#strangers.delete(connection);
  }

  stop(): void {
    for (const timer of this.#strangers.values()) clearTimeout(timer);
    this.#strangers.clear();
  }
}

/** Throws {@link N3xError} `N3X_CONFIG` when `text` is not a TCP multiaddr. */
export function parseAddress(text: string): Multiaddr {
  let address: Multiaddr;
  try {
    address = multiaddr(text);
  } catch (cause) {
    throw new N3xError(ERROR_CODES.config, `${text} is not an address such as /ip4/192.0.2.7/tcp/4300`, { cause });
  }
  if (!address.getComponents().some((component) => component.name === 'tcp')) {
    throw new N3xError(ERROR_CODES.config, `${text} names no TCP port: it must be like /ip4/192.0.2.7/tcp/4300`);
  }
  return address;
}

function withoutPeerId(address: Multiaddr): string {
  return address.decapsulateCode(CODE_P2P).toString();
}
