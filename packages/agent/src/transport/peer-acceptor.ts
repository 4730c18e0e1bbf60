/** The streams that peers open to this host: hello first, then messages, each checked before anyone sees it. */

import type { Connection, Stream } from '@libp2p/interface';
import type { PeerAddress } from '@n3x/core/ports/transport';
import type { NodeId } from '@n3x/core/raft/types';
import { decodePeerMessage } from '@n3x/core/wire/codec';
import { decodeHello, encodeHello, type Hello, isControl, PING, PONG, type RefusalReason } from '@n3x/core/wire/hello';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { checkAddressing } from '@n3x/core/wire/schema';
import { WireError } from '@n3x/core/wire/wire-error';
import { FrameStream } from './frame-stream.ts';
import type { Log } from './node.ts';
import type { TransportTuning } from './tuning.ts';

/** What an acceptor needs of the transport. */
export interface PeerAcceptorOptions {
  readonly hello: Hello;
  readonly log: Log;
  readonly tuning: TransportTuning;
  /** The member that a peer id belongs to. */
  memberOf(peerId: string): PeerAddress | undefined;
  /** Whether this host's cluster is what became of the one with that id. */
  supersedes(clusterId: string): boolean;
  onMessage(from: NodeId, message: PeerMessage): void;
}

/** A line about the same peer and reason is written once in this time, in ms. */
const LOG_QUIET_MS = 10_000;

/** Takes the streams that peers open to this host. At most one per member is listened to: the newest. */
export class PeerAcceptor {
  readonly #options: PeerAcceptorOptions;
  readonly #streams = new Map<NodeId, FrameStream>();
  readonly #logged = new Map<string, number>();
  #paused = false;
  #received = 0;
  #refused = 0;

  constructor(options: PeerAcceptorOptions) {
    this.#options = options;
  }

  /** Messages delivered so far. */
  get receivedMessages(): number {
    return this.#received;
  }

  /** Streams that were refused or ended because of what came over them. */
  get refusedStreams(): number {
    return this.#refused;
  }

  /** Takes a stream of the peer protocol. */
  accept(stream: Stream, connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    const { tuning } = this.#options;
    let member: PeerAddress | undefined;
    const frames = new FrameStream(stream, tuning.maxFrameBytes, {
      onPayload: (payload) => {
        if (member !== undefined) this.#deliver(member, frames, payload);
        else {
          clearTimeout(timer);
          member = this.#greet(peerId, frames, payload);
        }
      },
      onDrain: () => undefined,
      onEnd: (problem) => {
        clearTimeout(timer);
        if (member !== undefined && this.#streams.get(member.id) === frames) this.#streams.delete(member.id);
        if (problem instanceof WireError) this.#refusedBecause(peerId, member?.id, problem.reason, problem.message);
      },
    });
    const timer = setTimeout(() => frames.abort(new Error('no hello in time')), tuning.openMs);
  }

  /** Ends the stream of a host that is a member no more. */
  drop(id: NodeId): void {
    this.#streams.get(id)?.abort(new Error('this peer is no member any more'));
  }

  /** Delivers nothing until {@link resume}; peers are held back once their windows are used up. */
  pause(): void {
    this.#paused = true;
    for (const frames of this.#streams.values()) frames.pause();
  }

  /** Delivers again. */
  resume(): void {
    this.#paused = false;
    for (const frames of this.#streams.values()) frames.resume();
  }

  /** Ends every stream. */
  close(): void {
    for (const frames of [...this.#streams.values()]) frames.abort(new Error('this host ended the stream'));
  }

  #greet(peerId: string, frames: FrameStream, payload: Uint8Array): PeerAddress | undefined {
    const { hello, memberOf, supersedes } = this.#options;
    const theirs = decodeHello(payload, hello.version);
    const member = memberOf(peerId);
    let reason: RefusalReason | undefined;
    if (theirs.type === 'refusal') reason = 'version';
    else if (theirs.clusterId !== hello.clusterId)
      reason = supersedes(theirs.clusterId) ? 'superseded' : 'wrongCluster';
    else if (member === undefined) reason = 'unknownMember';
    else if (theirs.hostId !== member.id) reason = 'wrongHost';
    if (reason !== undefined || member === undefined) {
      this.#refuse(peerId, frames, reason ?? 'unknownMember');
      return undefined;
    }
    frames.send([encodeHello(hello)]);
    this.#streams.get(member.id)?.abort(new Error('the peer opened a newer stream'));
    this.#streams.set(member.id, frames);
    if (this.#paused) frames.pause();
    return member;
  }

  #deliver(member: PeerAddress, frames: FrameStream, payload: Uint8Array): void {
    if (isControl(payload, PING)) {
      frames.send([PONG]);
      return;
    }
    const message = decodePeerMessage(payload);
    checkAddressing(message, member.id, this.#options.hello.hostId);
    this.#received++;
    this.#options.onMessage(member.id, message);
  }

  #refuse(peerId: string, frames: FrameStream, reason: RefusalReason): void {
    this.#refusedBecause(peerId, undefined, reason, 'this host does not take messages from the peer');
    frames.send([encodeHello({ type: 'refusal', reason, version: this.#options.hello.version })]);
    void frames.close(1_000);
  }

  #refusedBecause(peerId: string, peer: NodeId | undefined, reason: string, message: string): void {
    this.#refused++;
    const key = `${peerId} ${reason}`;
    const now = performance.now();
    const last = this.#logged.get(key);
    if (last !== undefined && now - last < LOG_QUIET_MS) return;
    if (this.#logged.size >= 1_000) this.#logged.clear();
    this.#logged.set(key, now);
    this.#options.log('warn', 'transport.streamRefused', { peerId, peer, reason, message });
  }
}
