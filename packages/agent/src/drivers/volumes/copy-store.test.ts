import { cp, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CHUNK_BYTES, type CopyHeader } from './copy-frames.ts';
import { COPY_FILE, type CopyImage, IMAGE_FILE } from './copy-store.ts';
import { STAMP_FILE, writeStamp } from './stamp.ts';
import { VolumeStore } from './volume-store.ts';

const VOLUME = { uid: 'v5-0', name: 'data', pool: 'default', sizeMib: 1, fsType: 'ext4' as const };
const HEADER: CopyHeader = {
  ...{ name: 'data', sizeMib: 1, fsType: 'ext4', epoch: 7 },
  ...{ imageBytes: 4 * CHUNK_BYTES, usedBytes: 0, chunkBytes: CHUNK_BYTES },
};
const chunk = (text: string): Buffer => Buffer.alloc(CHUNK_BYTES, text);

class Place {
  readonly pool: string;
  readonly owned: string[] = [];
  readonly store: VolumeStore;

  constructor(pool: string) {
    this.pool = pool;
    this.store = this.again();
  }

  /** A store on the same directory, as after a restart. */
  again(): VolumeStore {
    const exec = (): never => {
      throw new Error('nothing is run');
    };
    const own = async (path: string): Promise<void> => {
      this.owned.push(path.slice(this.pool.length));
    };
    return new VolumeStore({ pools: [{ name: 'default', path: this.pool }], exec, own });
  }

  path(...names: string[]): string {
    return join(this.pool, ...names);
  }

  async openCopy(move = 40): Promise<CopyImage> {
    const image = await this.store.openCopy(VOLUME, move);
    if (image === undefined) throw new Error('it was accepted');
    return image;
  }

  /** A whole copy whose first chunk is `text`. */
  async wholeCopy(text: string, move = 40): Promise<void> {
    const image = await this.openCopy(move);
    await image.begin(HEADER);
    await image.write(0, chunk(text));
    await image.finish();
    await image.close();
  }

  /** A volume of before, as an earlier stay here has left it. */
  async oldVolume(): Promise<void> {
    await mkdir(this.path('v5-0'), { recursive: true });
    await writeFile(this.path('v5-0', IMAGE_FILE), 'old');
    const { uid, name, sizeMib, fsType } = VOLUME;
    await writeStamp(this.path('v5-0'), { format: 1, uid, name, sizeMib, fsType, epoch: 3 });
  }

  async first(): Promise<string> {
    return (await readFile(this.path('v5-0', IMAGE_FILE))).subarray(0, 3).toString();
  }
}

async function place(t: { teardown(work: () => Promise<void>): void }): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-copies-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return new Place(join(directory, 'pool'));
}

const found = (here: Place) => here.again().list((uid, error) => t.fail(`${uid} cannot be read: ${error}`));

t.test('a copy goes on where it is durable, and what is beyond is cut off', async (t) => {
  const here = await place(t);
  const image = await here.openCopy();
  t.equal(image.have, 0);
  await image.begin(HEADER);
  t.match(await found(here), { copies: [{ uid: 'v5-0', move: 40, epoch: 7, copiedBytes: 0, isWhole: false }] });
  await image.write(0, chunk('a'));
  await image.sync(2);
  await image.write(2, chunk('lost'));
  await image.close();
  const again = await here.openCopy();
  t.equal(again.have, 2);
  t.notOk(again.isWhole);
  t.ok(again.continues(HEADER));
  for (const other of [{ epoch: 8 }, { imageBytes: 5 }, { name: 'x' }, { sizeMib: 2 }, { fsType: 'xfs' as const }]) {
    t.notOk(again.continues({ ...HEADER, ...other }), JSON.stringify(other));
  }
  t.same(await again.read(0), chunk('a'));
  t.same(await again.read(1), Buffer.alloc(CHUNK_BYTES), 'a hole');
  t.same(await again.read(2), Buffer.alloc(CHUNK_BYTES), 'what was not durable');
  const { size, blocks } = await stat(here.path('.v5-0.copy', IMAGE_FILE));
  t.equal(size, 4 * CHUNK_BYTES);
  t.ok(blocks * 512 < 2 * CHUNK_BYTES, 'holes stay holes');
  await again.finish();
  await again.close();
  t.match(await found(here), { volumes: [], copies: [{ copiedBytes: 4 * CHUNK_BYTES, isWhole: true }] });
  t.ok((await here.openCopy()).isWhole);
});

