/** CRC-32 (ISO 3309) over the records of a snapshot piece. */

const TABLE = (() => {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc >>> 0;
  }
  return table;
})();

function update(crc: number, byte: number): number {
  return ((crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0)) >>> 0;
}

/** Checksum over keys (their UTF-16 units' low bytes: keys are ASCII), a zero byte, and values, record by record. */
export function chunkChecksum(records: readonly (readonly [string, Uint8Array])[]): number {
  let crc = 0xffffffff;
  for (const [key, value] of records) {
    for (let i = 0; i < key.length; i++) crc = update(crc, key.charCodeAt(i) & 0xff);
    crc = update(crc, 0);
    for (const byte of value) crc = update(crc, byte);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
