/** The transport of the daemon: Raft's and the snapshots' messages over libp2p streams, members only. */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { PeerAddress, TransportPort } from '@n3x/core/ports/transport';
import type { NodeId } from '@n3x/core/raft/types';
import { encodePeerMessage, WIRE_VERSION } from '@n3x/core/wire/codec';
import type { Hello } from '@n3x/core/wire/hello';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { Log, PeerNode } from './node.ts';
import { PeerAcceptor } from './peer-acceptor.ts';
import { PEER_PROTOCOL, PeerLink, type PeerLinkStats } from './peer-link.ts';
import { DEFAULT_TUNING, type TransportTuning } from './tuning.ts';

/** What a transport is made of. */
export interface Libp2pTransportOptions {
  readonly node: PeerNode;
  /** 32 hex digits; streams of another cluster are refused. */
  readonly clusterId: string;
  readonly hostId: NodeId;
  readonly log: Log;
  /** A message of a member, checked. Called synchronously from the receiving turn. */
  onMessage(from: NodeId, message: PeerMessage): void;
  /** The way to a peer opened or broke. */
  onPeer(id: NodeId, connected: boolean): void;
  /** Whether this host's cluster is what became of the one with that id; without it none is. */
  supersedes?(clusterId: string): boolean;
  /** A member has gone on in another cluster, and says that it is what became of this host's. */
  onSuperseded?(id: NodeId): void;
  /** A member says that this host is no member. */
  onUnknown?(id: NodeId): void;
  readonly tuning?: Partial<TransportTuning>;
}

/** What is under way, for tests and metrics. */
export interface TransportStats {
  readonly links: ReadonlyMap<NodeId, PeerLinkStats>;
  readonly receivedMessages: number;
  readonly refusedStreams: number;
}

/** The transport of one member. */
export class Libp2pTransport implements TransportPort {
  readonly #options: Libp2pTransportOptions;
  readonly #tuning: TransportTuning;
  readonly #hello: Hello;
  readonly #acceptor: PeerAcceptor;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #byPeerId = new Map<string, PeerAddress>();
  #endConnectionNews: (() => void) | undefined;
  #checks: NodeJS.Timeout | undefined;
  #lastCheck = 0;
  #running = false;

  constructor(options: Libp2pTransportOptions) {
    this.#options = options;
    this.#tuning = { ...DEFAULT_TUNING, ...options.tuning };
    this.#hello = {
      type: 'hello',
      version: WIRE_VERSION,
      clusterId: options.clusterId,
      hostId: options.hostId,
    };
    this.#acceptor = new PeerAcceptor({
      hello: this.#hello,
      log: options.log,
      tuning: this.#tuning,
      memberOf: (peerId) => this.#byPeerId.get(peerId),
      supersedes: (clusterId) => options.supersedes?.(clusterId) ?? false,
      onMessage: (from, message) => options.onMessage(from, message),
    });
  }

  /** Serves the peer protocol. Peers are connected to once {@link setPeers} names them. */
  async start(): Promise<void> {
    const { node } = this.#options;
    this.#running = true;
    await node.serve(PEER_PROTOCOL, (stream, connection) => this.#acceptor.accept(stream, connection), {
      maxInboundStreams: 4,
      maxOutboundStreams: 4,
    });
    this.#endConnectionNews = node.onConnection((peerId) => {
      const peer = this.#byPeerId.get(peerId);
      if (peer !== undefined) this.#links.get(peer.id)?.connectionOpened();
    });
    this.#lastCheck = performance.now();
    this.#checks = setInterval(() => this.#check(), this.#tuning.checkMs);
  }

  send(to: NodeId, message: PeerMessage): void {
    const link = this.#links.get(to);
    if (link === undefined) return;
    if (!link.connected) {
      link.countDrop();
      return;
    }
    const payload = encodePeerMessage(message);
    if (payload.length > this.#tuning.maxFrameBytes) {
      link.countDrop();
      this.#options.log('error', 'transport.messageTooLarge', { peer: to, type: message.type, bytes: payload.length });
      return;
    }
    link.send(payload);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (!this.#running) throw new N3xError(ERROR_CODES.internal, 'the transport is not started');
    const { node, hostId } = this.#options;
    const others = new Map(peers.filter((peer) => peer.id !== hostId).map((peer) => [peer.id, peer]));
    for (const [id, link] of this.#links) {
      if (others.get(id)?.peerId === link.peer.peerId) continue;
      this.#links.delete(id);
      link.close();
      this.#acceptor.drop(id);
    }
    this.#byPeerId.clear();
    for (const peer of others.values()) this.#byPeerId.set(peer.peerId, peer);
    node.setMembers(new Set(this.#byPeerId.keys()));
    for (const peer of others.values()) {
      const link = this.#links.get(peer.id);
      if (link === undefined) this.#links.set(peer.id, this.#newLink(peer));
      else link.setAddresses(peer.addresses);
    }
  }

  /** The member that a peer id belongs to, if any. */
  memberOf(peerId: string): PeerAddress | undefined {
    return this.#byPeerId.get(peerId);
  }

  /** The peer of an id, if it is one. */
  peer(id: NodeId): PeerAddress | undefined {
    return this.#links.get(id)?.peer;
  }

  /** Delivers no messages until {@link resume}: for a loop that has too many inputs waiting. */
  pause(): void {
    this.#acceptor.pause();
  }

  /** Delivers messages again. */
  resume(): void {
    this.#acceptor.resume();
  }

  stats(): TransportStats {
    return {
      links: new Map([...this.#links].map(([id, link]) => [id, link.stats()])),
      receivedMessages: this.#acceptor.receivedMessages,
      refusedStreams: this.#acceptor.refusedStreams,
    };
  }

  /** Sends what is queued, ends every stream and closes the members' connections; the node stays up. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    clearInterval(this.#checks);
    this.#endConnectionNews?.();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#byPeerId.clear();
    this.#acceptor.close();
    await this.#options.node.unserve(PEER_PROTOCOL);
    this.#options.node.dismissMembers();
  }

  #newLink(peer: PeerAddress): PeerLink {
    return new PeerLink({
      node: this.#options.node,
      peer,
      hello: this.#hello,
      log: this.#options.log,
      tuning: this.#tuning,
      onConnected: (connected) => this.#options.onPeer(peer.id, connected),
      onSuperseded: () => this.#options.onSuperseded?.(peer.id),
      onUnknown: () => this.#options.onUnknown?.(peer.id),
    });
  }

  #check(): void {
    const now = performance.now();
    const late = Math.max(0, now - this.#lastCheck - this.#tuning.checkMs * 1.5);
    this.#lastCheck = now;
    for (const link of this.#links.values()) link.check(now, late);
  }
}
