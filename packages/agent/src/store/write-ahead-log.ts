/**
 * Looks for damage in LevelDB's write-ahead logs before LevelDB opens them. Opening replays them into
 * tables and deletes them, and a damaged part is skipped without an error (its `paranoid_checks` cannot be
 * set from here), which would lose acknowledged writes for good.
 *
 * The format (LevelDB, doc/log_format.md): blocks of 32 KiB; in them records of a masked CRC-32C (4 bytes,
 * little-endian, over type and data), the length of the data (2 bytes), a type from 1 to 4 (1 byte) and the
 * data. A record that the file's end cuts off is what a crash in the middle of a write leaves, and is fine:
 * its write was never completed. That such a cut is damage shows only if an intact record follows it.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { corruptStore, databaseError } from './storage-error.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const LAST_TYPE = 4;

/** Throws N3X_CORRUPT naming the file if a log in `directory` is damaged. A missing directory is fine. */
export async function checkWriteAheadLogs(directory: string): Promise<void> {
  for (const name of await logFiles(directory)) {
    let damage: number | undefined;
    try {
      damage = findDamage(await readWhole(join(directory, name)));
    } catch (error) {
      // LevelDB in another process may remove a log at any time; opening will then say that it is locked.
      if (isNotFound(error)) continue;
      throw databaseError(directory, error);
    }
    if (damage !== undefined) throw corruptStore(directory, name, `is damaged at byte ${damage}`);
  }
}

/** The offset of the first damaged record of a log, or undefined. */
export function findDamage(log: Uint8Array): number | undefined {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  let at = 0;
  while (at + HEADER_BYTES <= log.length) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
    if (blockEnd - at < HEADER_BYTES) {
      at = blockEnd;
      continue;
    }
    const length = view.getUint16(at + 4, true);
    const end = at + HEADER_BYTES + length;
    if (length === 0 && log[at + 6] === 0) return log.subarray(at).every((byte) => byte === 0) ? undefined : at;
    if (end > log.length && blockEnd > log.length) return intactAfter(log, view, at) ? at : undefined;
    if (end > blockEnd || !isIntact(log, view, at)) return at;
    at = end;
  }
  return undefined;
}

/** Whether an intact record begins anywhere after `at`, which is in the last block. */
function intactAfter(log: Uint8Array, view: DataView, at: number): boolean {
  for (let next = at + 1; next + HEADER_BYTES <= log.length; next++) {
    const type = log[next + 6] ?? 0;
    if (type < 1 || type > LAST_TYPE) continue;
    if (next + HEADER_BYTES + view.getUint16(next + 4, true) > log.length) continue;
    if (isIntact(log, view, next)) return true;
  }
  return false;
}

function isIntact(log: Uint8Array, view: DataView, at: number): boolean {
  const length = view.getUint16(at + 4, true);
  const crc = crc32c(log.subarray(at + 6, at + HEADER_BYTES + length));
  // LevelDB stores checksums rotated and offset, so that a checksum over checksums stays meaningful.
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  return masked === view.getUint32(at, true);
}

const CRC32C_TABLE = new Uint32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli), as LevelDB uses it; Node's zlib has only the other polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (CRC32C_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}

async function logFiles(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => /^\d+\.log$/.test(name)).sort();
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
