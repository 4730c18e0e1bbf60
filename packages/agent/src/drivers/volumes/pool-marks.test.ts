import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { exec } from '../exec.ts';
import { MARK_FILE, PoolMarks } from './pool-marks.ts';
import { VolumeStore } from './volume-store.ts';

const directory = await mkdtemp(join(tmpdir(), 'n3x-pool-marks-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));

t.test('a pool is known again, and nothing is made where its disk is not mounted', async (t) => {
  const pool = { name: 'fast', path: join(directory, 'fast') };
  const own = join(directory, 'data');
  await new PoolMarks(own).check(pool);
  await new PoolMarks(own).check(pool);
  await rename(pool.path, `${pool.path}.unmounted`);
  await mkdir(pool.path);
  const missing = {
    reason: 'PoolMissing',
    message: `the pool fast that this host has used is not there in ${pool.path}: mount its disk. If that was replaced for good, delete ${own}/fast.json`,
  };
  await t.rejects(new PoolMarks(own).check(pool), missing);
  const store = new VolumeStore({ pools: [pool], exec, own: async () => undefined, marks: new PoolMarks(own) });
  const volume = { uid: 'v5-0', name: 'data', pool: 'fast', sizeMib: 16, fsType: 'ext4' as const };
  await t.rejects(store.create(volume), missing);
  t.equal(await store.find(volume), undefined);
  await rm(pool.path, { recursive: true });
  await rename(`${pool.path}.unmounted`, pool.path);
  await store.create(volume);
  t.match(await store.find(volume), { uid: 'v5-0' });
});

t.test('a disk of another host or pool is not this one, until somebody says so', async (t) => {
  const [one, other] = [new PoolMarks(join(directory, 'one')), new PoolMarks(join(directory, 'other'))];
  const pool = { name: 'slow', path: join(directory, 'slow') };
  await one.check(pool);
  await other.check(pool);
  await writeFile(join(pool.path, MARK_FILE), JSON.stringify({ format: 1, id: 'a'.repeat(32) }));
  await t.rejects(one.check(pool), { reason: 'PoolMissing', message: /that this host has used is another one in/ });
  await rm(join(directory, 'one', 'slow.json'));
  await one.check(pool);
  await writeFile(join(pool.path, MARK_FILE), '{');
  await t.rejects(one.check(pool), { reason: 'PoolMissing', message: /cannot be read as the mark of a pool/ });
});
