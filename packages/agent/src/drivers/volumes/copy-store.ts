/**
 * Copies of volumes that are being made, or were made and not accepted:
 *
 *     <pool>/.<uid>.copy/volume.img   the image, as long as it will be; chunks of zeros are holes
 *     <pool>/.<uid>.copy/copy.json    what it is a copy of, and how much of it is durable
 *
 * `copy.json` is written after the image is durable up to what it says. What is beyond that is cut off before a copy
 * goes on: nothing that a crash has left half written is ever taken for data.
 */
import { type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSystemSchema, volumeSizeSchema, volumeUidSchema } from '@n3x/core/model/volume';
import type { ObservedCopy } from '@n3x/core/ports/volumes';
import { z } from 'zod';
import { syncDirectory, writeFileAtomically } from '../../store/atomic-file.ts';
import { isMissing } from '../microvm/layout.ts';
import { CHUNK_BYTES, type CopyHeader, chunkLength, chunksOf } from './copy-frames.ts';

/** Name of the image in the directory of a volume or a copy. */
export const IMAGE_FILE = 'volume.img';
/** Name of the file in a copy's directory. */
export const COPY_FILE = 'copy.json';

/** Bytes written after which they are made durable. */
const DURABLE_BYTES = 64 * 1_048_576;
/** Chunks, holes included, after which progress is noted. */
const DURABLE_CHUNKS = 4_096;

const copySchema = z.strictObject({
  format: z.literal(1),
  uid: volumeUidSchema,
  name: z.string(),
  sizeMib: volumeSizeSchema,
  fsType: fileSystemSchema,
  /** What is stamped beside the image at the source. */
  epoch: z.int().min(0),
  /** Raft index at which the move began that it is made for. */
  move: z.int().min(1),
  imageBytes: z.int().min(1),
  /** Chunks, from the first on, that are durable. */
  chunks: z.int().min(0),
  /** Whether all are, and each was compared with the source's. */
  isWhole: z.boolean(),
});
/** What is written beside the image of a copy. */
export type CopyRecord = z.infer<typeof copySchema>;

/** Reads what a copy is; undefined when there is none. Throws when it cannot be read or understood. */
export async function readCopy(directory: string): Promise<CopyRecord | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, COPY_FILE), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return copySchema.parse(JSON.parse(text));
}

/** A copy as it is reported. */
export function observedCopy(pool: string, copy: CopyRecord): ObservedCopy {
  const { uid, move, epoch, chunks, imageBytes, isWhole } = copy;
  return { uid, pool, move, epoch, copiedBytes: Math.min(chunks * CHUNK_BYTES, imageBytes), isWhole };
}

/** Where a copy is, and what for. */
export interface CopyPlace {
  /** Directory of the pool. */
  readonly pool: string;
  /** Directory of the copy, in it. */
  readonly directory: string;
  readonly uid: string;
  readonly move: number;
}

/** The copy of a volume on this host's disk, while it is made. Chunks are written in order. */
export class CopyImage {
  readonly #place: CopyPlace;
  #record: CopyRecord | undefined;
  #file: FileHandle | undefined;
  #unsyncedBytes = 0;

  private constructor(place: CopyPlace, record: CopyRecord | undefined) {
    this.#place = place;
    this.#record = record;
  }

