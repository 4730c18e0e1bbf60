/**
 * The target's side of a copy: brings what a source has of a volume to this host's disk. Every chunk is compared with
 * the source's, those too that an interrupted try has left here: a copy that ends well is the same, byte by byte.
 */
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describeError } from '@n3x/core/base/errors';
import type { HostVolume } from '@n3x/core/model/volume';
import { WireError } from '@n3x/core/wire/wire-error';
import { DriverFailure } from '../microvm/failure.ts';
import { passed } from './chunk-memory.ts';
import { CopyChannel, IDLE_MS } from './copy-channel.ts';
import {
  CHUNK_BYTES,
  type CopyFrame,
  type CopyHeader,
  chunkLength,
  chunksOf,
  digestOf,
  encodeCopyFrame,
  MAX_COPY_FRAME_BYTES,
  overallHash,
  zeroDigest,
} from './copy-frames.ts';
import type { CopyImage } from './copy-store.ts';
import type { VolumeStore } from './volume-store.ts';

const MIB = 1_048_576;
/** Holes in a row after which others get their turn: nothing else is waited for with them. */
const HOLES_AT_ONCE = 64;

/** A host that a volume is copied from. */
export interface VolumeSource {
  /** Its name, for what is told to people. */
  readonly name: string;
  /** A stream to whoever serves its volumes. Rejects when it cannot be reached. */
  open(): Promise<Duplex>;
}

/** What a copy needs. */
export interface CopyOptions {
  readonly store: Pick<VolumeStore, 'openCopy' | 'freeBytes'>;
  readonly volume: HostVolume;
  /** Raft index at which the move began. */
  readonly move: number;
  readonly source: VolumeSource;
  /** Ends it; what is durable stays. */
  readonly signal: AbortSignal;
  /** More of it has become durable. */
  readonly onDurable: () => void;
  /** How long the source may be still, in ms. */
  readonly idleMs?: number;
}

/**
 * Resolves once the whole copy is durable and compared; at once when it is, or was accepted. Rejects with a
 * `DriverFailure`, or with an error of the file system; what is durable is where the next try for this move goes on.
 */
export async function copyVolume(options: CopyOptions): Promise<void> {
  const { store, volume, move, source } = options;
  // What is here may be damaged, or be of another state of the source: then it is made anew, once.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const image = await store.openCopy(volume, move);
    if (image === undefined || image.isWhole) return;
    try {
      if (await new Reading(options, image).run()) return;
      await image.clear();
    } finally {
      await image.close();
    }
    options.onDurable();
  }
  throw new DriverFailure(
    'CopyBroken',
    `volume ${volume.uid} changes on host ${source.name} while it is copied: nothing but n3xd may write to it there`,
    true,
  );
}

/** One stream of a copy. */
class Reading {
  readonly #options: CopyOptions;
  readonly #image: CopyImage;
  /** Chunks that were here when it began. */
  readonly #have: number;

  constructor(options: CopyOptions, image: CopyImage) {
    this.#options = options;
    this.#image = image;
    this.#have = image.have;
  }

