/**
 * How a host knows its pools again: a mark in the pool's directory, and the same beside its own data. A directory on which
 * the disk of a pool is not mounted looks like an empty pool; what would be made there would be out of sight as soon as it is.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../store/atomic-file.ts';
import { DriverFailure } from '../microvm/failure.ts';
import { isMissing } from '../microvm/layout.ts';
import type { Pool } from './pool.ts';

/** Name of the mark in a pool's directory. */
export const MARK_FILE = '.n3x-pool.json';

const markSchema = z.strictObject({ format: z.literal(1), id: z.string().regex(/^[0-9a-f]{32}$/) });

async function read(path: string): Promise<string | undefined> {
  try {
    return markSchema.parse(JSON.parse(await readFile(path, 'utf8'))).id;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new DriverFailure('PoolMissing', `${path} cannot be read as the mark of a pool: ${String(error)}`, true);
  }
}

async function write(path: string, id: string): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify({ format: 1, id })}\n`, 0o644);
}

/** The marks of a host's pools. */
export class PoolMarks {
  readonly #directory: string;

  /** `directory` is this host's own, on a disk that is always there. It is made when it is needed. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Makes sure that a pool is the one that was used before, and marks one that never was. To be called before anything is
   * made in it. Rejects with `DriverFailure` `PoolMissing`.
   */
  async check(pool: Pool): Promise<void> {
    const [there, own] = [join(pool.path, MARK_FILE), join(this.#directory, `${pool.name}.json`)];
    const [found, known] = [await read(there), await read(own)];
    if (found !== undefined && found === known) return;
    if (known !== undefined) {
      const what = found === undefined ? 'is not there' : 'is another one';
      const message = `the pool ${pool.name} that this host has used ${what} in ${pool.path}: mount its disk. If that was replaced for good, delete ${own}`;
      throw new DriverFailure('PoolMissing', message, true);
    }
    const id = found ?? randomBytes(16).toString('hex');
    if (found === undefined) {
      await mkdir(pool.path, { recursive: true });
      await write(there, id);
    }
    // Remembered last: a crash before it leaves a marked pool, which is taken for what it is.
    await mkdir(this.#directory, { recursive: true });
    await write(own, id);
  }
}
