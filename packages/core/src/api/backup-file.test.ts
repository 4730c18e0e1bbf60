import fc from 'fast-check';
import t from 'tap';
import { N3xError } from '../base/errors.ts';
import { BACKUP_MAGIC, type BackupHeader, BackupReader, writeBackup } from './backup-file.ts';

const HEADER: BackupHeader = {
  format: 1,
  n3xVersion: '0.1.0',
  commandFormat: 2,
  clusterId: 'ab'.repeat(16),
  clusterName: 'home',
  index: 42,
  term: 3,
  madeAtMs: 1_700_000_000_000,
  madeOn: 'n1',
  hosts: 3,
  vms: 2,
};

type Pair = [string, Uint8Array];

function whole(header: object, records: Iterable<Pair>): Uint8Array {
  const parts = [...writeBackup(header as BackupHeader, records)];
  return Uint8Array.from(Buffer.concat(parts));
}

function read(bytes: Uint8Array, cut = 7): { header: BackupHeader; records: Pair[] } {
  const records: Pair[] = [];
  const reader = new BackupReader({ name: 'b', onRecord: ([key, value]) => records.push([key, value]) });
  for (let at = 0; at < bytes.length; at += cut) reader.push(bytes.subarray(at, at + cut));
  return { header: reader.end(), records };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof N3xError) return error.code;
    throw error;
  }
  return 'none';
}

const records = fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 40 }), fc.uint8Array({ maxLength: 300 })), {
  maxLength: 30,
});

t.test('what is written is read, however it is cut', async () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 1, max: 400 }), (pairs, cut) => {
      const back = read(whole(HEADER, pairs), cut);
      return (
        JSON.stringify(back.header) === JSON.stringify(HEADER) &&
        back.records.length === pairs.length &&
        back.records.every(
          ([key, value], i) => key === pairs[i]?.[0] && Buffer.from(value).equals(pairs[i]?.[1] ?? value),
        )
      );
    }),
    { numRuns: 200 },
  );
});

t.test('many records make several frames', async (t) => {
  const pairs: Pair[] = Array.from({ length: 900 }, (_, i) => [`vm/${i}`, new Uint8Array(1_000).fill(i)]);
  const parts = [...writeBackup(HEADER, pairs)];
  t.ok(parts.length > 5);
  t.ok(parts.every((part) => part.length < 300_000));
  t.equal(read(Buffer.concat(parts), 65_536).records.length, 900);
});

t.test('any flipped bit and any cut is found', async () => {
  const bytes = whole(HEADER, [
    ['cluster', Uint8Array.of(1, 2, 3)],
    ['vm/a', new Uint8Array(50).fill(9)],
  ]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << bit);
      return ['N3X_CORRUPT', 'N3X_INVALID'].includes(codeOf(() => read(bad)));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (length) =>
      ['N3X_CORRUPT', 'N3X_INVALID'].includes(codeOf(() => read(bytes.subarray(0, length)))),
    ),
    { numRuns: 500 },
  );
});

t.test('frames that are lost, doubled or moved are found', async (t) => {
  const [magic, header, a, b, trailer] = [
    ...writeBackup(HEADER, [
      ['vm/a', new Uint8Array(300_000)],
      ['vm/b', new Uint8Array(300_000)],
    ]),
  ];
  if (!magic || !header || !a || !b || !trailer) throw new Error('five parts');
  const of = (...parts: Uint8Array[]) => codeOf(() => read(Buffer.concat(parts), 100_000));
  t.equal(of(magic, header, a, b, trailer), 'none');
  t.equal(of(magic, header, b, a, trailer), 'N3X_CORRUPT');
  t.equal(of(magic, header, a, trailer), 'N3X_CORRUPT');
  t.equal(of(magic, header, a, a, b, trailer), 'N3X_CORRUPT');
  t.equal(of(magic, header, a, b, trailer, trailer), 'N3X_CORRUPT');
  t.equal(of(magic, a, b, trailer), 'N3X_CORRUPT');
  t.equal(of(magic, header, a, b), 'N3X_CORRUPT');
});

t.test('what is no backup, and what is of a later format, says so', async (t) => {
  t.equal(
    codeOf(() => read(new Uint8Array())),
    'N3X_INVALID',
  );
  t.equal(
    codeOf(() => read(Buffer.from('#!/bin/sh\necho hello, this is not one\n'))),
    'N3X_INVALID',
  );
  t.equal(
    codeOf(() => read(Buffer.from(BACKUP_MAGIC))),
    'N3X_CORRUPT',
  );
  t.equal(
    codeOf(() => read(whole({ ...HEADER, format: 2, something: 'new' }, []))),
    'N3X_VERSION',
  );
  t.equal(
    codeOf(() => read(whole({ ...HEADER, clusterId: 'x' }, []))),
    'N3X_CORRUPT',
  );
});
