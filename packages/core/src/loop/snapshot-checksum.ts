/** CRC-32 over the records of a snapshot piece. */
import { crc32 } from '../base/crc32.ts';

/** Checksum over keys (their UTF-16 units' low bytes: keys are ASCII), a zero byte, and values, record by record. */
export function chunkChecksum(records: readonly (readonly [string, Uint8Array])[]): number {
  let crc = 0;
  for (const [key, value] of records) {
    crc = crc32(
      Uint8Array.from({ length: key.length + 1 }, (_, i) => (i < key.length ? key.charCodeAt(i) & 0xff : 0)),
      crc,
    );
    crc = crc32(value, crc);
  }
  return crc;
}
