/**
 * The volumes in the pools of a host:
 *
 *     <pool>/<uid>/volume.img   the image, sparse
 *     <pool>/<uid>/stamp.json   which volume it is, and its last writer
 *     <pool>/.<uid>.new/        one that is being made
 *     <pool>/.<uid>.copy/       a copy of another host's (copy-store.ts)
 *     <pool>/.<uid>.removed/    one that is being removed
 *
 * A volume is made under another name and renamed when it is whole, image, stamp and names durable: after a crash it is
 * there or it is not. A runner sees the image by a link in the VM's state directory.
 */
import { lstat, mkdir, open, readdir, readlink, rename, rm, stat, statfs, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachedVolume, HostVolume } from '@n3x/core/model/volume';
import type { ObservedCopy, ObservedVolume } from '@n3x/core/ports/volumes';
import { syncDirectory } from '../../store/atomic-file.ts';
import type { Exec } from '../exec.ts';
import { DriverFailure } from '../microvm/failure.ts';
import { KeyedQueue } from '../microvm/keyed-queue.ts';
import { exists, isMissing } from '../microvm/layout.ts';
import { COPY_FILE, CopyImage, IMAGE_FILE, observedCopy, readCopy } from './copy-store.ts';
import { makeFileSystem } from './file-system.ts';
import type { Pool } from './pool.ts';
import type { PoolMarks } from './pool-marks.ts';
import { readStamp, type Stamp, writeStamp } from './stamp.ts';

const VOLUME_DIRECTORY = /^v\d{1,16}-\d{1,4}$/;
const COPY_DIRECTORY = /^\.(v\d{1,16}-\d{1,4})\.copy$/;
const MIB = 1_048_576;
const LEFT_OVER = /^\.(v\d{1,16}-\d{1,4})\.(?:removed|new)$/;
/** Unit of `st_blocks`, whatever the file system's own blocks are (stat(2)). */
const BLOCK_BYTES = 512;

/** How a store is set up. */
export interface VolumeStoreOptions {
  readonly pools: readonly Pool[];
  readonly exec: Exec;
  /** Hands a file or directory to whoever the runners run as. */
  readonly own: (path: string) => Promise<void>;
  /** How the pools are known again; without it any directory will do. */
  readonly marks?: PoolMarks;
}

/** A volume as it is on the disk. */
export interface FoundVolume extends ObservedVolume {
  readonly image: string;
  readonly stamp: Stamp;
}

/** What is in the pools of a host. */
export interface FoundVolumes {
  readonly volumes: readonly ObservedVolume[];
  readonly copies: readonly ObservedCopy[];
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

