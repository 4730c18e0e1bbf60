/** The source's side of copies: gives the data of volumes to the targets of their moves. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { ServedVolume, VolumeRequest } from '@n3x/core/host/volume-serving';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { NodeId } from '@n3x/core/raft/types';
import { passed } from './chunk-memory.ts';
import { CopyChannel, IDLE_MS } from './copy-channel.ts';
import {
  CHUNK_BYTES,
  ChunkBuffer,
  chunkLength,
  chunksOf,
  digestOf,
  encodeCopyFrame,
  isZero,
  MAX_REQUEST_BYTES,
  overallHash,
  zeroDigest,
} from './copy-frames.ts';
import type { Pace } from './pace.ts';
import type { FoundVolume, VolumeStore } from './volume-store.ts';

/** Most copies that are read from this host at once. */
const MAX_READERS = 4;
/** Pause in ms between two looks at whether the reader may go on. */
const ALLOWED_MS = 2_000;

/** What serving needs. */
export interface VolumeServerOptions {
  readonly store: Pick<VolumeStore, 'find'>;
  /** Whether a host may read a volume now. */
  readonly mayServe: (readerId: NodeId, request: VolumeRequest) => ServedVolume;
  /** How fast data may leave this host. */
  readonly pace: Pace;
  readonly journal: JournalPort;
  /** How long a reader may be still, in ms. */
  readonly idleMs?: number;
  /** Pause in ms between two looks at whether a reader may go on. */
  readonly allowedMs?: number;
}

/** Said to the reader, and then the stream ends. */
class Refusal extends Error {
  readonly retriable: boolean;

  constructor(message: string, retriable: boolean) {
    super(message);
    this.retriable = retriable;
  }
}

/** Serves the volumes of this host. */
export class VolumeServer {
  readonly #options: VolumeServerOptions;
  /** All that are open, those included that are being refused. */
  readonly #channels = new Set<CopyChannel>();
  #readers = 0;
  #closed = false;

  constructor(options: VolumeServerOptions) {
    this.#options = options;
  }

  /** Readers at this moment. */
  get readers(): number {
    return this.#readers;
  }

