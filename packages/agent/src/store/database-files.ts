/**
 * Looks for damage in LevelDB's files before LevelDB opens them. Opening replays its logs into tables and
 * deletes them, skipping a damaged part without an error, which would lose acknowledged writes for good;
 * and merging damaged tables can end the process at an assertion. Tables that belong to no version of the database are not
 * looked at: a flush that was broken off leaves them half written, and LevelDB deletes them. Its `paranoid_checks`, which would do
 * some of this, cannot be set from Node.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { N3xError } from '@n3x/core/base/errors';
import { tablesOf } from './manifest.ts';
import { corruptStore, databaseError } from './storage-error.ts';
import { findTableDamage } from './table-file.ts';
import { findLogDamage } from './write-ahead-log.ts';

const LOG = /^(?:\d+\.log|MANIFEST-\d+)$/;
const TABLE = /^(\d+)\.(?:ldb|sst)$/;

/** Throws N3X_CORRUPT naming the first damaged file in `directory`, or N3X_STORAGE. No directory is fine. */
export async function checkDatabaseFiles(directory: string): Promise<void> {
  const names = (await fileNames(directory)).sort();
  for (const name of names) {
    if (!LOG.test(name)) continue;
    const damage = findLogDamage((await contentOf(directory, name)) ?? new Uint8Array());
    if (damage !== undefined) throw damaged(directory, name, damage);
  }
  // The manifest was looked at by now: what it says can be relied on.
  const tables = await tablesIn(directory);
  for (const name of names) {
    const number = TABLE.exec(name)?.[1];
    if (number === undefined || tables?.has(Number(number)) === false) continue;
    const table = await contentOf(directory, name);
    const damage = table === undefined ? undefined : findTableDamage(table);
    if (damage !== undefined) throw damaged(directory, name, damage);
  }
}

/** The tables that belong to the database; undefined where nothing says which do. */
async function tablesIn(directory: string): Promise<ReadonlySet<number> | undefined> {
  const current = await contentOf(directory, 'CURRENT');
  if (current === undefined) return undefined;
  const name = new TextDecoder().decode(current).trimEnd();
  const manifest = LOG.test(name) ? await contentOf(directory, name) : undefined;
  if (manifest === undefined) return undefined;
  const tables = tablesOf(manifest);
  if (tables === undefined) throw corruptStore(directory, name, 'does not say which tables there are');
  return tables;
}

function damaged(directory: string, name: string, at: number): N3xError {
  return corruptStore(directory, name, `is damaged at byte ${at}`);
}

/** What is in a file; undefined when there is none: LevelDB in another process may remove one at any time. */
async function contentOf(directory: string, name: string): Promise<Uint8Array | undefined> {
  try {
    return await readWhole(join(directory, name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw databaseError(directory, error);
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
