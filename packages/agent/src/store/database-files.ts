/**
 * Looks for damage in LevelDB's files before LevelDB opens them. Opening replays its logs into tables and
 * deletes them, skipping a damaged part without an error, which would lose acknowledged writes for good;
 * and merging damaged tables can end the process at an assertion. Its `paranoid_checks`, which would do
 * some of this, cannot be set from Node.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { corruptStore, databaseError } from './storage-error.ts';
import { findTableDamage } from './table-file.ts';
import { findLogDamage } from './write-ahead-log.ts';

const CHECKS: readonly (readonly [RegExp, (content: Uint8Array) => number | undefined])[] = [
  [/^(?:\d+\.log|MANIFEST-\d+)$/, findLogDamage],
  [/^\d+\.(?:ldb|sst)$/, findTableDamage],
];

/** Throws N3X_CORRUPT naming the first damaged file in `directory`, or N3X_STORAGE. No directory is fine. */
export async function checkDatabaseFiles(directory: string): Promise<void> {
  for (const name of (await fileNames(directory)).sort()) {
    const check = CHECKS.find(([pattern]) => pattern.test(name))?.[1];
    if (check === undefined) continue;
    let damage: number | undefined;
    try {
      damage = check(await readWhole(join(directory, name)));
    } catch (error) {
      // LevelDB in another process may remove a file at any time; opening will then say that it is locked.
      if (isNotFound(error)) continue;
      throw databaseError(directory, error);
    }
    if (damage !== undefined) throw corruptStore(directory, name, `is damaged at byte ${damage}`);
  }
}

async function fileNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw databaseError(directory, error);
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  await using file = await open(path);
  return await file.readFile();
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
