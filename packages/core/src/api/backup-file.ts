/**
 * The form of a backup: what `GET /v1/cluster/backup` sends and `n3xd restore` reads. After {@link BACKUP_MAGIC} come frames,
 * each of: type (1 byte), length of its content (4), CRC-32 (4) over its number, its type and its content; all numbers
 * big-endian. The first frame is the header, then come records, the last is the trailer. The number of a frame is in its
 * checksum only, so one that is lost, doubled or moved shows as one that is damaged.
 *
 * Records are written as they are kept: key length (2), key, value length (4), value.
 */
import { z } from 'zod';
import { crc32 } from '../base/crc32.ts';
import { ERROR_CODES, N3xError } from '../base/errors.ts';

/** What a backup begins with. */
export const BACKUP_MAGIC = 'n3x-backup\n';

/** Format of the frames that this build writes and reads. */
export const BACKUP_FORMAT = 1;

/** Media type of the stream. */
export const BACKUP_MEDIA_TYPE = 'application/vnd.n3x.backup';

/** Bytes of records after which a frame is closed. */
const FRAME_BYTES = 256 * 1024;
/** Longest content of a frame, in bytes: one record may be larger than {@link FRAME_BYTES}. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const FRAME_HEAD_BYTES = 9;

const TYPES = { header: 1, records: 2, trailer: 3 } as const;

/** What a backup is of. */
export const backupHeaderSchema = z.strictObject({
  format: z.int().min(1),
  n3xVersion: z.string(),
  /** Format of commands in force: a build that does not read it cannot go on from this backup. */
  commandFormat: z.int().min(1),
  clusterId: z.string().regex(/^[0-9a-f]{32}$/),
  clusterName: z.string(),
  /** Every change up to here is in it, and none after. */
  index: z.int().min(1),
  /** Raft term in which it was made. */
  term: z.int().min(1),
  /** Wall clock of the host that made it, ms since 1970. */
  madeAtMs: z.number(),
  madeOn: z.string(),
  hosts: z.int().min(0),
  vms: z.int().min(0),
});
/** What a backup is of. */
export type BackupHeader = z.infer<typeof backupHeaderSchema>;

const trailerSchema = z.strictObject({ records: z.int().min(0), bytes: z.int().min(0) });

type BackupRecord = readonly [key: string, value: Uint8Array];

const encoder = new TextEncoder();

function frame(number: number, type: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint32(1, content.length);
  view.setUint32(5, frameCrc(number, type, content));
  bytes.set(content, FRAME_HEAD_BYTES);
  return bytes;
}

function frameCrc(number: number, type: number, content: Uint8Array): number {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(0, number);
  head[4] = type;
  return crc32(content, crc32(head));
}

