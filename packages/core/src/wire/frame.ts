/**
 * Frames on a byte stream: the length of the payload in four bytes, big-endian, then the payload. An
 * empty payload does not exist, so a run of zeros is never taken for traffic.
 */
import { WireError } from './wire-error.ts';

/** Bytes before each payload. */
export const FRAME_HEADER_BYTES = 4;

/** Longest payload that hosts send each other, in bytes. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** One contiguous buffer holding each payload as a frame, in order. Payloads must not be empty. */
export function encodeFrames(payloads: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const payload of payloads) total += FRAME_HEADER_BYTES + payload.length;
  const out = new Uint8Array(total);
  let at = 0;
  for (const payload of payloads) {
    const length = payload.length;
    out[at] = length >>> 24;
    out[at + 1] = (length >>> 16) & 0xff;
    out[at + 2] = (length >>> 8) & 0xff;
    out[at + 3] = length & 0xff;
    out.set(payload, at + FRAME_HEADER_BYTES);
    at += FRAME_HEADER_BYTES + length;
  }
  return out;
}

/**
 * Cuts a byte stream into payloads, whatever the pieces it arrives in. Holds at most one incomplete
 * frame, never more than the limit, and reserves memory only for bytes that have arrived.
 */
export class FrameDecoder {
  readonly #maxBytes: number;
  #header = 0;
  #headerBytes = 0;
  /** Length of the payload being collected; zero while the header is. */
  #wanted = 0;
  #parts: Uint8Array[] = [];
  #collected = 0;
  #failure: WireError | undefined;

  /** `maxBytes` is the longest payload that is accepted. */
  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next piece of the stream and hands each completed payload to `onPayload`, in order. A
   * payload is only valid during the call: it may be a view of `piece`. Throws {@link WireError}
   * `emptyFrame` or `oversizedFrame`, and the same again on every later call.
   */
  push(piece: Uint8Array, onPayload: (payload: Uint8Array) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    while (at < piece.length) {
      if (this.#wanted === 0) {
        this.#header = ((this.#header << 8) | (piece[at] ?? 0)) >>> 0;
        at++;
        if (++this.#headerBytes < FRAME_HEADER_BYTES) continue;
        this.#begin(this.#header);
        continue;
      }
      const missing = this.#wanted - this.#collected;
      const part = piece.subarray(at, Math.min(piece.length, at + missing));
      at += part.length;
      if (part.length === this.#wanted) {
        this.#reset();
        onPayload(part);
        continue;
      }
      // The sender of the piece may reuse its memory, so what waits for more is copied.
      this.#parts.push(part.slice());
      this.#collected += part.length;
      if (this.#collected === this.#wanted) onPayload(this.#join());
    }
  }

  /** The stream has ended. Throws {@link WireError} `truncatedFrame` unless it ended between two frames. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#headerBytes === 0 && this.#wanted === 0) return;
    const message =
      this.#wanted === 0
        ? `the stream ended after ${this.#headerBytes} of ${FRAME_HEADER_BYTES} bytes of a frame's length`
        : `the stream ended after ${this.#collected} of ${this.#wanted} bytes of a frame`;
    throw this.#fail(new WireError('truncatedFrame', message));
  }

  #begin(length: number): void {
    if (length === 0) throw this.#fail(new WireError('emptyFrame', 'a frame has no content'));
    if (length > this.#maxBytes) {
      throw this.#fail(
        new WireError('oversizedFrame', `a frame announces ${length} bytes, the limit is ${this.#maxBytes}`),
      );
    }
    this.#wanted = length;
  }

  #join(): Uint8Array {
    const payload = new Uint8Array(this.#wanted);
    let at = 0;
    for (const part of this.#parts) {
      payload.set(part, at);
      at += part.length;
    }
    this.#reset();
    return payload;
  }

  #reset(): void {
    this.#header = 0;
    this.#headerBytes = 0;
    this.#wanted = 0;
    this.#collected = 0;
    this.#parts = [];
  }

  #fail(error: WireError): WireError {
    this.#failure = error;
    this.#parts = [];
    return error;
  }
}
