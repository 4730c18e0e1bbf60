import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { N3xError } from '@n3x/core/base/errors';
import type { StoredState } from '@n3x/core/ports/storage';
import { Level } from 'level';
import t, { type Test } from 'tap';
import { open, seal } from './codec.ts';
import { logKey, META_KEY } from './keys.ts';
import { openStore } from './level-store.ts';

const WRITES = 12;
const CONF_STATE = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** A closed store with a few writes in it, in LevelDB's log; with `asTables` in its tables. */
async function filledStore(t: Test, asTables = false): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-corrupt-'));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  let complete: () => void = () => undefined;
  const openAgain = async () => {
    const store = await openStore(directory, { onStored: () => complete() });
    await store.load();
    return store;
  };
  let store = await openAgain();
  for (let index = 1; index <= WRITES; index++) {
    // Each write is a batch of its own.
    await new Promise<void>((resolve) => {
      complete = resolve;
      store.write({
        token: index,
        sync: true,
        entries: [{ type: 'normal', index, term: 1, data: new Uint8Array(20).fill(index) }],
        hardState: { term: 1, vote: 1, commit: index },
        applied: {
          meta: { index, term: 1, confState: CONF_STATE },
          changes: [[`vm/${index % 5}`, new Uint8Array([index])]],
        },
      });
    });
    if (!asTables) continue;
    await store.close();
    store = await openAgain();
  }
  await store.close();
  return directory;
}

async function withLevel(directory: string, act: (db: Level<string, Uint8Array>) => Promise<unknown>): Promise<void> {
  const db = new Level<string, Uint8Array>(directory, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    compression: false,
  });
  await act(db);
  await db.close();
}

/** Opens and reads a store; the error instead, when it is the refusal of a damaged one. */
async function readStore(directory: string): Promise<StoredState | N3xError> {
  try {
    const store = await openStore(directory, { onStored: () => undefined });
    try {
      return await store.load();
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof N3xError && error.code === 'N3X_CORRUPT') return error;
    throw error;
  }
}

function refused(t: Test, result: StoredState | N3xError, pattern: RegExp, what: string): void {
  t.ok(result instanceof N3xError, `${what}: refused`);
  if (result instanceof N3xError) {
    t.match(result.message, pattern, what);
    t.match(result.message, /delete its data directory and join it again/, 'says how to recover');
  }
}

const literal = (text: string) => text.replace(/[!/]/g, '\\$&');

t.test('a flipped bit in any stored value is refused by its key', async (t) => {
  const directory = await filledStore(t);
  const keys: string[] = [];
  await withLevel(directory, async (db) => keys.push(...(await db.keys().all())));
  t.equal(keys.length, 1 + WRITES + 5);
  for (const [n, key] of keys.entries()) {
    let good: Uint8Array = new Uint8Array();
    await withLevel(directory, async (db) => {
      good = (await db.get(key)) ?? good;
      const bad = Uint8Array.from(good);
      const at = (n * 7) % bad.length;
      bad[at] = (bad[at] ?? 0) ^ (1 << (n % 8));
      await db.put(key, bad);
    });
    refused(t, await readStore(directory), new RegExp(`^${literal(key)} in ${literal(directory)} fails`), key);
    await withLevel(directory, (db) => db.put(key, good));
  }
  t.notOk((await readStore(directory)) instanceof N3xError, 'mended, it opens');
});

t.test('values that are intact and yet wrong are refused', async (t) => {
  const cases: [string, (db: Level<string, Uint8Array>) => Promise<unknown>, RegExp][] = [
    [
      'moved to another key',
      async (db) => db.put('s!vm/1', (await db.get('s!vm/2')) ?? new Uint8Array()),
      /s!vm\/1 .*checksum/,
    ],
    ['a lost record', (db) => db.del('s!vm/3'), /applied state .*not the one/],
    [
      'an older record',
      (db) => db.put('s!vm/3', seal('s!vm/3', new Uint8Array([3])).bytes),
      /applied state .*not the one/,
    ],
    [
      'a record too many',
      (db) => db.put('s!vm/x', seal('s!vm/x', new Uint8Array()).bytes),
      /applied state .*not the one/,
    ],
    ['a lost entry', (db) => db.del(logKey(4)), /l!0000000000000004 .*is missing/],
    ['a lost last entry', (db) => db.del(logKey(WRITES)), /the log .*not the one/],
    ['a lost first entry', (db) => db.del(logKey(1)), /l!0000000000000001 .*is missing/],
    [
      'a value that is no entry',
      (db) => db.put(logKey(2), seal(logKey(2), new Uint8Array(30)).bytes),
      /is no log entry/,
    ],
    [
      'a key that is no index',
      (db) => db.put('l!zz', seal('l!zz', new Uint8Array(30)).bytes),
      /l!zz .*is no log entry/,
    ],
    ['a lost own record', (db) => db.del(META_KEY), /m!store .*is missing while/],
    ['an unknown own record', (db) => db.put(META_KEY, seal(META_KEY, new Uint8Array([1])).bytes), /m!store .*format/],
  ];
  for (const [what, damage, pattern] of cases) {
    const directory = await filledStore(t);
    await withLevel(directory, damage);
    refused(t, await readStore(directory), pattern, what);
  }
});

