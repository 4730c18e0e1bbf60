/**
 * LevelDB's table files.
 *
 * The format (LevelDB, doc/table_format.md): blocks one after the other, each followed by its compression
 * (1 byte, 0 none) and a masked CRC-32C over block and compression; at the end a footer of 48 bytes with
 * the places of the meta index and of the index as varints, and a magic number. Keys and values in a block
 * are prefix-compressed; the index has the place of a data block in each of its values. n3x turns off the
 * compression of blocks, so that they can be read here.
 */
import { crc32c, maskCrc } from './crc32c.ts';
import { Malformed, type Place, Reader } from './varint-reader.ts';

const TRAILER_BYTES = 5;
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;

/** The offset of the first damaged block of a table, or undefined. */
export function findTableDamage(table: Uint8Array): number | undefined {
  const footerAt = table.length - FOOTER_BYTES;
  let at = Math.max(0, footerAt);
  try {
    const footer = new Reader(table, at, table.length);
    const metaIndex = footer.place();
    const index = footer.place();
    if (footerAt < 0 || new DataView(table.buffer, table.byteOffset).getBigUint64(table.length - 8, true) !== MAGIC) {
      return at;
    }
    // The blocks fill the file without a gap, so a lost or doubled index entry shows as well.
    let expected = 0;
    at = index.offset;
    for (const place of blockPlaces(table, index)) {
      at = place.offset;
      if (place.offset !== expected) return expected;
      checkBlock(table, place);
      expected = place.offset + place.size + TRAILER_BYTES;
    }
    at = metaIndex.offset;
    for (const place of blockPlaces(table, metaIndex)) checkBlock(table, place);
  } catch (error) {
    if (error instanceof Malformed) return at;
    throw error;
  }
  return undefined;
}

/** The places that an index block names, after checking the block. */
function blockPlaces(table: Uint8Array, index: Place): Place[] {
  checkBlock(table, index);
  const end = index.offset + index.size;
  const restarts = new DataView(table.buffer, table.byteOffset + end - 4, 4).getUint32(0, true);
  const entriesEnd = end - 4 - 4 * restarts;
  const reader = new Reader(table, index.offset, entriesEnd);
  const places: Place[] = [];
  while (reader.at < entriesEnd) {
    reader.varint();
    const keyBytes = reader.varint();
    const valueBytes = reader.varint();
    const valueAt = reader.at + keyBytes;
    places.push(new Reader(table, valueAt, valueAt + valueBytes).place());
    reader.at = valueAt + valueBytes;
  }
  return places;
}

function checkBlock(table: Uint8Array, { offset, size }: Place): void {
  const end = offset + size;
  if (size < 4 || end + TRAILER_BYTES > table.length - FOOTER_BYTES) throw new Malformed('block past the end');
  const stored = new DataView(table.buffer, table.byteOffset + end + 1, 4).getUint32(0, true);
  if (table[end] !== 0 || stored !== maskCrc(crc32c(table.subarray(offset, end + 1)))) throw new Malformed('checksum');
}