  /** Serves one stream of a member until it ends. Never rejects. */
  async serve(duplex: Duplex, readerId: NodeId): Promise<void> {
    const channel = new CopyChannel(duplex, MAX_REQUEST_BYTES, this.#options.idleMs ?? IDLE_MS);
    if (this.#closed) {
      channel.destroy();
      return;
    }
    const isFull = this.#readers >= MAX_READERS;
    this.#channels.add(channel);
    if (!isFull) this.#readers += 1;
    try {
      if (isFull) throw new Refusal(`${MAX_READERS} other volumes are being copied from it`, true);
      await this.#serve(channel, readerId);
      await channel.close();
    } catch (error) {
      await this.#refuse(channel, readerId, error);
    } finally {
      this.#channels.delete(channel);
      if (!isFull) this.#readers -= 1;
    }
  }

  /** Ends what is served, and serves nothing more. */
  close(): void {
    this.#closed = true;
    for (const channel of this.#channels) channel.destroy(new Error('this host serves no volumes any more'));
  }

  async #serve(channel: CopyChannel, readerId: NodeId): Promise<void> {
    const first = await channel.next();
    if (first?.kind !== 'request') throw new Refusal('it was not asked for a volume', false);
    const { request } = first;
    const { image, stamp, usedBytes } = await this.#allowed(readerId, request);
    await using file = await open(image, 'r');
    const imageBytes = (await file.stat()).size;
    const total = chunksOf(imageBytes);
    if (imageBytes === 0) throw new Refusal(`the image of volume ${request.uid} is empty`, true);
    if (request.have > total) throw new Refusal(`volume ${request.uid} has no ${request.have} chunks`, true);
    const { name, sizeMib, fsType, epoch } = stamp;
    const header = { name, sizeMib, fsType, epoch, imageBytes, usedBytes, chunkBytes: CHUNK_BYTES } as const;
    await channel.send(encodeCopyFrame({ kind: 'header', header }));
    const overall = overallHash();
    const everyMs = this.#options.allowedMs ?? ALLOWED_MS;
    let lookedAt = performance.now();
    const readAhead = (chunk: number): Promise<ChunkBuffer> => {
      const read = readChunk(file, imageBytes, chunk);
      // Whoever awaits it hears of a failure; nobody does when the reader has gone.
      read.catch(() => undefined);
      return read;
    };
    let ahead = readAhead(0);
    for (let chunk = 0; chunk < total; chunk += 1) {
      const buffer = await ahead;
      if (chunk + 1 < total) ahead = readAhead(chunk + 1);
      if (performance.now() - lookedAt >= everyMs) {
        await this.#allowed(readerId, request, epoch);
        lookedAt = performance.now();
      }
      overall.update(await this.#give(channel, buffer, chunk < request.have));
    }
    // A VM that was started here meanwhile may have written between two chunks: what was sent is then no volume.
    await this.#allowed(readerId, request, epoch);
    await channel.send(encodeCopyFrame({ kind: 'end', digest: overall.digest() }));
  }

  /** Sends what is to be said of one chunk; gives its digest. */
  async #give(channel: CopyChannel, buffer: ChunkBuffer, known: boolean): Promise<Uint8Array> {
    const bytes = buffer.chunk;
    const { length } = bytes;
    const zero = isZero(bytes);
    const digest = zero ? zeroDigest(length) : digestOf(bytes);
    if (known) await channel.send(encodeCopyFrame({ kind: 'same', digest }));
    else if (zero) await channel.send(encodeCopyFrame({ kind: 'zero' }));
    else {
      await this.#options.pace.take(length, channel.over);
      await channel.send(buffer.frame(digest));
      passed(length);
    }
    return digest;
  }

  /** The volume that may be read now; with `epoch`, still the one that it was. */
  async #allowed(readerId: NodeId, request: VolumeRequest, epoch?: number): Promise<FoundVolume> {
    const { uid, move } = request;
    const before = this.#options.mayServe(readerId, { uid, move });
    if (!before.ok) throw new Refusal(before.message, true);
    const found = await this.#options.store.find(before.volume);
    if (found === undefined) throw new Refusal(`volume ${uid} is not on its disk`, true);
    if (epoch !== undefined && found.epoch !== epoch) throw new Refusal(`volume ${uid} was written on meanwhile`, true);
    // The disk was waited for: what was true before that may not be any more.
    const now = this.#options.mayServe(readerId, { uid, move });
    if (!now.ok) throw new Refusal(now.message, true);
    return found;
  }

  async #refuse(channel: CopyChannel, readerId: NodeId, error: unknown): Promise<void> {
    const isOurs = error instanceof Refusal;
    const text = error instanceof Error ? error.message : String(error);
    this.#options.journal.log('warn', 'volume.servingEnded', { reader: readerId, message: text });
    const message = (isOurs ? text : `it failed there: ${text}`).replace(/\s*\n\s*/g, ' | ').slice(0, 900);
    try {
      await channel.send(
        encodeCopyFrame({ kind: 'refusal', refusal: { message, retriable: !isOurs || error.retriable } }),
      );
      await channel.close();
    } catch {
      // The reader is gone: there is nobody to tell.
      channel.destroy();
    }
  }
}

async function readChunk(file: FileHandle, imageBytes: number, chunk: number): Promise<ChunkBuffer> {
  const length = chunkLength(imageBytes, chunk);
  const buffer = new ChunkBuffer(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(buffer.chunk, at, length - at, chunk * CHUNK_BYTES + at);
    if (bytesRead === 0) throw new Refusal('the image has become shorter while it was read', true);
    at += bytesRead;
  }
  return buffer;
}