  /** Directory of a pool that something is to be made in. Rejects with `PoolMissing` when its disk is not there. */
  async #poolToFill(name: string): Promise<string> {
    const path = this.pool(name);
    await this.#options.marks?.check({ name, path });
    await mkdir(path, { recursive: true });
    return path;
  }

  #copyDirectory(volume: Pick<HostVolume, 'uid' | 'pool'>): string {
    // Also refuses what is no uid.
    this.directory(volume);
    return join(this.pool(volume.pool), `.${volume.uid}.copy`);
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
  async list(onError: (uid: string, error: unknown) => void): Promise<FoundVolumes> {
    const volumes: ObservedVolume[] = [];
    const copies: ObservedCopy[] = [];
    for (const pool of this.#options.pools) {
      for (const name of await namesIn(pool.path)) {
        const copied = COPY_DIRECTORY.exec(name)?.[1];
        const uid = copied ?? name;
        if (!VOLUME_DIRECTORY.test(uid)) continue;
        try {
          if (copied === undefined) {
            const found = await this.find({ uid, pool: pool.name });
            if (found === undefined) continue;
            volumes.push({ uid, pool: pool.name, epoch: found.epoch, usedBytes: found.usedBytes });
          } else {
            const copy = await readCopy(join(pool.path, name));
            if (copy?.uid === uid) copies.push(observedCopy(pool.name, copy));
          }
        } catch (error) {
          onError(uid, error);
        }
      }
    }
    return { volumes, copies };
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
      const pool = await this.#poolToFill(volume.pool);
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

  /** Removes a volume, and what there is of one that was being made or copied. */
  remove(volume: Pick<HostVolume, 'uid' | 'pool'>): Promise<void> {
    return this.#queue.run(volume.uid, async () => {
      await this.#throwAway(volume, this.directory(volume));
      await this.#throwAway(volume, this.#copyDirectory(volume));
      await this.#removeRests(volume, ['new']);
    });
  }

  /** Bytes that the pool of a volume has left. */
  async freeBytes(volume: Pick<HostVolume, 'pool'>): Promise<number> {
    const pool = await this.#poolToFill(volume.pool);
    const { bavail, bsize } = await statfs(pool);
    return bavail * bsize;
  }

  /**
   * What there is of the copy of a volume for the move that began at `move`; what there is of one for another move is
   * removed. Undefined when that copy was accepted before: the volume is here, and was perhaps written on since.
   */
  openCopy(volume: Pick<HostVolume, 'uid' | 'pool'>, move: number): Promise<CopyImage | undefined> {
    return this.#queue.run(volume.uid, async () => {
      if ((await this.find(volume))?.stamp.move === move) return undefined;
      const pool = await this.#poolToFill(volume.pool);
      return await CopyImage.open({ pool, directory: this.#copyDirectory(volume), uid: volume.uid, move });
    });
  }

  /**
   * Makes the whole copy of this move the volume; an older volume is removed. Each step is durable before the next, so
   * that a repetition after a crash goes on where it was. Rejects with `VolumeMissing` when there is no such copy.
   */
  accept(volume: Pick<HostVolume, 'uid' | 'pool'>, move: number): Promise<void> {
    return this.#queue.run(volume.uid, async () => {
      const pool = this.pool(volume.pool);
      const directory = this.directory(volume);
      const copied = this.#copyDirectory(volume);
      const trash = join(pool, `.${volume.uid}.removed`);
      // Never again once it is the volume: its VM may have written on it.
      if ((await this.find(volume))?.stamp.move !== move) {
        const copy = await readCopy(copied);
        if (copy === undefined || copy.uid !== volume.uid || copy.move !== move || !copy.isWhole) {
          const message = `there is no whole copy of volume ${volume.uid} on this host for the move that began at ${move}: it has to be copied again`;
          throw new DriverFailure('VolumeMissing', message, true);
        }
        const { uid, name, sizeMib, fsType, epoch } = copy;
        await writeStamp(copied, { format: 1, uid, name, sizeMib, fsType, epoch, move });
        for (const path of [join(copied, IMAGE_FILE), copied]) await this.#options.own(path);
        if (await exists(directory)) {
          await this.#removeRests(volume, ['removed']);
          await rename(directory, trash);
          await syncDirectory(pool);
        }
        await rename(copied, directory);
        await syncDirectory(pool);
      }
      await rm(join(directory, COPY_FILE), { force: true });
      await this.#removeRests(volume, ['removed', 'copy']);
    });
  }

  /** Removes the copy of a volume, and nothing but it. */
  discard(volume: Pick<HostVolume, 'uid' | 'pool'>): Promise<void> {
    return this.#queue.run(volume.uid, () => this.#throwAway(volume, this.#copyDirectory(volume)));
  }

  /** Removes what a crash has left half made or half removed. */
  async sweep(): Promise<void> {
    for (const { name: pool, path } of this.#options.pools) {
      for (const name of await namesIn(path)) {
        const uid = LEFT_OVER.exec(name)?.[1];
        // In its turn: what is being made at this moment is not left over.
        if (uid !== undefined) await this.#queue.run(uid, () => this.#removeRests({ uid, pool }, ['removed', 'new']));
      }
    }
  }

  /** Moves a directory out of the way, durably, and then removes it: after a crash nobody takes half of it for the whole. */
  async #throwAway(volume: Pick<HostVolume, 'uid' | 'pool'>, directory: string): Promise<void> {
    await this.#removeRests(volume, ['removed']);
    const pool = this.pool(volume.pool);
    try {
      await rename(directory, join(pool, `.${volume.uid}.removed`));
      await syncDirectory(pool);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await this.#removeRests(volume, ['removed']);
  }

  async #removeRests({ uid, pool }: Pick<HostVolume, 'uid' | 'pool'>, rests: readonly string[]): Promise<void> {
    for (const rest of rests) await rm(join(this.pool(pool), `.${uid}.${rest}`), { recursive: true, force: true });
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

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
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