t.test('the checksum covers the key', async (t) => {
  const { bytes } = seal('s!a', new Uint8Array([1]));
  t.same(open('s!a', bytes)?.payload, new Uint8Array([1]));
  t.equal(open('s!b', bytes), undefined);
  t.equal(open('s!a', bytes.subarray(0, 3)), undefined);
});

t.test('damage in the file of LevelDB’s log is refused or harmless, never a loss', async (t) => {
  const source = await filledStore(t);
  const whole = await readBack(t, source, undefined);
  const [name = ''] = (await readdir(source)).filter((file) => file.endsWith('.log'));
  const { length } = await readFile(join(source, name));
  t.ok(length > 1000, 'everything is in the log');
  let refusals = 0;
  for (let at = 0; at < length; at += 23) {
    const result = await readBack(t, source, async (copy) => flip(join(copy, name), at));
    if (result instanceof N3xError) {
      refusals++;
      t.match(result.message, new RegExp(`^${name} in .* is damaged at byte \\d+;`), `byte ${at}`);
    } else t.same(result, whole, `byte ${at}`);
  }
  t.ok(refusals > length / 30, `${refusals} refusals`);
});

t.test('a log cut off in its last record opens without it', async (t) => {
  const source = await filledStore(t);
  const [name = ''] = (await readdir(source)).filter((file) => file.endsWith('.log'));
  const { length } = await readFile(join(source, name));
  for (const cut of [1, 40]) {
    const result = await readBack(t, source, (copy) => truncate(join(copy, name), length - cut));
    if (result instanceof N3xError) throw result;
    t.equal(result.hardState.commit, WRITES - 1);
    t.equal(result.entries.length, WRITES - 1);
  }
});

t.test('damage in the tables is refused or harmless, never a loss', async (t) => {
  const source = await filledStore(t, true);
  const whole = await readBack(t, source, undefined);
  const tables = (await readdir(source)).filter((file) => file.endsWith('.ldb'));
  t.ok(tables.length > 0, 'there are tables');
  let refusals = 0;
  for (const name of tables) {
    const { length } = await readFile(join(source, name));
    for (let at = 0; at < length; at += 41) {
      const result = await readBack(t, source, async (copy) => flip(join(copy, name), at));
      if (result instanceof N3xError) refusals++;
      else t.same(result, whole, `${name} byte ${at}`);
    }
  }
  t.ok(refusals > 0, `${refusals} refusals`);
});

t.test('a lost file of the database is refused, unless nothing needs it', async (t) => {
  const source = await filledStore(t, true);
  const whole = await readBack(t, source, undefined);
  for (const pattern of [/\.ldb$/, /^MANIFEST/]) {
    let refusals = 0;
    for (const name of (await readdir(source)).filter((file) => pattern.test(file))) {
      const result = await readBack(t, source, (copy) => rm(join(copy, name)));
      // A merge that closing cut short leaves a table that no manifest names.
      if (result instanceof N3xError) {
        refused(t, result, / is damaged/, name);
        refusals++;
      } else t.same(result, whole, `${name}: nothing is missing`);
    }
    t.ok(refusals > 0, `${pattern}: ${refusals} refusals`);
  }
});

/** Reads a copy of `source` after `damage` was done to it. */
async function readBack(
  t: Test,
  source: string,
  damage: ((copy: string) => Promise<void>) | undefined,
): Promise<StoredState | N3xError> {
  const copy = await mkdtemp(join(tmpdir(), 'n3x-copy-'));
  t.teardown(() => rm(copy, { recursive: true, force: true, maxRetries: 5 }));
  for (const name of await readdir(source)) await copyFile(join(source, name), join(copy, name));
  await damage?.(copy);
  const result = await readStore(copy);
  await rm(copy, { recursive: true, force: true, maxRetries: 5 });
  return result;
}

async function flip(path: string, at: number): Promise<void> {
  const content = await readFile(path);
  content[at] = (content[at] ?? 0) ^ 0x10;
  await writeFile(path, content);
}
