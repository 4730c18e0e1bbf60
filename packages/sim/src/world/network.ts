/**
 * The network between the hosts of a simulated world. It keeps to the transport port's contract and no
 * more: messages may be late, lost, doubled or overtaken, never altered, and what does not fit is shed.
 * Each direction between two hosts is a link with a generator of its own, so that what happens on one
 * link shifts nothing on another. Sessions are modelled as the real transport has them: they open by
 * attempts with growing pauses, and a broken one is noticed at once or only after a while.
 */
import { assert } from '@n3x/core/base/assert';
import type { Random } from '@n3x/core/base/random';
import type { PeerAddress, TransportPort } from '@n3x/core/ports/transport';
import type { NodeId } from '@n3x/core/raft/types';
import { decodePeerMessage, encodePeerMessage } from '@n3x/core/wire/codec';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { checkAddressing } from '@n3x/core/wire/schema';
import { WireError } from '@n3x/core/wire/wire-error';
import {
  FIRST_PAUSE_MS,
  type Flight,
  type Incarnation,
  type Link,
  linkKey,
  type NetworkHandlers,
  newLink,
} from './link.ts';
import { drawChance, drawLatency, LINK_PROFILES, type LinkProfile, slowed } from './link-profile.ts';
import { messageBytes } from './message-size.ts';
import { type Obstacle, Reachability } from './reachability.ts';

/** Virtual time, as far as a network needs it. */
export interface NetworkClock {
  /** True time in ms. */
  readonly nowMs: number;
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): unknown;
}

/** What a network is made of. */
export interface SimNetworkOptions {
  readonly clock: NetworkClock;
  /** The network's own generator; every link forks one from it. */
  readonly random: Random;
  /** Profile of all links that have none of their own. */
  readonly profile?: LinkProfile;
  /** `wire` sends real bytes through the real codec; `reference` hands the message itself over, which is faster. */
  readonly codec?: 'wire' | 'reference';
  /** Told of everything that happens, in order. */
  readonly onEvent?: (event: NetworkEvent) => void;
}

/** Something that happened on the link from one host to another. */
export interface NetworkEvent {
  readonly type: 'sent' | 'delivered' | 'lost' | 'doubled' | 'shed' | 'refused' | 'connected' | 'disconnected';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message?: PeerMessage;
}

/** How a host ends: its process (peers are told by its kernel) or its power (peers find out by themselves). */
export type DetachKind = 'process' | 'power';

/** Counts since the network was made. */
export interface NetworkStats {
  readonly sent: number;
  readonly delivered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly shed: number;
  /** Frames that were no message of their sender to their receiver. */
  readonly refused: number;
}

/** The longest pause between attempts to connect, and times after which a silent peer is given up, in ms: as the real transport. */
const LAST_PAUSE_MS = 2_000;
const DEAD_MIN_MS = 5_000;
const DEAD_MAX_MS = 7_000;

/** The network of a simulated world. */
export class SimNetwork {
  readonly #reachability = new Reachability();
  readonly #clock: NetworkClock;
  readonly #random: Random;
  readonly #codec: 'wire' | 'reference';
  readonly #onEvent: ((event: NetworkEvent) => void) | undefined;
  readonly #hosts = new Map<NodeId, Incarnation>();
  readonly #links = new Map<number, Link>();
  #profile: LinkProfile;
  readonly #counts = { sent: 0, delivered: 0, lost: 0, doubled: 0, shed: 0, refused: 0 };

  constructor(options: SimNetworkOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#profile = options.profile ?? LINK_PROFILES.default;
    this.#codec = options.codec ?? 'reference';
    this.#onEvent = options.onEvent;
  }

  /** Where the simulated host `id` is found. */
  addressOf(id: NodeId): PeerAddress {
    return { id, peerId: `sim-${id}`, addresses: [`/memory/${id}`] };
  }

