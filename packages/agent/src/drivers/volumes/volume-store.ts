/**
 * The volumes in the pools of a host:
 *
 *     <pool>/<uid>/volume.img   the image, sparse
 *     <pool>/<uid>/stamp.json   which volume it is, and its last writer
 *     <pool>/.<uid>.new/        one that is being made
 *
 * A volume is made under another name and renamed when it is whole, image, stamp and names durable: after a crash it is
 * there or it is not. A runner sees the image by a link in the VM's state directory.
 */
import { lstat, mkdir, open, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachedVolume, HostVolume } from '@n3x/core/model/volume';
import type { ObservedVolume } from '@n3x/core/ports/volumes';
import { syncDirectory } from '../../store/atomic-file.ts';
import type { Exec } from '../exec.ts';
import { DriverFailure } from '../microvm/failure.ts';
import { KeyedQueue } from '../microvm/keyed-queue.ts';
import { exists, isMissing } from '../microvm/layout.ts';
import { makeFileSystem } from './file-system.ts';
import { readStamp, type Stamp, writeStamp } from './stamp.ts';

/** Name of the image in a volume's directory. */
export const IMAGE_FILE = 'volume.img';

const VOLUME_DIRECTORY = /^v\d{1,16}-\d{1,4}$/;
const MIB = 1_048_576;
/** Unit of `st_blocks`, whatever the file system's own blocks are (stat(2)). */
const BLOCK_BYTES = 512;

/** A directory for volumes. */
export interface Pool {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** How a store is set up. */
export interface VolumeStoreOptions {
  readonly pools: readonly Pool[];
  readonly exec: Exec;
  /** Hands a file or directory to whoever the runners run as. */
  readonly own: (path: string) => Promise<void>;
}

/** A volume as it is on the disk. */
export interface FoundVolume extends ObservedVolume {
  readonly image: string;
  readonly stamp: Stamp;
}

/** The volumes of a host. */
export class VolumeStore {
  readonly #options: VolumeStoreOptions;
  readonly #queue = new KeyedQueue();

  constructor(options: VolumeStoreOptions) {
    this.#options = options;
  }

  get pools(): readonly Pool[] {
    return this.#options.pools;
  }

  /** Directory of a pool. Throws `PoolMissing` for one that this host does not have. */
  pool(name: string): string {
    const pool = this.#options.pools.find((one) => one.name === name);
    if (pool !== undefined) return pool.path;
    const names = this.#options.pools.map((one) => one.name).join(', ');
    throw new DriverFailure('PoolMissing', `this host has no pool ${name} in its configuration, but ${names}`, true);
  }

  /** Directory of a volume, whether it is there or not. */
  directory({ uid, pool }: Pick<HostVolume, 'uid' | 'pool'>): string {
    if (!VOLUME_DIRECTORY.test(uid)) throw new DriverFailure('HostError', `${uid} is no uid of a volume`, false);
    return join(this.pool(pool), uid);
  }

  /** A volume of this host; undefined when it is not there as a whole. */
  async find(volume: Pick<HostVolume, 'uid' | 'pool'>): Promise<FoundVolume | undefined> {
    const directory = this.directory(volume);
    const stamp = await readStamp(directory);
    if (stamp === undefined || stamp.uid !== volume.uid) return undefined;
    const image = join(directory, IMAGE_FILE);
    try {
      const { blocks } = await stat(image);
      const { uid, pool } = volume;
      return { uid, pool, epoch: stamp.epoch, usedBytes: blocks * BLOCK_BYTES, image, stamp };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Everything that is there. `onError` hears of what cannot be read, which is then not there. */
  async list(onError: (uid: string, error: unknown) => void): Promise<ObservedVolume[]> {
    const volumes: ObservedVolume[] = [];
    for (const pool of this.#options.pools) {
      for (const uid of await volumeDirectories(pool.path)) {
        try {
          const found = await this.find({ uid, pool: pool.name });
          if (found === undefined) continue;
          volumes.push({ uid, pool: pool.name, epoch: found.epoch, usedBytes: found.usedBytes });
        } catch (error) {
          onError(uid, error);
        }
      }
    }
    return volumes;
  }

  /** Makes an empty volume. One that is there already stays as it is; anything else in its place is refused. */
  create(volume: HostVolume): Promise<void> {
    return this.#queue.run(volume.uid, async () => {
      if ((await this.find(volume)) !== undefined) return;
      const directory = this.directory(volume);
      if (await exists(directory)) {
        const message = `${directory} is there without the stamp of volume ${volume.uid}, and is left alone: move it away`;
        throw new DriverFailure('VolumeUnstamped', message, true);
      }
      const pool = this.pool(volume.pool);
      await mkdir(pool, { recursive: true });
      const temporary = join(pool, `.${volume.uid}.new`);
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary, { mode: 0o775 });
      const image = join(temporary, IMAGE_FILE);
      {
        await using file = await open(image, 'wx', 0o664);
        await file.truncate(volume.sizeMib * MIB);
      }
      const { uid, name, sizeMib, fsType } = volume;
      await makeFileSystem(this.#options.exec, image, fsType, name);
      await syncFile(image);
      await writeStamp(temporary, { format: 1, uid, name, sizeMib, fsType, epoch: 0 });
      for (const path of [image, temporary]) await this.#options.own(path);
      await rename(temporary, directory);
      await syncDirectory(pool);
    });
  }

  /** Removes a volume, and what there is of one that was being made. */
  remove(volume: Pick<HostVolume, 'uid' | 'pool'>): Promise<void> {
    return this.#queue.run(volume.uid, async () => {
      const directory = this.directory(volume);
      const pool = this.pool(volume.pool);
      const trash = join(pool, `.${volume.uid}.removed`);
      await rm(trash, { recursive: true, force: true });
      try {
        await rename(directory, trash);
        await syncDirectory(pool);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      await rm(trash, { recursive: true, force: true });
      await rm(join(pool, `.${volume.uid}.new`), { recursive: true, force: true });
    });
  }

  /** Writes the epoch of a VM that is about to start beside the image; durable when it resolves. */
  stamp(volume: AttachedVolume, epoch: number): Promise<void> {
    return this.#queue.run(volume.uid, async () => {
      const found = await this.find(volume);
      if (found === undefined) throw new DriverFailure('VolumeMissing', `volume ${volume.uid} is gone`, true);
      if (found.epoch < epoch) await writeStamp(this.directory(volume), { ...found.stamp, epoch });
    });
  }

  /** Lets a runner find the image at `link`. What is there and is no link of n3x's is refused, never replaced. */
  async link(link: string, image: string): Promise<void> {
    const now = await currentLink(link);
    if (now === image) return;
    if (now === 'other') {
      const message = `${link} is an image that n3x did not make, and is left alone: move it away, or adopt the VM that it belongs to`;
      throw new DriverFailure('VolumeUnstamped', message, true);
    }
    const temporary = `${link}.new`;
    await rm(temporary, { force: true });
    await symlink(image, temporary);
    await rename(temporary, link);
  }
}

/** Where a link points; `other` when there is something else, undefined when there is nothing. */
async function currentLink(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : 'other';
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function volumeDirectories(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => VOLUME_DIRECTORY.test(name)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Makes the bytes of a file durable that another program wrote. */
async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}