t.test('a copy that is not as was noted is made anew', async (t) => {
  const here = await place(t);
  const half = async (): Promise<void> => {
    const image = await here.openCopy();
    await image.begin(HEADER);
    await image.write(0, chunk('a'));
    await image.sync(2);
    await image.close();
  };
  const isNew = async (why: string, move = 40): Promise<void> => {
    const image = await here.openCopy(move);
    t.equal(image.have, 0, why);
    await image.close();
    t.same(await readdir(here.pool), [], why);
  };
  await half();
  await isNew('of another move', 41);
  await half();
  await rm(here.path('.v5-0.copy', IMAGE_FILE));
  await isNew('its image is gone');
  await half();
  await writeFile(here.path('.v5-0.copy', IMAGE_FILE), 'short');
  await isNew('its image is too short');
  await half();
  await writeFile(here.path('.v5-0.copy', COPY_FILE), 'not json');
  const told: string[] = [];
  t.same(await here.store.list((uid) => told.push(uid)), { volumes: [], copies: [] });
  t.same(told, ['v5-0']);
  await isNew('what it is cannot be read');
  await half();
  const record = JSON.parse(await readFile(here.path('.v5-0.copy', COPY_FILE), 'utf8'));
  await writeFile(here.path('.v5-0.copy', COPY_FILE), JSON.stringify({ ...record, chunks: 9 }));
  await isNew('it says more than there can be');
  await half();
  await writeFile(here.path('.v5-0.copy', COPY_FILE), JSON.stringify({ ...record, uid: 'v6-0' }));
  t.same(await found(here), { volumes: [], copies: [] });
  await isNew('it is of another volume');
  // As a crash between two steps of its beginning leaves it.
  await mkdir(here.path('.v5-0.copy'));
  await isNew('nothing is noted yet');
  await mkdir(here.path('.v5-0.copy'));
  await writeFile(here.path('.v5-0.copy', COPY_FILE), JSON.stringify({ ...record, chunks: 0 }));
  await isNew('its image was not made yet');
});

t.test('an accepted copy is the volume, in place of an older one', async (t) => {
  const here = await place(t);
  await here.oldVolume();
  await here.wholeCopy('new');
  t.match(await found(here), { volumes: [{ uid: 'v5-0', epoch: 3 }], copies: [{ uid: 'v5-0', epoch: 7 }] });
  await here.store.accept(VOLUME, 40);
  t.equal(await here.first(), 'new');
  t.match(await here.store.find(VOLUME), { epoch: 7, stamp: { move: 40, name: 'data', sizeMib: 1 } });
  t.same(await readdir(here.pool), ['v5-0']);
  t.same((await readdir(here.path('v5-0'))).sort(), [STAMP_FILE, IMAGE_FILE].sort());
  t.same(here.owned, ['/.v5-0.copy/volume.img', '/.v5-0.copy']);
  await here.store.stamp({ ...VOLUME, writer: 0 }, 12);
  await here.store.accept(VOLUME, 40);
  t.match(await here.store.find(VOLUME), { epoch: 12, stamp: { move: 40 } }, 'and stays as its VM has left it');
});

t.test('nothing but the whole copy of this move is accepted', async (t) => {
  const here = await place(t);
  const refused = () =>
    t.rejects(here.store.accept(VOLUME, 40), {
      reason: 'VolumeMissing',
      retriable: true,
      message:
        'there is no whole copy of volume v5-0 on this host for the move that began at 40: it has to be copied again',
    });
  await refused();
  await here.oldVolume();
  await refused();
  const image = await here.openCopy();
  await image.begin(HEADER);
  await image.sync(4);
  await image.close();
  await refused();
  await here.store.discard(VOLUME);
  await here.wholeCopy('other', 41);
  await refused();
  t.equal(await here.first(), 'old');
  t.match(await found(here), { copies: [{ move: 41, isWhole: true }] }, 'and what is there stays');
});