function recordBytes([key, value]: BackupRecord): Uint8Array {
  const keyBytes = encoder.encode(key);
  const bytes = new Uint8Array(6 + keyBytes.length + value.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, keyBytes.length);
  bytes.set(keyBytes, 2);
  view.setUint32(2 + keyBytes.length, value.length);
  bytes.set(value, 6 + keyBytes.length);
  return bytes;
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The bytes of a backup, piece by piece; holds no more than one frame at a time. */
export function* writeBackup(header: BackupHeader, records: Iterable<BackupRecord>): Generator<Uint8Array> {
  let number = 0;
  yield encoder.encode(BACKUP_MAGIC);
  yield frame(number++, TYPES.header, encoder.encode(JSON.stringify(header)));
  let parts: Uint8Array[] = [];
  let held = 0;
  let count = 0;
  let bytes = 0;
  for (const record of records) {
    const part = recordBytes(record);
    parts.push(part);
    held += part.length;
    bytes += part.length;
    count++;
    if (held < FRAME_BYTES) continue;
    yield frame(number++, TYPES.records, joined(parts, held));
    parts = [];
    held = 0;
  }
  if (parts.length > 0) yield frame(number++, TYPES.records, joined(parts, held));
  yield frame(number, TYPES.trailer, encoder.encode(JSON.stringify({ records: count, bytes })));
}

/** What a reader is given. */
export interface BackupReaderOptions {
  /** Called with each record, in the order of the keys. The value is a copy. */
  onRecord?(record: BackupRecord): void;
  /** What the errors call the backup: the name of its file. */
  readonly name: string;
}

/** Reads a backup piece by piece, however it is cut. Holds no more than one frame. */
export class BackupReader {
  readonly #options: BackupReaderOptions;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #taken = 0;
  #begun = false;
  #number = 0;
  #header: BackupHeader | undefined;
  #records = 0;
  #bytes = 0;
  #ended = false;

  constructor(options: BackupReaderOptions) {
    this.#options = options;
  }

  /** What the backup is of, once that has arrived. */
  get header(): BackupHeader | undefined {
    return this.#header;
  }

  /** Records read so far. */
  get records(): number {
    return this.#records;
  }

  /**
   * Takes the next bytes. Throws `N3X_INVALID` for what is no backup, `N3X_VERSION` for one of a newer format, and
   * `N3X_CORRUPT` for one that is damaged.
   */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    while (this.#step());
  }

  /** No more bytes come. Gives what the backup is of. Throws `N3X_CORRUPT` when it is not whole. */
  end(): BackupHeader {
    if (!this.#begun) throw this.#noBackup();
    if (!this.#ended || this.#header === undefined || this.#waitingBytes > 0) {
      throw this.#damaged(this.#ended ? 'goes on after its end' : 'is cut short');
    }
    return this.#header;
  }

  #step(): boolean {
    if (!this.#begun) {
      const magic = this.#peek(BACKUP_MAGIC.length);
      if (magic === undefined) return false;
      if (!encoder.encode(BACKUP_MAGIC).every((byte, i) => byte === magic[i])) throw this.#noBackup();
      this.#take(BACKUP_MAGIC.length);
      this.#begun = true;
      return true;
    }
    const head = this.#peek(FRAME_HEAD_BYTES);
    if (head === undefined) return false;
    if (this.#ended) throw this.#damaged('goes on after its end');
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const [type, length, crc] = [view.getUint8(0), view.getUint32(1), view.getUint32(5)];
    if (length > FRAME_BYTES_MAX) throw this.#damaged('is damaged');
    const whole = this.#peek(FRAME_HEAD_BYTES + length);
    if (whole === undefined) return false;
    const content = whole.subarray(FRAME_HEAD_BYTES);
    if (frameCrc(this.#number, type, content) !== crc) throw this.#damaged('is damaged');
    this.#number++;
    this.#frame(type, content);
    this.#take(FRAME_HEAD_BYTES + length);
    return true;
  }

  #frame(type: number, content: Uint8Array): void {
    if (type === TYPES.header && this.#header === undefined) this.#readHeader(content);
    else if (type === TYPES.records && this.#header !== undefined) this.#readRecords(content);
    else if (type === TYPES.trailer && this.#header !== undefined) this.#readTrailer(content);
    else throw this.#damaged('has a part where it does not belong');
  }

  #readHeader(content: Uint8Array): void {
    const value = this.#json(content);
    const format = z.looseObject({ format: z.int(), n3xVersion: z.string() }).safeParse(value);
    if (format.success && format.data.format > BACKUP_FORMAT) {
      throw new N3xError(
        ERROR_CODES.version,
        `${this.#options.name} is a backup of format ${format.data.format}, made by n3x ${format.data.n3xVersion}, and this build reads up to ${BACKUP_FORMAT}: use that version or a newer one`,
      );
    }
    const header = backupHeaderSchema.safeParse(value);
    if (!header.success) throw this.#damaged('has no header that can be read');
    this.#header = header.data;
  }

  #readRecords(content: Uint8Array): void {
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const decoder = new TextDecoder();
    let at = 0;
    while (at < content.length) {
      const keyEnd = at + 2 + (at + 2 <= content.length ? view.getUint16(at) : content.length);
      const valueAt = keyEnd + 4;
      const valueEnd = valueAt <= content.length ? valueAt + view.getUint32(keyEnd) : content.length + 1;
      if (valueEnd > content.length) throw this.#damaged('holds a record that is cut short');
      this.#records++;
      this.#bytes += valueEnd - at;
      this.#options.onRecord?.([decoder.decode(content.subarray(at + 2, keyEnd)), content.slice(valueAt, valueEnd)]);
      at = valueEnd;
    }
  }

  #readTrailer(content: Uint8Array): void {
    const trailer = trailerSchema.safeParse(this.#json(content));
    if (!trailer.success || trailer.data.records !== this.#records || trailer.data.bytes !== this.#bytes) {
      throw this.#damaged('does not hold what its end says');
    }
    this.#ended = true;
  }

  #json(content: Uint8Array): unknown {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
    } catch {
      throw this.#damaged('is damaged');
    }
  }

  /** The next `length` bytes as one piece, or undefined while there are not as many. */
  #peek(length: number): Uint8Array | undefined {
    if (this.#waitingBytes < length) return undefined;
    const [first] = this.#waiting;
    if (first === undefined) return length === 0 ? new Uint8Array() : undefined;
    if (first.length >= length) return first.subarray(0, length);
    const all = joined(this.#waiting, this.#waitingBytes);
    this.#waiting = [all];
    return all.subarray(0, length);
  }

  #take(length: number): void {
    this.#peek(length);
    const [first, ...rest] = this.#waiting;
    if (first === undefined) return;
    this.#waiting = first.length === length ? rest : [first.subarray(length), ...rest];
    this.#waitingBytes -= length;
    this.#taken += length;
  }

  #noBackup(): N3xError {
    return new N3xError(ERROR_CODES.invalid, `${this.#options.name} is no backup of an n3x cluster`);
  }

  #damaged(what: string): N3xError {
    return new N3xError(
      ERROR_CODES.corrupt,
      `the backup ${this.#options.name} ${what} (at byte ${this.#taken}): use another one`,
    );
  }
}
