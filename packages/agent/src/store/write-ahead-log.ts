/**
 * LevelDB's log files: its write-ahead logs and its manifest.
 *
 * The format (LevelDB, doc/log_format.md): blocks of 32 KiB; in them records of a masked CRC-32C (4 bytes,
 * little-endian, over type and data), the length of the data (2 bytes), a type from 1 to 4 (1 byte) and the
 * data. A record that the file's end cuts off is what a crash in the middle of a write leaves, and is fine:
 * its write was never completed. That such a cut is damage shows only if an intact record follows it.
 */
import { crc32c, maskCrc } from './crc32c.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const LAST_TYPE = 4;

/** The offset of the first damaged record of a log, or undefined. */
export function findLogDamage(log: Uint8Array): number | undefined {
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

/** Types of records: whole ones, and the first, middle and last parts of those that go over the end of a block. */
const [WHOLE, FIRST, MIDDLE, LAST] = [1, 2, 3, LAST_TYPE] as const;

/** What the whole records of an undamaged log hold, in order. One that the file's end cuts off is left out. */
export function* logRecords(log: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  let parts: Uint8Array[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= log.length) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
    if (blockEnd - at < HEADER_BYTES) {
      at = blockEnd;
      continue;
    }
    const type = log[at + 6] ?? 0;
    const end = at + HEADER_BYTES + view.getUint16(at + 4, true);
    if (type === 0 || end > log.length) return;
    const part = log.subarray(at + HEADER_BYTES, end);
    if (type === WHOLE || type === FIRST) parts = [part];
    else if (type === MIDDLE || type === LAST) parts.push(part);
    if (type === WHOLE || type === LAST) {
      yield Buffer.concat(parts);
      parts = [];
    }
    at = end;
  }
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
  return maskCrc(crc32c(log.subarray(at + 6, at + HEADER_BYTES + length))) === view.getUint32(at, true);
}
