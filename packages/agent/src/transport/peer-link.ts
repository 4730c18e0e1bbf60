/**
 * The way to one peer: a long-lived stream that carries frames to it and only answers back. Connects,
 * reconnects with growing and jittered pauses, sheds what does not fit its bounded queue, and cuts a
 * connection whose other end confirms nothing.
 */

import type { Connection } from '@libp2p/interface';
import type { PeerAddress } from '@n3x/core/ports/transport';
import { decodeHello, encodeHello, type Hello, isControl, MAX_HELLO_BYTES, PING, PONG } from '@n3x/core/wire/hello';
import { WireError } from '@n3x/core/wire/wire-error';
import { errorText } from './error-text.ts';
import { FrameStream } from './frame-stream.ts';
import type { Log, PeerNode } from './node.ts';
import type { TransportTuning } from './tuning.ts';

/** Protocol of the streams between members. */
export const PEER_PROTOCOL = '/n3x/peer/1';

/** What a link needs of the transport. */
export interface PeerLinkOptions {
  readonly node: PeerNode;
  readonly peer: PeerAddress;
  readonly hello: Hello;
  readonly log: Log;
  readonly tuning: TransportTuning;
  /** Called when the way to the peer opens or breaks. */
  onConnected(connected: boolean): void;
  /** The peer, proved to be it, has gone on in what became of this host's cluster. */
  onSuperseded(): void;
  /** The peer, proved to be it, says that this host is no member. */
  onUnknown(): void;
}

/** Counts of one link since it was made, and what waits now. */
export interface PeerLinkStats {
  readonly connected: boolean;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly sentMessages: number;
  /** Not sent: no connection, queue full, or queued when the connection broke. */
  readonly droppedMessages: number;
  /** How often the way to the peer opened. */
  readonly sessions: number;
}

