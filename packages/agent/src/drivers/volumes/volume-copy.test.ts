import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { VOLUME_PROTOCOL } from '../../transport/member-streams.ts';
import { loopbackNode, stopAll, until } from '../../transport/test-loopback.ts';
import { CHUNK_BYTES, chunksOf, encodeCopyFrame } from './copy-frames.ts';
import { COPY_FILE } from './copy-store.ts';
import { Pace } from './pace.ts';
import { Copying, digestOfFile, MOVE, putVolume, type Tamper, VOLUME } from './test-copying.ts';

/** Sixteen chunks, five of them with data. */
const CHUNKS = ['a', undefined, 'b', 'c', undefined, undefined, 'd', ...Array(8).fill(undefined), 'e'] as const;
const DATA = CHUNKS.filter((chunk) => chunk !== undefined).length;

/** Cuts the stream once so many bytes have come. */
const cutAfter =
  (bytes: number): Tamper =>
  (piece, before) =>
    before + piece.length > bytes ? undefined : piece;

const copies = (copying: Copying) => copying.target.list(() => undefined).then(({ copies }) => copies);

t.test('a copy is the same, byte by byte, and stays sparse', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, CHUNKS);
  const { frames, opened } = await copying.copy();
  t.same(frames, { header: 1, same: 0, zero: CHUNKS.length - DATA, data: DATA, end: 1, refusal: 0 });
  t.equal(opened, 1);
  const image = copying.image('.v5-0.copy');
  t.equal(await digestOfFile(image), await digestOfFile(join(copying.directory, 'source/v5-0/volume.img')));
  const { size, blocks } = await stat(image);
  t.equal(size, CHUNKS.length * CHUNK_BYTES);
  t.ok(blocks * 512 < (DATA + 1) * CHUNK_BYTES, `${blocks} blocks are taken`);
  const whole = { uid: 'v5-0', pool: 'default', move: MOVE, epoch: 7, copiedBytes: size, isWhole: true };
  t.same(await copying.target.list(() => undefined), { volumes: [], copies: [whole] }, 'it is no volume yet');
  t.equal((await copying.copy()).opened, 0, 'what is whole is not copied again');
  await copying.target.accept(VOLUME, MOVE);
  t.match(await copying.target.find(VOLUME), { epoch: 7, stamp: { name: 'data', sizeMib: 4, move: MOVE } });
  t.equal((await copying.copy()).opened, 0, 'and never over the volume that it has become');
  await until('nobody reads', () => copying.server.readers === 0);
});

t.test('an image whose last chunk is short is copied as it is', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, ['x', 'y']);
  const path = join(copying.directory, 'source/v5-0/volume.img');
  {
    await using file = await open(path, 'r+');
    await file.truncate(CHUNK_BYTES + 1_000);
  }
  await copying.copy();
  t.equal(await digestOfFile(copying.image('.v5-0.copy')), await digestOfFile(path));
});

t.test('wherever a copy breaks off, the next goes on there', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, CHUNKS);
  const expected = await digestOfFile(join(copying.directory, 'source/v5-0/volume.img'));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(DATA * CHUNK_BYTES), { minLength: 1, maxLength: 3 }), async (cuts) => {
      await copying.target.discard(VOLUME);
      for (const cut of cuts) {
        const have = (await copies(copying))[0]?.copiedBytes ?? 0;
        // Fewer bytes come each time: the cut may be beyond the end.
        await copying.copy({}, cutAfter(cut)).catch((error: unknown) =>
          t.match(error, {
            reason: 'SourceUnreachable',
            retriable: true,
            message: 'the copy of volume v5-0 from host n1 broke off: the wire was cut',
          }),
        );
        t.ok(((await copies(copying))[0]?.copiedBytes ?? 0) >= have, 'nothing is lost');
      }
      const [before] = await copies(copying);
      const chunks = (before?.copiedBytes ?? 0) / CHUNK_BYTES;
      const { frames } = await copying.copy();
      if (before?.isWhole === true) t.equal(frames.header, 0, 'nothing is left to do');
      else t.equal(frames.same, chunks, 'what is here is compared');
      t.equal(frames.data, CHUNKS.slice(chunks).filter((chunk) => chunk !== undefined).length, 'only the rest comes');
      t.equal(await digestOfFile(copying.image('.v5-0.copy')), expected);
    }),
    { numRuns: 12 },
  );
});

t.test('a chunk that was altered on the way is refused', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, CHUNKS);
  const flip: Tamper = (piece, before) => {
    const at = 2 * CHUNK_BYTES - before;
    const bytes = Buffer.from(piece);
    if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  await t.rejects(copying.copy({}, flip), {
    reason: 'CopyBroken',
    retriable: true,
    message: 'the copy of volume v5-0 from host n1 is not as it must be: chunk 2 was altered on the way',
  });
  t.match(await copies(copying), [{ copiedBytes: 2 * CHUNK_BYTES, isWhole: false }], 'what came before it stays');
  await copying.copy();
  t.match(await copies(copying), [{ isWhole: true }]);
});

