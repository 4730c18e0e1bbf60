/** What a host finds out about its pools. */
import { mkdir, statfs } from 'node:fs/promises';
import type { PoolFacts } from '@n3x/core/model/pool';
import { DEFAULT_POOL } from '@n3x/core/model/volume';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { Pool } from './pool.ts';

const MIB = 1_048_576;

/** Sizes of the file systems that pools are on. One that is not there has nothing to give, and is told of. */
export async function measurePools(pools: readonly Pool[], journal: JournalPort): Promise<PoolFacts[]> {
  const facts: PoolFacts[] = [];
  for (const { name, path } of pools) {
    let sizeMib = 0;
    try {
      // The one that every host has is made; a directory that was configured may be a disk that is not mounted.
      if (name === DEFAULT_POOL) await mkdir(path, { recursive: true });
      const { blocks, bsize } = await statfs(path);
      sizeMib = Math.floor((blocks * bsize) / MIB);
    } catch (error) {
      journal.log('error', 'volume.poolMissing', { pool: name, path, error: String(error) });
    }
    facts.push({ name, sizeMib });
  }
  return facts;
}