/** The way to one peer. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  #addresses: readonly string[];
  #frames: FrameStream | undefined;
  #connection: Connection | undefined;
  #connected = false;
  #closed = false;
  #attempt: AbortController | undefined;
  #wake: (() => void) | undefined;
  #lastProblem = '';

  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #flushing = false;
  #writable = false;
  #sentMessages = 0;
  #dropped = 0;
  #sessions = 0;

  #unconfirmed = false;
  #pingSentAt: number | undefined;

  /** Starts connecting at once. */
  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#addresses = options.peer.addresses;
    void this.#run();
  }

  get peer(): PeerAddress {
    return { ...this.#options.peer, addresses: this.#addresses };
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Where to dial from now on. */
  setAddresses(addresses: readonly string[]): void {
    this.#addresses = addresses;
  }

  /** Queues a payload of at most `maxFrameBytes` for the end of this turn of the event loop, or drops it. */
  send(payload: Uint8Array): void {
    const { maxQueuedMessages, maxQueuedBytes } = this.#options.tuning;
    const fits = this.#queue.length < maxQueuedMessages && this.#queuedBytes + payload.length <= maxQueuedBytes;
    if (!this.#connected || !fits) {
      this.#dropped++;
      return;
    }
    this.#enqueue(payload);
    this.#sentMessages++;
    this.#unconfirmed = true;
  }

  /** Counts a message that was dropped before it became bytes. */
  countDrop(): void {
    this.#dropped++;
  }

  /** A connection with the peer has opened: no reason to wait longer. */
  connectionOpened(): void {
    this.#wake?.();
  }

  /** Looks whether the connection is alive. `nowMs` is monotonic; `lateMs` is how long this host itself slept through. */
  check(nowMs: number, lateMs: number): void {
    if (!this.#connected) return;
    if (this.#pingSentAt === undefined) {
      if (!this.#unconfirmed) return;
      this.#unconfirmed = false;
      this.#pingSentAt = nowMs;
      this.#enqueue(PING);
      return;
    }
    this.#pingSentAt += lateMs;
    if (nowMs - this.#pingSentAt <= this.#options.tuning.deadMs) return;
    this.#connection?.abort(new Error('the peer confirms nothing'));
    this.#frames?.abort(new Error(`the peer has confirmed nothing for ${this.#options.tuning.deadMs} ms`));
  }

  stats(): PeerLinkStats {
    return {
      connected: this.#connected,
      queuedMessages: this.#queue.length,
      queuedBytes: this.#queuedBytes + (this.#frames?.bufferedBytes ?? 0),
      sentMessages: this.#sentMessages,
      droppedMessages: this.#dropped,
      sessions: this.#sessions,
    };
  }

  /** Sends what is queued as far as the stream takes it, and ends the link for good. */
  close(): void {
    this.#flush();
    this.#closed = true;
    this.#attempt?.abort();
    this.#frames?.abort(new Error('this host ended the stream'));
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { node, hello, peer, tuning } = this.#options;
    if (hello.hostId > peer.id && node.connections(peer.peerId).length === 0) await this.#sleep(tuning.courtesyMs);
    let pause = tuning.backoffFirstMs;
    while (!this.#closed) {
      const sessions = this.#sessions;
      const problem = await this.#session();
      if (this.#closed) return;
      if (this.#sessions > sessions) pause = tuning.backoffFirstMs;
      this.#report(problem);
      await this.#sleep(pause * (0.5 + Math.random() / 2));
      pause = Math.min(pause * 2, tuning.backoffLastMs);
    }
  }

  /** One line per change of the reason; the same one again and again says nothing new. */
  #report(problem: string): void {
    const level = problem === this.#lastProblem ? 'debug' : 'info';
    this.#lastProblem = problem;
    const { id, peerId } = this.#options.peer;
    this.#options.log(level, 'transport.peerUnavailable', { peer: id, peerId, problem });
  }

  /** Connects, and stays until the stream is over. Resolves with the reason in words. */
  async #session(): Promise<string> {
    const { node, peer, tuning } = this.#options;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const timer = setTimeout(() => attempt.abort(new Error(`no answer within ${tuning.openMs} ms`)), tuning.openMs);
    try {
      const connection = await node.connect(peer.peerId, this.#addresses, attempt.signal);
      this.#connection = connection;
      try {
        const stream = await connection.newStream([PEER_PROTOCOL], { signal: attempt.signal });
        return await new Promise<string>((resolve) => {
          const frames = new FrameStream(stream, MAX_HELLO_BYTES, {
            onPayload: (payload) => this.#received(payload, timer),
            onDrain: () => {
              this.#writable = true;
              this.#flush();
            },
            onEnd: (problem) => {
              this.#disconnected();
              resolve(problem === undefined ? 'the peer ended the stream' : problem.message);
            },
          });
          this.#frames = frames;
          attempt.signal.addEventListener('abort', () => frames.abort(new Error('no hello in time')), { once: true });
          frames.send([encodeHello(this.#options.hello)]);
        });
      } finally {
        // A connection on which nothing answers would be taken again for the next attempt.
        if (attempt.signal.aborted && !this.#closed) connection.abort(new Error('the peer does not answer'));
      }
    } catch (error) {
      return errorText(error);
    } finally {
      clearTimeout(timer);
      this.#frames = undefined;
      this.#connection = undefined;
    }
  }

  #received(payload: Uint8Array, timer: NodeJS.Timeout): void {
    if (this.#connected) {
      if (!isControl(payload, PONG)) throw new WireError('malformed', 'the peer sent something else than a pong');
      this.#pingSentAt = undefined;
      return;
    }
    const { hello, peer, log } = this.#options;
    const answer = decodeHello(payload, hello.version);
    if (answer.type === 'refusal' && answer.reason === 'superseded') {
      this.#options.onSuperseded();
      this.#frames?.abort(new Error('refused: the peer went on in a new cluster, which this host has to join again'));
    } else if (answer.type === 'refusal') {
      if (answer.reason === 'unknownMember') this.#options.onUnknown();
      const versions =
        answer.version === hello.version ? '' : ` (version ${answer.version} there, ${hello.version} here)`;
      this.#frames?.abort(new Error(`refused: ${answer.reason}${versions}`));
    } else if (answer.clusterId !== hello.clusterId) {
      this.#frames?.abort(new Error(`the peer is in another cluster, ${answer.clusterId}`));
    } else if (answer.hostId !== peer.id) {
      this.#frames?.abort(new Error(`the peer says that it is host ${answer.hostId}`));
    } else {
      clearTimeout(timer);
      this.#connected = true;
      this.#writable = true;
      this.#unconfirmed = false;
      this.#pingSentAt = undefined;
      this.#sessions++;
      this.#lastProblem = '';
      log('info', 'transport.peerConnected', { peer: peer.id, peerId: peer.peerId });
      this.#options.onConnected(true);
    }
  }

  #disconnected(): void {
    this.#dropped += this.#queue.length;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writable = false;
    if (!this.#connected) return;
    this.#connected = false;
    this.#options.onConnected(false);
  }

  #enqueue(payload: Uint8Array): void {
    this.#queue.push(payload);
    this.#queuedBytes += payload.length;
    if (this.#flushing) return;
    this.#flushing = true;
    // One buffer for all that is sent in one go: many small writes cost several times as much as one large. A turn of the
    // event loop later, as with setImmediate, is later by what the loop has to do meanwhile.
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#writable && this.#queue.length > 0 && this.#frames !== undefined) {
      const batch = this.#takeBatch();
      this.#writable = this.#frames.send(batch);
    }
  }

  #takeBatch(): Uint8Array[] {
    let count = 0;
    let bytes = 0;
    for (const payload of this.#queue) {
      if (count > 0 && bytes + payload.length > this.#options.tuning.batchBytes) break;
      bytes += payload.length;
      count++;
    }
    this.#queuedBytes -= bytes;
    if (count < this.#queue.length) return this.#queue.splice(0, count);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