t.test('what an earlier try has left is thrown away when it is not what the source has', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, CHUNKS);
  const begin = () => t.rejects(copying.copy({}, cutAfter(3.5 * CHUNK_BYTES)), { message: /the wire was cut/ });
  const expected = () => digestOfFile(join(copying.directory, 'source/v5-0/volume.img'));
  await begin();
  {
    await using file = await open(copying.image('.v5-0.copy'), 'r+');
    await file.write('damaged', 10);
  }
  t.match(await copying.copy(), { opened: 2, frames: { data: DATA } }, 'its own chunk is damaged');
  t.equal(await digestOfFile(copying.image('.v5-0.copy')), await expected());

  await copying.target.discard(VOLUME);
  await begin();
  await putVolume(copying.source, ['A', ...CHUNKS.slice(1)], 9);
  t.match(await copying.copy(), { opened: 2, frames: { data: DATA } }, 'the source is stamped anew');
  t.equal(await digestOfFile(copying.image('.v5-0.copy')), await expected());
  t.match(await copies(copying), [{ epoch: 9, isWhole: true }]);

  await putVolume(copying.source, ['Z', ...CHUNKS.slice(1)], 9);
  t.match(await copying.copy({ move: 41 }), { opened: 1, frames: { same: 0, data: DATA } }, 'it is of another move');
  t.match(await copies(copying), [{ move: 41, isWhole: true }]);
  t.equal(await digestOfFile(copying.image('.v5-0.copy')), await expected());
});

t.test('the source says why it gives nothing, or nothing more', async (t) => {
  const copying = await Copying.create(t, { allowedMs: 0 });
  const refused = (message: RegExp, retriable = true) =>
    t.rejects(copying.copy(), { reason: 'CopyRefused', retriable, message });
  await refused(/^host n1 does not give volume v5-0: volume v5-0 is not on its disk$/);
  await putVolume(copying.source, CHUNKS);
  copying.mayServe = (readerId, { uid, move }) => ({ ok: false, message: `no ${uid} for ${readerId} and ${move}` });
  await refused(/^host n1 does not give volume v5-0: no v5-0 for 2 and 40$/);
  let looks = 0;
  copying.mayServe = () => {
    looks += 1;
    return looks < 10 ? { ok: true, volume: VOLUME } : { ok: false, message: 'the move was given up' };
  };
  await refused(/^host n1 does not give volume v5-0: the move was given up$/);
  t.match(await copies(copying), [{ isWhole: false }]);
  t.ok(((await copies(copying))[0]?.copiedBytes ?? 0) > 0, 'what has come stays');
  // At the last look of all it is stamped, because its VM was started there.
  copying.mayServe = () => ({ ok: true, volume: VOLUME });
  const { source } = copying;
  let finds = 0;
  const find = source.find.bind(source);
  source.find = async (volume) => {
    finds += 1;
    const found = await find(volume);
    return found === undefined || finds < CHUNKS.length + 2 ? found : { ...found, epoch: found.epoch + 1 };
  };
  await refused(/volume v5-0 was written on meanwhile$/);
  t.match(await copies(copying), [{ isWhole: false }], 'a copy without its end is not whole');
  t.ok(copying.lines.some((line) => line.includes('volume.servingEnded')));
});

t.test('who is no member may not open a stream', async (t) => {
  const copying = await Copying.create(t);
  const stranger = await loopbackNode();
  t.teardown(() => stopAll(stranger));
  const { node } = copying.far;
  node.letStrangersIn(true);
  const signal = AbortSignal.timeout(60_000);
  const connection = await stranger.node.connect(node.peerId, node.addresses(), signal);
  const stream = await connection.newStream([VOLUME_PROTOCOL], { signal });
  await until('it is cut', () => stream.status !== 'open');
  t.equal(copying.server.readers, 0);
  t.ok(copying.lines.some((line) => line.startsWith('transport.streamRefused')));
});

t.test('several are served at once, and no more than that', async (t) => {
  const copying = await Copying.create(t);
  const volumes = Array.from({ length: 4 }, (_, i) => ({ ...VOLUME, uid: `v5-${i}` }));
  for (const [i, volume] of volumes.entries()) await putVolume(copying.source, ['x', String(i), 'y'], 7, volume);
  copying.mayServe = (_, { uid }) => ({ ok: true, volume: { ...VOLUME, uid } });
  await Promise.all(volumes.map((volume) => copying.copy({ volume })));
  const contents = new Set<string>();
  for (const { uid } of volumes) contents.add(await digestOfFile(copying.image(`.${uid}.copy`)));
  t.equal(contents.size, 4);
  await until('nobody reads', () => copying.server.readers === 0);
  const held = await Promise.all([1, 2, 3, 4].map(() => copying.streams.open(1)));
  for (const duplex of held) {
    duplex.on('error', () => undefined);
    duplex.write(encodeCopyFrame({ kind: 'request', request: { uid: 'v5-0', move: MOVE, have: 0 } }));
  }
  await until('they are served', () => copying.server.readers === 4);
  await t.rejects(copying.copy({ volume: { ...VOLUME, uid: 'v5-9' } }), {
    reason: 'CopyRefused',
    message: 'host n1 does not give volume v5-9: 4 other volumes are being copied from it',
  });
  for (const duplex of held) duplex.destroy();
  await until('their places are free', () => copying.server.readers === 0);
});

