/** One JSON message in each direction over a stream, bounded in size and time. */

import type { Stream } from '@libp2p/interface';
import { FRAME_HEADER_BYTES } from '@n3x/core/wire/frame';
import { WireError } from '@n3x/core/wire/wire-error';
import { FrameStream } from './frame-stream.ts';

/** One side of an exchange. */
export interface JsonExchange {
  /** Sends `value`. What is longer than the limit is a defect of the caller. */
  send(value: unknown): void;
  /**
   * The peer's message. Rejects with a {@link WireError} when it is not JSON within the limit, with another
   * error when the stream ends first.
   */
  receive(): Promise<unknown>;
  /** Ends the stream after what was sent has left. */
  close(): Promise<void>;
  /** Ends the stream at once. */
  abort(reason: Error): void;
}

/** How long the last bytes may take to leave, in ms. */
const CLOSE_MS = 2_000;

/** Starts reading from `stream` at once. `maxBytes` bounds the message in each direction. */
export function jsonExchange(stream: Stream, maxBytes: number): JsonExchange {
  const message = Promise.withResolvers<unknown>();
  // A failure before anyone asks for the message is kept for them.
  message.promise.catch(() => undefined);
  const frames = new FrameStream(stream, maxBytes, {
    onPayload: (payload) => message.resolve(parse(payload)),
    onDrain: () => undefined,
    onEnd: (problem) => message.reject(problem ?? new Error('the peer ended the stream without an answer')),
  });
  return {
    send(value) {
      const payload = new TextEncoder().encode(JSON.stringify(value));
      if (payload.length > maxBytes)
        throw new WireError('oversizedFrame', `${payload.length + FRAME_HEADER_BYTES} bytes`);
      frames.send([payload]);
    },
    receive: () => message.promise,
    close: () => frames.close(CLOSE_MS),
    abort: (reason) => frames.abort(reason),
  };
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw new WireError('malformed', 'a message is not JSON');
  }
}