  /** What there is of the copy for this move; what there is of one for another move is removed. Closed by `close`. */
  static async open(place: CopyPlace): Promise<CopyImage> {
    let record: CopyRecord | undefined;
    try {
      record = await readCopy(place.directory);
    } catch (error) {
      // A record that is damaged tells nothing: the copy is made anew.
      if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
    }
    if (record?.move !== place.move || record.uid !== place.uid) record = undefined;
    const image = new CopyImage(place, record);
    try {
      if (record === undefined) await image.clear();
      else if (!(await image.#reopen(record))) await image.clear();
      return image;
    } catch (error) {
      await image.close();
      throw error;
    }
  }

  /** Chunks, from the first on, that are durable. */
  get have(): number {
    return this.#record?.chunks ?? 0;
  }

  get isWhole(): boolean {
    return this.#record?.isWhole === true;
  }

  /** Removes everything of it. */
  async clear(): Promise<void> {
    await this.close();
    this.#record = undefined;
    await rm(this.#place.directory, { recursive: true, force: true });
  }

  /** Whether what there is can go on with what the source has. Nothing can always. */
  continues(header: CopyHeader): boolean {
    const record = this.#record;
    if (record === undefined) return true;
    const { name, sizeMib, fsType, epoch, imageBytes } = header;
    return (
      record.epoch === epoch &&
      record.imageBytes === imageBytes &&
      record.name === name &&
      record.sizeMib === sizeMib &&
      record.fsType === fsType
    );
  }

  /** Begins a copy where there is none, as long as it will be. */
  async begin(header: CopyHeader): Promise<void> {
    if (this.#record !== undefined) return;
    const { pool, directory, uid, move } = this.#place;
    const { name, sizeMib, fsType, epoch, imageBytes } = header;
    await mkdir(pool, { recursive: true });
    await mkdir(directory, { mode: 0o775 });
    await syncDirectory(pool);
    // Said first: from here on it is known whose this is.
    await this.#write({ format: 1, uid, name, sizeMib, fsType, epoch, move, imageBytes, chunks: 0, isWhole: false });
    this.#file = await open(join(directory, IMAGE_FILE), 'wx+', 0o664);
    await this.#file.truncate(imageBytes);
  }

  /** The bytes of a chunk that it has. */
  async read(chunk: number): Promise<Buffer> {
    const { imageBytes } = this.#begun();
    const bytes = Buffer.allocUnsafe(chunkLength(imageBytes, chunk));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await this.#opened().read(bytes, at, bytes.length - at, chunk * CHUNK_BYTES + at);
      if (bytesRead === 0) throw new Error(`${this.#place.directory}: the image ends early`);
      at += bytesRead;
    }
    return bytes;
  }

  /** Writes a chunk. */
  async write(chunk: number, bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) {
      const { bytesWritten } = await this.#opened().write(bytes, at, bytes.length - at, chunk * CHUNK_BYTES + at);
      at += bytesWritten;
    }
    this.#unsyncedBytes += bytes.length;
  }

  /** Whether it is time to make durable what there is, `chunks` being there now. */
  isDue(chunks: number): boolean {
    return this.#unsyncedBytes >= DURABLE_BYTES || chunks - this.have >= DURABLE_CHUNKS;
  }

  /** Makes durable what is written, and notes that the first `chunks` are there. */
  async sync(chunks: number): Promise<void> {
    await this.#opened().datasync();
    this.#unsyncedBytes = 0;
    await this.#write({ ...this.#begun(), chunks });
  }

  /** All of it is there and was compared. Durable when it resolves. */
  async finish(): Promise<void> {
    // Not only the data: also the length, and where the data is.
    await this.#opened().sync();
    const record = this.#begun();
    await this.#write({ ...record, chunks: chunksOf(record.imageBytes), isWhole: true });
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** Opens the image of before, and cuts off what is beyond its durable chunks. False when it is not as was noted. */
  async #reopen(record: CopyRecord): Promise<boolean> {
    if (record.isWhole) return true;
    const total = chunksOf(record.imageBytes);
    if (record.chunks > total) return false;
    let file: FileHandle;
    try {
      file = await open(join(this.#place.directory, IMAGE_FILE), 'r+');
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    this.#file = file;
    const durable = Math.min(record.chunks * CHUNK_BYTES, record.imageBytes);
    if ((await file.stat()).size < durable) return false;
    await file.truncate(durable);
    await file.truncate(record.imageBytes);
    return true;
  }

  async #write(record: CopyRecord): Promise<void> {
    await writeFileAtomically(join(this.#place.directory, COPY_FILE), `${JSON.stringify(record)}\n`, 0o644);
    this.#record = record;
  }

  #begun(): CopyRecord {
    if (this.#record === undefined) throw new Error('the copy was not begun');
    return this.#record;
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw new Error('the copy is not open');
    return this.#file;
  }
}