  /** True once the copy is whole; false when what is here is not what the source has. */
  async run(): Promise<boolean> {
    const { source, signal, idleMs } = this.#options;
    if (signal.aborted) throw this.#brokenOff(new Error('this host ends its copies'));
    let duplex: Duplex;
    try {
      duplex = await source.open();
    } catch (error) {
      throw new DriverFailure('SourceUnreachable', describeError(error), true, error);
    }
    const channel = new CopyChannel(duplex, MAX_COPY_FRAME_BYTES, idleMs ?? IDLE_MS);
    const abort = (): void => channel.destroy(new Error('this host ends its copies'));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      const isWhole = await this.#read(channel);
      if (isWhole) await channel.close();
      return isWhole;
    } finally {
      signal.removeEventListener('abort', abort);
      channel.destroy();
    }
  }

  async #read(channel: CopyChannel): Promise<boolean> {
    const { volume, move } = this.#options;
    const image = this.#image;
    const request = encodeCopyFrame({ kind: 'request', request: { uid: volume.uid, move, have: this.#have } });
    await channel.send(request).catch((error: unknown) => {
      throw this.#brokenOff(error);
    });
    const first = await this.#next(channel);
    if (first.kind !== 'header') throw this.#broken(`it begins with "${first.kind}"`);
    const { header } = first;
    if (!image.continues(header)) return false;
    await this.#makeSureOfRoom(header);
    await image.begin(header);
    this.#options.onDurable();
    const total = chunksOf(header.imageBytes);
    const overall = overallHash();
    let chunk = 0;
    try {
      for (; chunk < total; chunk += 1) {
        const digest = await this.#take(await this.#next(channel), chunk, chunkLength(header.imageBytes, chunk));
        if (digest === undefined) return false;
        overall.update(digest);
        if (chunk >= this.#have && image.isDue(chunk + 1)) await this.#sync(chunk + 1);
      }
    } catch (error) {
      // The stream broke, not the disk: what has come is kept.
      if (error instanceof DriverFailure && chunk > image.have) await this.#sync(chunk);
      throw error;
    }
    const last = await this.#next(channel);
    if (last.kind !== 'end') throw this.#broken(`it goes on with "${last.kind}" after its end`);
    if (!overall.digest().equals(last.digest)) return false;
    await image.finish();
    this.#options.onDurable();
    return true;
  }

  /** Does what is said of a chunk, and gives its digest; undefined when what is here is not what the source has. */
  async #take(frame: CopyFrame, chunk: number, length: number): Promise<Uint8Array | undefined> {
    const isHere = chunk < this.#have;
    if (frame.kind === 'same' && isHere) {
      const digest = digestOf(await this.#image.read(chunk));
      return digest.equals(frame.digest) ? digest : undefined;
    }
    if (frame.kind === 'zero' && !isHere) {
      if (chunk % HOLES_AT_ONCE === 0) await setImmediate();
      return zeroDigest(length);
    }
    if (frame.kind === 'data' && !isHere) {
      if (frame.chunk.length !== length) throw this.#broken(`chunk ${chunk} has ${frame.chunk.length} bytes`);
      const digest = digestOf(frame.chunk);
      if (!digest.equals(frame.digest)) throw this.#broken(`chunk ${chunk} was altered on the way`);
      await this.#image.write(chunk, frame.chunk);
      passed(length);
      return digest;
    }
    throw this.#broken(`it says "${frame.kind}" of chunk ${chunk}`);
  }

  async #next(channel: CopyChannel): Promise<CopyFrame> {
    let frame: CopyFrame | undefined;
    try {
      frame = await channel.next();
    } catch (error) {
      if (error instanceof WireError) throw this.#broken(error.message);
      throw this.#brokenOff(error);
    }
    if (frame === undefined) throw this.#brokenOff(new Error('the stream has ended early'));
    if (frame.kind !== 'refusal') return frame;
    const { message, retriable } = frame.refusal;
    const { volume, source } = this.#options;
    const text = `host ${source.name} does not give volume ${volume.uid}: ${message}`;
    throw new DriverFailure('CopyRefused', text, retriable);
  }

  async #sync(chunks: number): Promise<void> {
    await this.#image.sync(chunks);
    this.#options.onDurable();
  }

  /** What was copied before is on the disk already; of the rest it is not known how much are holes. */
  async #makeSureOfRoom({ imageBytes, usedBytes }: CopyHeader): Promise<void> {
    const { store, volume } = this.#options;
    const had = Math.min(this.#have * CHUNK_BYTES, imageBytes);
    const needed = Math.min(usedBytes, imageBytes - had);
    const free = await store.freeBytes(volume);
    if (free >= needed) return;
    const figures = `${Math.floor(free / MIB)} MiB free, and up to ${Math.ceil(needed / MIB)} MiB of volume ${volume.uid} are to come`;
    const message = `pool ${volume.pool} of this host has ${figures}: make room there`;
    throw new DriverFailure('DiskFull', message, true);
  }

  #brokenOff(error: unknown): DriverFailure {
    const { volume, source, signal } = this.#options;
    // Whatever the stream says of its end then.
    const why = signal.aborted ? 'this host ends its copies' : describeError(error);
    const message = `the copy of volume ${volume.uid} from host ${source.name} broke off: ${why}`;
    return new DriverFailure('SourceUnreachable', message, true, error);
  }

  #broken(what: string): DriverFailure {
    const { volume, source } = this.#options;
    const message = `the copy of volume ${volume.uid} from host ${source.name} is not as it must be: ${what}`;
    return new DriverFailure('CopyBroken', message, true);
  }
}
