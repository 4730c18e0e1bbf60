import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Level } from 'level';
import t, { type Test } from 'tap';
import { crc32c } from './crc32c.ts';
import { checkDatabaseFiles } from './database-files.ts';
import { tablesOf } from './manifest.ts';
import { findTableDamage } from './table-file.ts';
import { findLogDamage } from './write-ahead-log.ts';

/** The files of a database that LevelDB made from `values`, each one a record of its log. */
async function databaseFiles(t: Test, values: readonly number[], compact: boolean): Promise<Map<string, Uint8Array>> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-files-'));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
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

t.test('a table that belongs to no version of the database is not looked at, any other is', async (t) => {
  const files = await databaseFiles(t, SIZES, true);
  const directory = t.testdir();
  for (const [name, content] of files) await writeFile(join(directory, name), content);
  const [live = ''] = [...files.keys()].filter((name) => name.endsWith('.ldb'));
  const table = files.get(live) ?? new Uint8Array();
  // What a flush or a merge leaves that a kill or the end of the process has broken off.
  await writeFile(join(directory, '000998.ldb'), new Uint8Array());
  await writeFile(join(directory, '000999.ldb'), table.subarray(0, table.length / 2));
  await checkDatabaseFiles(directory);
  const bad = Uint8Array.from(table);
  bad[10] = (bad[10] ?? 0) ^ 1;
  await writeFile(join(directory, live), bad);
  await t.rejects(checkDatabaseFiles(directory), { code: 'N3X_CORRUPT', message: new RegExp(`^${live} in `) });
  await writeFile(join(directory, live), table);
  const db = new Level(directory, { valueEncoding: 'view', compression: false });
  await db.open();
  await db.close();
  const left = await readdir(directory);
  t.notOk(left.includes('000998.ldb') || left.includes('000999.ldb'), 'LevelDB removes them');
  t.ok(left.includes(live));
});

t.test('a manifest names the tables that are there', async (t) => {
  const files = await databaseFiles(t, SIZES, true);
  const [manifest = new Uint8Array()] = [...files].filter(([name]) => name.startsWith('MANIFEST')).map(([, c]) => c);
  const there = [...files.keys()].filter((name) => name.endsWith('.ldb')).map((name) => Number.parseInt(name, 10));
  for (const number of tablesOf(manifest) ?? []) t.ok(there.includes(number), `table ${number}`);
  t.ok((tablesOf(manifest)?.size ?? 0) > 0);
  t.same(tablesOf(new Uint8Array()), new Set());
});

t.test('no bytes at all make a check throw', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(bytes, (content) => {
      findLogDamage(content);
      tablesOf(content);
      return findTableDamage(content) !== undefined;
    }),
  );
  t.pass('no counterexample');
});

function isPadding(log: Uint8Array, at: number): boolean {
  return 32_768 - (at % 32_768) < 7 && log[at] === 0;
}
