import * as fc from 'fast-check';
import t from 'tap';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from './frame.ts';
import { WireError } from './wire-error.ts';

const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 8 });

function cut(bytes: Uint8Array, points: readonly number[]): Uint8Array[] {
  const sorted = [0, ...points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, i) => bytes.slice(sorted[i], end));
}

function decode(decoder: FrameDecoder, pieces: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (const piece of pieces) decoder.push(piece, (payload) => out.push(payload.slice()));
  return out;
}

t.test('payloads come back whole and in order, however the stream is cut', async (t) => {
  fc.assert(
    fc.property(payloads, fc.array(fc.nat(), { maxLength: 20 }), (sent, points) => {
      const decoder = new FrameDecoder();
      t.strictSame(decode(decoder, cut(encodeFrames(sent), points)), sent);
      t.doesNotThrow(() => decoder.end());
    }),
  );
});

t.test('pieces may be overwritten once they were taken', async (t) => {
  const decoder = new FrameDecoder();
  const bytes = encodeFrames([Uint8Array.of(1, 2, 3, 4, 5, 6)]);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    const piece = bytes.slice(at, at + 3);
    decoder.push(piece, (payload) => out.push(payload.slice()));
    piece.fill(0xee);
  }
  t.strictSame(out, [Uint8Array.of(1, 2, 3, 4, 5, 6)]);
});

t.test('an end inside a frame is truncation, also inside its length', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.nat(), (payload, point) => {
      const bytes = encodeFrames([payload]);
      const decoder = new FrameDecoder();
      t.strictSame(decode(decoder, [bytes.slice(0, 1 + (point % (bytes.length - 1)))]), []);
      t.throws(() => decoder.end(), { name: WireError.name, reason: 'truncatedFrame' });
    }),
  );
});

t.test('an empty frame and one over the limit are refused, before anything of it is kept', async (t) => {
  const decoder = new FrameDecoder(10);
  t.strictSame(decode(decoder, [encodeFrames([new Uint8Array(10)])]), [new Uint8Array(10)]);
  t.throws(() => decode(decoder, [Uint8Array.of(0, 0, 0, 11)]), { name: WireError.name, reason: 'oversizedFrame' });
  t.throws(
    () => decode(decoder, [Uint8Array.of(1)]),
    { name: WireError.name, reason: 'oversizedFrame' },
    'and so is all that follows',
  );
  t.throws(() => decoder.end(), { name: WireError.name, reason: 'oversizedFrame' });
  t.throws(() => decode(new FrameDecoder(), [new Uint8Array(4)]), { name: WireError.name, reason: 'emptyFrame' });
  t.throws(() => decode(new FrameDecoder(), [Uint8Array.of(255, 255, 255, 255)]), {
    name: WireError.name,
    reason: 'oversizedFrame',
  });
  t.equal(MAX_FRAME_BYTES, 4 * 1024 * 1024);
});

t.test('garbage ends in a typed error or waits for more', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 10 }), (pieces) => {
      const decoder = new FrameDecoder(64);
      try {
        decode(decoder, pieces);
        decoder.end();
      } catch (error) {
        t.ok(error instanceof WireError);
      }
    }),
  );
});
