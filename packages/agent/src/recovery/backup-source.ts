/** A backup as a file, read whole. */
import { createReadStream } from 'node:fs';
import { type BackupHeader, BackupReader } from '@n3x/core/api/backup-file';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';

/** A backup that was read and found whole. */
export interface LoadedBackup {
  readonly header: BackupHeader;
  readonly records: readonly (readonly [string, Uint8Array])[];
}

/** Reads and checks a backup. Throws `N3X_INVALID`, `N3X_CORRUPT` or `N3X_VERSION`, each with the one thing to know. */
export async function loadBackup(path: string): Promise<LoadedBackup> {
  const records: (readonly [string, Uint8Array])[] = [];
  const reader = new BackupReader({ name: path, onRecord: (record) => records.push(record) });
  try {
    for await (const chunk of createReadStream(path)) reader.push(chunk);
  } catch (cause) {
    if (cause instanceof N3xError) throw cause;
    throw new N3xError(ERROR_CODES.invalid, `cannot read ${path}`, { details: { path }, cause });
  }
  return { header: reader.end(), records };
}
