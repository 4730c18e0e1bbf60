/** The messages of a copy over a byte stream, one after the other: bounded, with back-pressure, and never waiting for ever. */
import type { Duplex } from 'node:stream';
import { FRAME_HEADER_BYTES } from '@n3x/core/wire/frame';
import { WireError } from '@n3x/core/wire/wire-error';
import { type CopyFrame, decodeCopyFrame } from './copy-frames.ts';

/** How long either side may be still, in ms. */
export const IDLE_MS = 30_000;

/** Frames over one stream, which it takes over. */
export class CopyChannel {
  readonly #duplex: Duplex;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #idleMs: number;
  readonly #over = new AbortController();
  readonly #maxBytes: number;
  /** What is left of the piece that was read last. */
  #piece: Uint8Array = new Uint8Array();
  /** Where every payload is put together: each would otherwise cost a chunk of memory, and the collector its pauses. */
  #payload = Buffer.alloc(0);

  /** `maxBytes` bounds the payloads that are accepted. */
  constructor(duplex: Duplex, maxBytes: number, idleMs = IDLE_MS) {
    this.#duplex = duplex;
    this.#maxBytes = maxBytes;
    this.#idleMs = idleMs;
    this.#pieces = duplex.iterator({ destroyOnReturn: false });
    // An error ends what is waited for, or whatever is tried next; by itself it is nobody's.
    duplex.on('error', () => undefined);
    duplex.on('close', () => this.#over.abort());
  }

  /** Aborted once the stream is over, whoever ended it. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * The next message; its bytes are valid until the next call. Undefined when the other side has ended the stream between
   * two. Rejects with a `WireError` when what comes is no message, with another error when the stream breaks or is still
   * for too long.
   */
  async next(): Promise<CopyFrame | undefined> {
    const header = await this.#take(FRAME_HEADER_BYTES);
    if (header === undefined) return undefined;
    const length = header.readUInt32BE();
    if (length === 0) throw new WireError('emptyFrame', 'a frame has no content');
    if (length > this.#maxBytes) {
      throw new WireError('oversizedFrame', `a frame announces ${length} bytes, the limit is ${this.#maxBytes}`);
    }
    const payload = await this.#take(length);
    if (payload === undefined) throw truncated();
    return decodeCopyFrame(payload);
  }

  /** Sends an encoded frame; resolves once the stream wants more, or is over. Rejects as `next` does. */
  send(frame: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#duplex.write(frame, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    return this.#within(promise);
  }

  /** Ends this direction, and resolves once the other side has ended its own, or the stream is over in any way. */
  async close(): Promise<void> {
    if (this.#duplex.destroyed) return;
    const timer = setTimeout(() => this.destroy(), this.#idleMs);
    this.#duplex.end();
    try {
      while ((await this.#pieces.next()).done !== true);
    } catch {
      // A stream that breaks now has done what it was for.
      this.destroy();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the stream at once, in both directions; what is waited for rejects with `error`. */
  destroy(error?: Error): void {
    if (!this.#duplex.destroyed) this.#duplex.destroy(error);
  }

  /** So many bytes of the stream; undefined when it has ended before the first of them. */
  async #take(length: number): Promise<Buffer | undefined> {
    if (this.#payload.length < length) this.#payload = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      if (this.#piece.length === 0) {
        const read = await this.#within(this.#pieces.next());
        if (read.done === true && at > 0) throw truncated();
        if (read.done === true) return undefined;
        this.#piece = read.value;
      }
      const part = this.#piece.subarray(0, length - at);
      this.#payload.set(part, at);
      this.#piece = this.#piece.subarray(part.length);
      at += part.length;
    }
    return this.#payload.subarray(0, length);
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    const still = (): void => this.destroy(new Error(`nothing has moved for ${this.#idleMs / 1000} s`));
    const timer = setTimeout(still, this.#idleMs);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }
}

function truncated(): WireError {
  return new WireError('truncatedFrame', 'the stream ended inside a message');
}
