import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { exec } from '../exec.ts';
import { IMAGE_FILE } from './copy-store.ts';
import { measurePools } from './pool-sizes.ts';
import { VolumeStore } from './volume-store.ts';

const VOLUME = { uid: 'v5-0', name: 'data', pool: 'default', sizeMib: 16, fsType: 'ext4' as const };

async function place(t: { teardown(work: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-volumes-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function storeIn(directory: string, run = exec): VolumeStore {
  const pools = [{ name: 'default', path: join(directory, 'pool') }];
  return new VolumeStore({ pools, exec: run, own: async () => undefined });
}

t.test('a volume is made once, sparse, with its file system and a stamp', async (t) => {
  const directory = await place(t);
  const store = storeIn(directory);
  t.equal(await store.find(VOLUME), undefined);
  await store.create(VOLUME);
  const found = await store.find(VOLUME);
  t.match(found, { uid: 'v5-0', epoch: 0, stamp: { name: 'data', sizeMib: 16, fsType: 'ext4' } });
  const image = join(directory, 'pool/v5-0', IMAGE_FILE);
  const { size } = await stat(image);
  t.equal(size, 16 * 1_048_576);
  t.ok((found?.usedBytes ?? size) < size, 'it takes less than its size');
  t.equal((await readFile(image)).subarray(0x438, 0x43a).toString('hex'), '53ef', 'an ext4');
  await writeFile(image, 'written', { flag: 'r+' });
  await store.create(VOLUME);
  t.equal((await readFile(image)).subarray(0, 7).toString(), 'written', 'what is there stays');
  t.same(await readdir(join(directory, 'pool')), ['v5-0']);
  t.match(await store.list(() => t.fail('all can be read')), {
    volumes: [{ uid: 'v5-0', pool: 'default', epoch: 0 }],
    copies: [],
  });
});

t.test('stamps only rise, and survive', async (t) => {
  const directory = await place(t);
  const store = storeIn(directory);
  const attached = { ...VOLUME, writer: 0 };
  await t.rejects(store.stamp(attached, 3), { reason: 'VolumeMissing', message: /is gone/ });
  await store.create(VOLUME);
  await store.stamp(attached, 7);
  await store.stamp(attached, 5);
  t.match(await storeIn(directory).find(VOLUME), { epoch: 7 });
});

t.test('what n3x did not make is never overwritten', async (t) => {
  const directory = await place(t);
  const store = storeIn(directory);
  await mkdir(join(directory, 'pool/v5-0'), { recursive: true });
  await writeFile(join(directory, 'pool/v5-0', IMAGE_FILE), 'precious');
  await t.rejects(store.create(VOLUME), {
    reason: 'VolumeUnstamped',
    message: /v5-0 is there without the stamp of volume v5-0, and is left alone: move it away/,
  });
  t.equal(await store.find(VOLUME), undefined, 'and it is no volume');
  const link = join(directory, 'data.img');
  await writeFile(link, 'precious');
  await t.rejects(store.link(link, '/somewhere'), {
    reason: 'VolumeUnstamped',
    message: /is an image that n3x did not make/,
  });
  t.equal(await readFile(link, 'utf8'), 'precious');
});

t.test('an image is linked, and a link of before replaced', async (t) => {
  const directory = await place(t);
  const store = storeIn(directory);
  const link = join(directory, 'data.img');
  await store.link(link, '/one');
  await store.link(link, '/one');
  await store.link(link, '/two');
  t.ok((await lstat(link)).isSymbolicLink());
  t.equal(await readlink(link), '/two');
});

t.test('a failed making leaves nothing that looks like a volume, and is told', async (t) => {
  const directory = await place(t);
  const failing = storeIn(directory, async () => ({
    ...{ code: 1, signal: null, stdout: '', timedOut: false },
    stderr: 'mkfs.ext4: No space left on device',
  }));
  await t.rejects(failing.create(VOLUME), { reason: 'DiskFull', message: /No space left/ });
  t.equal(await failing.find(VOLUME), undefined);
  const missing = storeIn(directory, async () => ({
    ...{ code: null, signal: null, stdout: '', stderr: '', timedOut: false, spawnError: 'ENOENT' },
  }));
  await t.rejects(missing.create(VOLUME), {
    reason: 'FileSystemFailed',
    message: /mkfs\.ext4 cannot be run \(ENOENT\): install it on this host/,
  });
  await storeIn(directory).create(VOLUME);
  t.match(await storeIn(directory).find(VOLUME), { uid: 'v5-0' });
});

t.test('removed, nothing is left', async (t) => {
  const directory = await place(t);
  const store = storeIn(directory);
  await store.create(VOLUME);
  await store.remove(VOLUME);
  await store.remove(VOLUME);
  t.same(await readdir(join(directory, 'pool')), []);
  t.throws(() => store.pool('fast'), { reason: 'PoolMissing', message: /this host has no pool fast .* but default/ });
});

t.test('a damaged stamp makes the volume missing, and is told of', async (t) => {
  const directory = await place(t);
  const store = storeIn(directory);
  await store.create(VOLUME);
  await writeFile(join(directory, 'pool/v5-0/stamp.json'), 'not json');
  const told: string[] = [];
  t.same(await store.list((uid) => told.push(uid)), { volumes: [], copies: [] });
  t.same(told, ['v5-0']);
});

t.test('pools are measured; one that is not there has nothing to give', async (t) => {
  const directory = await place(t);
  const lines: string[] = [];
  const journal = { log: (_: string, event: string) => void lines.push(event), fatal: () => undefined };
  const pools = [
    { name: 'default', path: join(directory, 'made') },
    { name: 'fast', path: join(directory, 'not-mounted') },
  ];
  const [own, fast] = await measurePools(pools, journal);
  t.ok((own?.sizeMib ?? 0) > 0);
  t.same(fast, { name: 'fast', sizeMib: 0 });
  t.same(lines, ['volume.poolMissing']);
});