t.test('a reader that takes nothing holds the source back, and is not waited for for ever', async (t) => {
  let paced = 0;
  class Counting extends Pace {
    override take(bytes: number): Promise<boolean> {
      paced += bytes;
      return super.take(bytes);
    }
  }
  const copying = await Copying.create(t, { pace: new Counting(0), idleMs: 300 });
  await putVolume(copying.source, Array(64).fill('x'));
  const duplex = await copying.streams.open(1);
  duplex.on('error', () => undefined);
  duplex.write(encodeCopyFrame({ kind: 'request', request: { uid: 'v5-0', move: MOVE, have: 0 } }));
  await until('it is given up', () => paced > 0 && copying.server.readers === 0);
  t.ok(paced < 12 * CHUNK_BYTES, `${paced} bytes were read for it`);
  const silent = await copying.streams.open(1);
  silent.on('error', () => undefined);
  silent.write(Buffer.from([0, 0]));
  await until('it is served', () => copying.server.readers === 1);
  await until('one that never asks is given up too', () => copying.server.readers === 0);
  const babbling = await copying.streams.open(1);
  babbling.on('error', () => undefined);
  babbling.write(Buffer.from([0, 255, 0, 0]));
  await until('what is no request is cut off', () => babbling.readableLength > 0 || babbling.destroyed);
});

t.test('a source that is away, still or talks nonsense is told of', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, CHUNKS);
  const away = { name: 'n1', open: () => copying.streams.open(9) };
  await t.rejects(copying.copy({ source: away }), { reason: 'SourceUnreachable', message: 'host 9 is not known here' });
  copying.pace.set(1);
  await copying.pace.take(64 * 1_048_576);
  await t.rejects(copying.copy({ idleMs: 100 }), {
    reason: 'SourceUnreachable',
    message: 'the copy of volume v5-0 from host n1 broke off: nothing has moved for 0.1 s',
  });
  await copying.pace.take(64 * 1_048_576, AbortSignal.abort());
  const control = new AbortController();
  const aborted = copying.copy({ signal: control.signal });
  await until('it is served', () => copying.server.readers > 0);
  control.abort();
  await t.rejects(aborted, { reason: 'SourceUnreachable', message: /broke off: this host ends its copies/ });
  await t.rejects(copying.copy({ signal: control.signal }), { message: /broke off: this host ends its copies/ });
  copying.pace.set(0);
  for (const [answer, message] of [
    [encodeCopyFrame({ kind: 'zero' }), /it begins with "zero"$/],
    [Buffer.from([255, 0, 0, 0]), /a frame announces \d+ bytes/],
    [Buffer.from([0, 0, 0, 1, 99]), /no message of kind 99/],
  ] as const) {
    let first = true;
    const nonsense: Tamper = () => {
      const given = first ? Buffer.from(answer) : Buffer.alloc(0);
      first = false;
      return given;
    };
    await t.rejects(copying.copy({}, nonsense), { reason: 'CopyBroken', message });
  }
});

t.test('a disk that has no room is told of before it is full', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, CHUNKS);
  const { target } = copying;
  const store = { openCopy: target.openCopy.bind(target), freeBytes: async () => 1_048_576 };
  await t.rejects(copying.copy({ store }), {
    reason: 'DiskFull',
    retriable: true,
    message:
      /^pool default of this host has 1 MiB free, and up to \d+ MiB of volume v5-0 are to come: make room there$/,
  });
  t.same(await readdir(join(copying.directory, 'target')).catch(() => []), []);
});

t.test('progress is durable as it is told', async (t) => {
  const copying = await Copying.create(t);
  // More than what is made durable at once.
  await putVolume(
    copying.source,
    Array.from({ length: 300 }, (_, i) => (i % 100 === 99 ? undefined : 'x')),
  );
  const noted: number[] = [];
  const onDurable = async (): Promise<void> => {
    const { chunks } = JSON.parse(await readFile(join(copying.directory, 'target/.v5-0.copy', COPY_FILE), 'utf8'));
    noted.push(chunks);
  };
  await copying.copy({ onDurable: () => void onDurable() });
  await until('all are read', () => noted.length === 3);
  t.equal(noted[0], 0);
  t.ok((noted[1] ?? 0) >= 256);
  t.equal(noted[2], chunksOf(300 * CHUNK_BYTES));
});
