/** Frames over one libp2p stream, in both directions. */

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { encodeFrames, FrameDecoder } from '@n3x/core/wire/frame';
import { WireError } from '@n3x/core/wire/wire-error';
import { thriftyWindow } from './thrifty-window.ts';

/** What the owner of a stream is told. */
export interface FrameStreamHandlers {
  /** A payload, valid during the call. A {@link WireError} thrown here ends the stream. */
  onPayload(payload: Uint8Array): void;
  /** The stream takes more again, after `send` said that it does not. */
  onDrain(): void;
  /** The stream is over, told once. `problem` is a {@link WireError} when what the peer sent was the reason. */
  onEnd(problem: Error | undefined): void;
}

/** Frames over one libp2p stream. */
export class FrameStream {
  readonly #stream: Stream;
  readonly #handlers: FrameStreamHandlers;
  readonly #decoder: FrameDecoder;
  #over = false;

  /** Starts reading at once. `maxBytes` bounds the payloads that are accepted. */
  constructor(stream: Stream, maxBytes: number, handlers: FrameStreamHandlers) {
    this.#stream = stream;
    this.#handlers = handlers;
    this.#decoder = new FrameDecoder(maxBytes);
    thriftyWindow(stream);
    stream.addEventListener('message', (event) => this.#take(event));
    stream.addEventListener('drain', () => {
      if (!this.#over) handlers.onDrain();
    });
    stream.addEventListener('end', () => this.#ended());
    stream.addEventListener('close', (event) => this.#closed(event));
  }

  /** Whether neither side has ended the stream. */
  get open(): boolean {
    return !this.#over;
  }

  /** Bytes handed to the stream that it has not passed on. */
  get bufferedBytes(): number {
    return this.#stream.writeBufferLength;
  }

  /** Sends payloads as frames in one buffer. False when the stream wants no more before `onDrain`. */
  send(payloads: readonly Uint8Array[]): boolean {
    if (this.#over) return false;
    try {
      return this.#stream.send(encodeFrames(payloads));
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  /** Stops delivering; the peer is held back once its window is used up. */
  pause(): void {
    if (!this.#over) this.#stream.pause();
  }

  /** Delivers again. */
  resume(): void {
    if (!this.#over) this.#stream.resume();
  }

  /** Ends the stream at once; what was not sent is lost. */
  abort(reason: Error): void {
    this.#finish(reason);
  }

  /**
   * Ends the stream after what was sent has left, or after `timeoutMs`; the peer has as long again to end
   * its side. `onEnd` is not called.
   */
  async close(timeoutMs: number): Promise<void> {
    this.#over = true;
    const stream = this.#stream;
    try {
      await stream.close({ signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
    if (stream.status === 'closed' || stream.status === 'aborted' || stream.status === 'reset') return;
    const timer = setTimeout(() => stream.abort(new Error('the peer did not end its side')), timeoutMs);
    stream.addEventListener('close', () => clearTimeout(timer), { once: true });
  }

  #take(event: StreamMessageEvent): void {
    const pieces = event.data instanceof Uint8Array ? [event.data] : event.data;
    try {
      for (const piece of pieces) {
        this.#decoder.push(piece, (payload) => {
          if (!this.#over) this.#handlers.onPayload(payload);
        });
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#finish(error);
    }
  }

  /** The peer sends no more: a peer stream is of no use in one direction only. */
  #ended(): void {
    if (this.#over) return;
    try {
      this.#decoder.end();
      this.#finish(undefined);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#finish(error);
    }
  }

  #closed(event: StreamCloseEvent): void {
    if (this.#over) return;
    if (event.error === undefined) this.#ended();
    else this.#finish(event.error);
  }

  #finish(problem: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.abort(problem ?? new Error('the peer ended the stream'));
    this.#handlers.onEnd(problem);
  }
}