  /** A run of host `id` begins, without peers. The port does nothing any more once that run has ended. */
  attach(id: NodeId, handlers: NetworkHandlers): TransportPort {
    assert(!this.#hosts.has(id), `host ${id} is attached already`);
    const host: Incarnation = { id, handlers, peers: new Set() };
    this.#hosts.set(id, host);
    // A host that is back answers for sessions of its former run, which it knows nothing of.
    for (const link of this.#links.values()) {
      if (link.to === id && link.connected) this.#breakLater(link, this.#latency(link), 'gone');
    }
    return {
      send: (to, message) => {
        if (this.#hosts.get(id) === host) this.#send(host, to, message);
      },
      setPeers: (peers) => {
        if (this.#hosts.get(id) === host) this.#setPeers(host, peers);
      },
    };
  }

  /** The run of host `id` ends from one moment to the next. What is on its way to it is lost. */
  detach(id: NodeId, kind: DetachKind): void {
    const host = this.#hosts.get(id);
    if (host === undefined) return;
    this.#hosts.delete(id);
    for (const peer of host.peers) {
      this.#reset(this.#link(id, peer));
      const back = this.#link(peer, id);
      if (back.connected) this.#breakLater(back, kind === 'process' ? this.#latency(back) : this.#deadMs(back), 'gone');
    }
  }

  /** Forgets a host that is gone for good. */
  forget(id: NodeId): void {
    assert(!this.#hosts.has(id), `host ${id} is attached`);
    for (const [name, { from, to }] of this.#links) {
      if (from === id || to === id) this.#links.delete(name);
    }
  }

  /** Profile of all links that have none of their own, from now on. */
  setProfile(profile: LinkProfile): void {
    this.#profile = profile;
  }

  /** Profile of one direction; undefined gives it the general one again. */
  setLinkProfile(from: NodeId, to: NodeId, profile: LinkProfile | undefined): void {
    this.#link(from, to).profile = profile;
  }

  /** Makes one direction `by` times slower; answers what takes it back. */
  slow(from: NodeId, to: NodeId, by: number): () => void {
    const { slowdowns } = this.#link(from, to);
    slowdowns.push(by);
    return () => {
      const at = slowdowns.indexOf(by);
      if (at >= 0) slowdowns.splice(at, 1);
    };
  }

  /** Puts an obstacle up; answers what takes it down. */
  block(obstacle: Obstacle): () => void {
    this.#reachability.add(obstacle);
    this.#changed();
    return () => {
      this.#reachability.remove(obstacle);
      this.#changed();
    };
  }

  /**
   * Lets bytes arrive at `to` as a frame of `from`, as far as the two have a way to talk. For what no honest host
   * sends; what is refused ends the session, as on a real stream.
   */
  inject(from: NodeId, to: NodeId, bytes: Uint8Array): void {
    const [link, receiver] = [this.#links.get(linkKey(from, to)), this.#hosts.get(to)];
    if (link === undefined || receiver === undefined || !link.connected) return;
    link.underWay++;
    this.#arrive(link, { receiver, message: undefined, bytes, leavesMs: this.#clock.nowMs, session: link.session });
  }

  /** Hosts in different groups cannot talk; a host in no group talks to all. Replaces the last partition. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.#reachability.partition(groups);
    this.#changed();
  }

  /** Cuts one direction. Twice, with the hosts changed, it cuts both and leaves every other link alone. */
  cut(from: NodeId, to: NodeId): void {
    this.#reachability.cut(from, to);
    this.#changed();
  }

  /** Takes back a {@link cut}. */
  mend(from: NodeId, to: NodeId): void {
    this.#reachability.mend(from, to);
    this.#changed();
  }

  /** Takes back the partition and every cut. */
  heal(): void {
    this.#reachability.heal();
    this.#changed();
  }

  /** Whether `from` has a session to `to`. */
  isConnected(from: NodeId, to: NodeId): boolean {
    return this.#links.get(linkKey(from, to))?.connected ?? false;
  }

  /** Messages under way or waiting, on all links. */
  get underWay(): number {
    let total = 0;
    for (const link of this.#links.values()) total += link.underWay;
    return total;
  }

  stats(): NetworkStats {
    return { ...this.#counts };
  }

  #setPeers(host: Incarnation, peers: readonly PeerAddress[]): void {
    const former = host.peers;
    host.peers = new Set(peers.map((peer) => peer.id).filter((id) => id !== host.id));
    for (const id of former) {
      if (host.peers.has(id)) continue;
      this.#disconnect(this.#link(host.id, id));
      const back = this.#link(id, host.id);
      if (back.connected) this.#breakLater(back, this.#latency(back), 'gone');
    }
    for (const id of host.peers) {
      if (!former.has(id)) this.#attemptLater(this.#link(host.id, id), 0);
    }
  }

  #send(host: Incarnation, to: NodeId, message: PeerMessage): void {
    const link = this.#links.get(linkKey(host.id, to));
    if (link === undefined || !host.peers.has(to)) return;
    if (!link.connected) {
      this.#count('shed', link, message);
      return;
    }
    const bytes = this.#codec === 'wire' ? encodePeerMessage(message) : undefined;
    this.#transmit(link, message, bytes, bytes?.length ?? messageBytes(message));
  }

  #transmit(link: Link, message: PeerMessage, bytes: Uint8Array | undefined, length: number): void {
    const profile = this.#profileOf(link);
    const { nowMs } = this.#clock;
    const bytesPerMs = profile.bytesPerSecond / 1_000;
    const waiting = Math.max(0, link.busyUntilMs - nowMs) * bytesPerMs;
    if (waiting + length > profile.maxBytes || link.underWay >= profile.maxMessages) {
      this.#count('shed', link, message);
      return;
    }
    this.#count('sent', link, message);
    link.busyUntilMs = Math.max(nowMs, link.busyUntilMs) + length / bytesPerMs;
    const receiver = this.#hosts.get(link.to);
    if (receiver === undefined || drawChance(profile.lossPermille, link.random)) {
      this.#count('lost', link, message);
      return;
    }
    const flight: Flight = { receiver, message, bytes, leavesMs: link.busyUntilMs, session: link.session };
    this.#fly(link, profile, flight);
    if (!drawChance(profile.duplicatePermille, link.random)) return;
    this.#count('doubled', link, message);
    this.#fly(link, profile, flight);
  }

  #fly(link: Link, profile: LinkProfile, flight: Flight): void {
    let arrivalMs = flight.leavesMs + drawLatency(profile, link.random);
    link.underWay++;
    if (drawChance(profile.reorderPermille, link.random)) {
      arrivalMs += drawLatency(profile, link.random);
      this.#clock.after(arrivalMs - this.#clock.nowMs, () => this.#arrive(link, flight));
      return;
    }
    arrivalMs = Math.max(arrivalMs, link.lastArrivalMs);
    link.lastArrivalMs = arrivalMs;
    const { inOrder } = link;
    inOrder.push(flight);
    this.#clock.after(arrivalMs - this.#clock.nowMs, () => {
      const first = inOrder.shift();
      if (first !== undefined) this.#arrive(link, first);
    });
  }

  #arrive(link: Link, flight: Flight): void {
    link.underWay--;
    const { receiver, message, bytes } = flight;
    const there = this.#hosts.get(link.to) === receiver && receiver.peers.has(link.from);
    // What had not left when its session ended went with the sender's queue.
    const left = flight.session === link.session || flight.leavesMs <= link.endedAtMs;
    if (!there || !left || !this.#reachability.open(link.from, link.to)) {
      this.#count('lost', link, message);
      return;
    }
    const received = this.#read(link, message, bytes);
    if (received === undefined) {
      this.#count('refused', link, message);
      this.#breakLater(link, this.#latency(link), 'gone');
      return;
    }
    this.#count('delivered', link, received);
    receiver.handlers.onMessage(link.from, received);
  }