t.test('wherever a crash stops an acceptance, its repetition ends the same', async (t) => {
  // Each step by itself, as `accept` does them; a crash may come after any, or in the midst of the last.
  const steps: ((here: Place) => Promise<void>)[] = [
    async () => undefined,
    async (here) => {
      const { uid, name, sizeMib, fsType } = VOLUME;
      await writeStamp(here.path('.v5-0.copy'), { format: 1, uid, name, sizeMib, fsType, epoch: 7, move: 40 });
    },
    (here) => rename(here.path('v5-0'), here.path('.v5-0.removed')),
    (here) => rename(here.path('.v5-0.copy'), here.path('v5-0')),
    (here) => rm(here.path('v5-0', COPY_FILE)),
    (here) => rm(here.path('.v5-0.removed', IMAGE_FILE)),
    (here) => rm(here.path('.v5-0.removed'), { recursive: true }),
  ];
  for (let done = 1; done <= steps.length; done += 1) {
    for (const swept of [false, true]) {
      const here = await place(t);
      await here.oldVolume();
      await here.wholeCopy('new');
      for (const step of steps.slice(0, done)) await step(here);
      if (swept) await here.again().sweep();
      const restarted = here.again();
      await restarted.accept(VOLUME, 40);
      const what = `after ${done} steps${swept ? ', swept' : ''}`;
      t.equal(await here.first(), 'new', what);
      t.match(await restarted.find(VOLUME), { epoch: 7, stamp: { move: 40 } }, what);
      t.same(await readdir(here.pool), ['v5-0'], what);
      t.same((await readdir(here.path('v5-0'))).sort(), [STAMP_FILE, IMAGE_FILE].sort(), what);
    }
  }
});

t.test('a copy beside the volume that it has become is dropped, never taken again', async (t) => {
  const here = await place(t);
  await here.wholeCopy('new');
  await cp(here.path('.v5-0.copy'), here.path('kept'), { recursive: true });
  await here.store.accept(VOLUME, 40);
  {
    await using file = await open(here.path('v5-0', IMAGE_FILE), 'r+');
    await file.write('ran', 0);
  }
  await rename(here.path('kept'), here.path('.v5-0.copy'));
  t.equal(await here.store.openCopy(VOLUME, 40), undefined);
  await here.store.accept(VOLUME, 40);
  t.equal(await here.first(), 'ran');
  t.same(await readdir(here.pool), ['v5-0']);
});

t.test('discarded, the copy is gone and the volume is not; removed, both are', async (t) => {
  const here = await place(t);
  await here.store.discard(VOLUME);
  await here.oldVolume();
  await here.wholeCopy('new');
  await here.store.discard(VOLUME);
  await here.store.discard(VOLUME);
  t.same(await readdir(here.pool), ['v5-0']);
  await here.wholeCopy('new');
  await here.store.remove(VOLUME);
  t.same(await readdir(here.pool), []);
});

t.test('what a crash has left half made or half removed is swept away', async (t) => {
  const here = await place(t);
  await here.again().sweep();
  await here.oldVolume();
  await here.wholeCopy('new');
  for (const name of ['.v9-0.removed', '.v9-1.new', '.other.removed']) await mkdir(here.path(name));
  await here.again().sweep();
  t.same((await readdir(here.pool)).sort(), ['.other.removed', '.v5-0.copy', 'v5-0']);
});

t.test('a pool says what it has left', async (t) => {
  const here = await place(t);
  t.ok((await here.store.freeBytes(VOLUME)) > 0);
  await t.rejects(here.store.freeBytes({ pool: 'fast' }), { message: /this host has no pool fast/ });
});
