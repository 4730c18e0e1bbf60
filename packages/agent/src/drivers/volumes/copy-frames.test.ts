import { FrameDecoder } from '@n3x/core/wire/frame';
import fc from 'fast-check';
import t from 'tap';
import {
  CHUNK_BYTES,
  type CopyFrame,
  chunkLength,
  chunksOf,
  decodeCopyFrame,
  digestOf,
  encodeCopyFrame,
  isZero,
  MAX_COPY_FRAME_BYTES,
  zeroDigest,
} from './copy-frames.ts';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const frame: fc.Arbitrary<CopyFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('request' as const),
    request: fc.record({
      uid: fc.tuple(fc.nat(), fc.nat(9_999)).map(([index, number]) => `v${index}-${number}`),
      move: fc.integer({ min: 1 }),
      have: fc.nat(1_000_000),
    }),
  }),
  fc.record({
    kind: fc.constant('header' as const),
    header: fc.record({
      name: fc.string({ maxLength: 40, unit: 'grapheme' }),
      sizeMib: fc.integer({ min: 1, max: 1_000_000 }),
      fsType: fc.constantFrom('ext4' as const, 'vfat' as const),
      epoch: fc.nat(),
      imageBytes: fc.integer({ min: 1 }),
      usedBytes: fc.nat(),
      chunkBytes: fc.constant(CHUNK_BYTES as typeof CHUNK_BYTES),
    }),
  }),
  fc.record({
    kind: fc.constant('refusal' as const),
    refusal: fc.record({ message: fc.string({ maxLength: 900 }), retriable: fc.boolean() }),
  }),
  fc.record({ kind: fc.constant('same' as const), digest }),
  fc.constant({ kind: 'zero' as const }),
  fc.record({ kind: fc.constant('data' as const), digest, chunk: fc.uint8Array({ minLength: 1, maxLength: 5_000 }) }),
  fc.record({ kind: fc.constant('end' as const), digest }),
);

t.test('messages arrive as they were sent, in whatever pieces', async (t) => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 900 })), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(encodeCopyFrame));
      const decoder = new FrameDecoder(MAX_COPY_FRAME_BYTES);
      const seen: string[] = [];
      const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
      const text = (each: CopyFrame): string =>
        JSON.stringify({
          ...each,
          ...('digest' in each ? { digest: hex(each.digest) } : {}),
          ...('chunk' in each ? { chunk: hex(each.chunk) } : {}),
        });
      let at = 0;
      for (let i = 0; at < bytes.length; i += 1) {
        const to = at + (cuts[i] ?? bytes.length);
        decoder.push(bytes.subarray(at, to), (payload) => seen.push(text(decodeCopyFrame(payload.slice()))));
        at = to;
      }
      decoder.end();
      const sent = frames.map(text);
      if (seen.join('\n') !== sent.join('\n')) throw new Error(`${seen}\nis not\n${sent}`);
    }),
  );
  t.pass();
});

t.test('whatever bytes come, they are a message or refused', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(9), (bytes, kind) => {
      bytes[0] = kind;
      try {
        decodeCopyFrame(bytes);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'WireError') throw error;
      }
    }),
  );
  const json = (kind: number, text: string): Uint8Array => Buffer.from(`${String.fromCharCode(kind)}${text}`);
  t.throws(() => decodeCopyFrame(json(1, '{')), { reason: 'malformed', message: 'a message of a copy is not JSON' });
  t.throws(() => decodeCopyFrame(json(1, '{"uid":"../x","move":1,"have":0}')), {
    reason: 'malformed',
    message: 'a message of a copy is not as it must be: uid',
  });
  t.throws(() => decodeCopyFrame(json(9, '')), { reason: 'unknownType', message: /no message of kind 9/ });
  t.throws(() => decodeCopyFrame(json(3, 'short')), { reason: 'malformed', message: /has 5 bytes of content/ });
});

t.test('chunks cover an image, and those of zeros are known', async (t) => {
  t.same([1, CHUNK_BYTES, CHUNK_BYTES + 1].map(chunksOf), [1, 1, 2]);
  t.same([chunkLength(CHUNK_BYTES + 1, 0), chunkLength(CHUNK_BYTES + 1, 1)], [CHUNK_BYTES, 1]);
  const chunk = Buffer.alloc(CHUNK_BYTES);
  t.ok(isZero(chunk));
  t.ok(isZero(chunk.subarray(0, 7)));
  t.same(zeroDigest(7), digestOf(Buffer.alloc(7)));
  for (const at of [0, 4_097, CHUNK_BYTES - 1]) {
    const other = Buffer.alloc(CHUNK_BYTES);
    other[at] = 1;
    t.notOk(isZero(other));
  }
});