  /** What the receiver makes of a frame; undefined when it is nothing that it may be told. */
  #read(link: Link, message: PeerMessage | undefined, bytes: Uint8Array | undefined): PeerMessage | undefined {
    if (bytes === undefined) {
      // A host of the world speaks for itself: anything else is a defect, and thrown.
      if (message !== undefined) checkAddressing(message, link.from, link.to);
      return message;
    }
    try {
      const received = decodePeerMessage(bytes);
      checkAddressing(received, link.from, link.to);
      return received;
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  }

  /** Whether messages get from each of two hosts to the other. */
  isOpen(one: NodeId, other: NodeId): boolean {
    return this.#reachability.open(one, other) && this.#reachability.open(other, one);
  }

  /** A session needs both hosts up, each the other's peer, and a way there and back. */
  #canConnect(link: Link): boolean {
    const [from, to] = [this.#hosts.get(link.from), this.#hosts.get(link.to)];
    if (from === undefined || to === undefined || !from.peers.has(link.to) || !to.peers.has(link.from)) return false;
    return this.isOpen(link.from, link.to);
  }

  #attemptLater(link: Link, delayMs: number): void {
    const generation = ++link.generation;
    this.#clock.after(delayMs, () => {
      if (link.generation === generation) this.#attempt(link);
    });
  }

  #attempt(link: Link): void {
    const host = this.#hosts.get(link.from);
    if (link.connected || host === undefined || !host.peers.has(link.to)) return;
    if (!this.#canConnect(link)) {
      const pause = link.pauseMs * (0.5 + link.random.below(1_000) / 2_000);
      link.pauseMs = Math.min(link.pauseMs * 2, LAST_PAUSE_MS);
      this.#attemptLater(link, pause);
      return;
    }
    // Connection, encryption and hello: three times there and back.
    const handshakeMs = 3 * (this.#latency(link) + this.#latency(link));
    const generation = ++link.generation;
    this.#clock.after(handshakeMs, () => {
      if (link.generation !== generation) return;
      if (!this.#canConnect(link)) this.#attempt(link);
      else this.#connect(link, host);
    });
  }

  #connect(link: Link, host: Incarnation): void {
    link.connected = true;
    link.doomed = undefined;
    link.pauseMs = FIRST_PAUSE_MS;
    link.generation++;
    this.#onEvent?.({ type: 'connected', from: link.from, to: link.to });
    host.handlers.onPeer(link.to, true);
    // The peer sees the connection and tries its own direction at once.
    const back = this.#link(link.to, link.from);
    if (!back.connected) this.#attemptLater(back, 0);
  }

  #breakLater(link: Link, delayMs: number, doomed: NonNullable<Link['doomed']>): void {
    const generation = ++link.generation;
    link.doomed = doomed;
    this.#clock.after(delayMs, () => {
      if (link.generation !== generation) return;
      this.#disconnect(link);
      this.#attemptLater(link, FIRST_PAUSE_MS);
    });
  }

  #disconnect(link: Link): void {
    const wasConnected = link.connected;
    this.#reset(link);
    if (!wasConnected) return;
    this.#onEvent?.({ type: 'disconnected', from: link.from, to: link.to });
    this.#hosts.get(link.from)?.handlers.onPeer(link.to, false);
  }

  #reset(link: Link): void {
    link.generation++;
    link.pauseMs = FIRST_PAUSE_MS;
    link.doomed = undefined;
    if (!link.connected) return;
    link.connected = false;
    link.session++;
    link.endedAtMs = this.#clock.nowMs;
    link.busyUntilMs = Math.min(link.busyUntilMs, link.endedAtMs);
    link.lastArrivalMs = 0;
    link.inOrder = [];
  }

  /** Cuts changed: sessions that lead nowhere will be given up, those that lead somewhere again are kept. */
  #changed(): void {
    for (const link of this.#links.values()) {
      if (!link.connected) continue;
      const open = this.#reachability.open(link.from, link.to);
      if (!open && link.doomed === undefined) this.#breakLater(link, this.#deadMs(link), 'cut');
      if (!open || link.doomed !== 'cut') continue;
      link.doomed = undefined;
      link.generation++;
    }
  }

  #link(from: NodeId, to: NodeId): Link {
    const name = linkKey(from, to);
    let link = this.#links.get(name);
    if (link === undefined) {
      link = newLink(from, to, this.#random.fork(`${from}>${to}`));
      this.#links.set(name, link);
    }
    return link;
  }

  #profileOf(link: Link): LinkProfile {
    const profile = link.profile ?? this.#profile;
    if (link.slowdowns.length === 0) return profile;
    // The slowest of the faults that hold counts: their product would block a link, that keeps its order, for minutes.
    return slowed(profile, Math.max(...link.slowdowns));
  }

  #latency(link: Link): number {
    return drawLatency(this.#profileOf(link), link.random);
  }

  #deadMs(link: Link): number {
    return DEAD_MIN_MS + link.random.below(DEAD_MAX_MS - DEAD_MIN_MS);
  }

  #count(type: keyof NetworkStats, link: Link, message: PeerMessage | undefined): void {
    this.#counts[type]++;
    const { from, to } = link;
    this.#onEvent?.(message === undefined ? { type, from, to } : { type, from, to, message });
  }
}
