/** A libp2p stream as a Duplex of Node. Back-pressure and half-close go through to the other end. */
import { Duplex } from 'node:stream';
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';

/** Takes over a stream: nobody else reads from it or writes to it from then on. */
export class StreamDuplex extends Duplex {
  readonly #stream: Stream;
  #waiting: (() => void) | undefined;
  #ended = false;
  /** While the stream is being resumed: it hands out what it has kept, and is not to be paused in the midst of that. */
  #resuming = false;
  #isFull = false;

  constructor(stream: Stream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    stream.addEventListener('message', (event) => this.#take(event));
    // At a drain it begins to send what it has kept, and is idle once that is gone. Only then is more written: its own
    // buffer has no bound. And only in the next turn: what is written in the midst of its sending would be left lying.
    for (const event of ['drain', 'idle'] as const) {
      stream.addEventListener(event, () => queueMicrotask(() => this.#drainedIfEmpty()));
    }
    stream.addEventListener('end', () => this.#end());
    stream.addEventListener('close', (event) => this.#closed(event));
  }

  override _read(): void {
    if (this.#stream.readStatus !== 'paused') return;
    this.#isFull = false;
    this.#resuming = true;
    // It asks the other side for more at its end, whatever happened meanwhile: a pause before that would not hold.
    this.#stream.resume();
    this.#resuming = false;
    if (this.#isFull) this.#pause();
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
      this.#stream.abort(error ?? new Error('the stream was closed'));
    }
    done(error);
  }

  #take(event: StreamMessageEvent): void {
    const pieces = event.data instanceof Uint8Array ? [event.data] : event.data;
    let more = true;
    for (const piece of pieces) more = this.push(piece);
    this.#isFull = !more;
    if (!more && !this.#resuming) this.#pause();
  }

  #pause(): void {
    if (this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  #drainedIfEmpty(): void {
    if (this.#stream.writeBufferLength === 0) this.#drained();
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
