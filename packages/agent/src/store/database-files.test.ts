import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Level } from 'level';
import t, { type Test } from 'tap';
import { crc32c } from './crc32c.ts';
import { checkDatabaseFiles } from './database-files.ts';
import { findTableDamage } from './table-file.ts';
import { findLogDamage } from './write-ahead-log.ts';

/** The files of a database that LevelDB made from `values`, each one a record of its log. */
async function databaseFiles(t: Test, values: readonly number[], compact: boolean): Promise<Map<string, Uint8Array>> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-files-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const db = new Level<string, Uint8Array>(directory, { valueEncoding: 'view', compression: false });
  for (const [n, size] of values.entries()) await db.put(`key ${n}`, new Uint8Array(size).fill(n));
  if (compact && 'compactRange' in db && typeof db.compactRange === 'function') await db.compactRange('a', 'z');
  await db.close();
  await checkDatabaseFiles(directory);
  const files = new Map<string, Uint8Array>();
  for (const name of await readdir(directory)) files.set(name, await readFile(join(directory, name)));
  return files;
}

function only(files: ReadonlyMap<string, Uint8Array>, suffix: string): Uint8Array[] {
  return [...files].filter(([name]) => name.endsWith(suffix)).map(([, content]) => content);
}

// Values around the block size, so that records end at, just before and across the ends of blocks.
const SIZES = [10, 0, 32_000, 700, 32_768, 65_536, 100_000, 1, 32_730, 3];

t.test('the checksum is CRC-32C', async (t) => {
  // RFC 3720, appendix B.4.
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  t.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, n) => n)), 0x46dd794e);
});

t.test('no directory and an empty one are fine', async (t) => {
  const directory = t.testdir();
  await checkDatabaseFiles(directory);
  await checkDatabaseFiles(join(directory, 'none'));
});

t.test('a log cut off anywhere is fine, one with a changed byte is not', async (t) => {
  const [log = new Uint8Array()] = only(await databaseFiles(t, SIZES, false), '.log');
  t.ok(log.length > 8 * 32_768);
  t.equal(findLogDamage(log), undefined);
  t.equal(findLogDamage(new Uint8Array()), undefined);
  const position = fc.nat(log.length - 1);
  fc.assert(
    fc.property(position, (length) => findLogDamage(log.subarray(0, length)) === undefined),
    { numRuns: 30 },
  );
  fc.assert(
    // Not in the last record, of 30 bytes: a change of its length looks like a cut.
    fc.property(fc.nat(log.length - 31), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const bad = Uint8Array.from(log);
      bad[at] = (bad[at] ?? 0) ^ mask;
      // Zeros that fill a block up are not part of any record.
      return (findLogDamage(bad) ?? log.length) <= at || isPadding(log, at);
    }),
    { numRuns: 60 },
  );
});

t.test('zeros after the last record are fine, something after them is not', async (t) => {
  const [log = new Uint8Array()] = only(await databaseFiles(t, [10, 10], false), '.log');
  const longer = new Uint8Array(log.length + 100);
  longer.set(log);
  t.equal(findLogDamage(longer), undefined);
  longer[log.length + 60] = 1;
  t.equal(findLogDamage(longer), log.length);
});

t.test('a changed byte in a table is found', async (t) => {
  const tables = only(await databaseFiles(t, SIZES, true), '.ldb');
  t.ok(tables.length > 0, 'there are tables');
  for (const table of tables) {
    t.equal(findTableDamage(table), undefined);
    // The last 48 bytes have padding in them.
    fc.assert(
      fc.property(fc.nat(table.length - 49), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bad = Uint8Array.from(table);
        bad[at] = (bad[at] ?? 0) ^ mask;
        return findTableDamage(bad) !== undefined;
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(fc.nat(table.length - 1), (length) => findTableDamage(table.subarray(0, length)) !== undefined),
    );
  }
});

t.test('no bytes at all make a check throw', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(bytes, (content) => {
      findLogDamage(content);
      return findTableDamage(content) !== undefined;
    }),
  );
  t.pass('no counterexample');
});

function isPadding(log: Uint8Array, at: number): boolean {
  return 32_768 - (at % 32_768) < 7 && log[at] === 0;
}
