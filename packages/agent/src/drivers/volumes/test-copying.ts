/** For tests: a host that has volumes and one that copies them, as real peers on loopback. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import type { ServedVolume } from '@n3x/core/host/volume-serving';
import type { HostVolume } from '@n3x/core/model/volume';
import { FrameDecoder } from '@n3x/core/wire/frame';
import { MemberStreams, VOLUME_PROTOCOL } from '../../transport/member-streams.ts';
import { introduce, type LoopbackMember, loopbackMember, stopAll, until } from '../../transport/test-loopback.ts';
import { CHUNK_BYTES, MAX_COPY_FRAME_BYTES } from './copy-frames.ts';
import { IMAGE_FILE } from './copy-store.ts';
import { Pace } from './pace.ts';
import { writeStamp } from './stamp.ts';
import { type CopyOptions, copyVolume } from './volume-copy.ts';
import { VolumeServer, type VolumeServerOptions } from './volume-server.ts';
import { VolumeStore } from './volume-store.ts';

/** The volume that tests copy. */
export const VOLUME: HostVolume = { uid: 'v5-0', name: 'data', pool: 'default', sizeMib: 4, fsType: 'ext4' };
/** Raft index of the move that it is copied for. */
export const MOVE = 40;

/** Puts an image where a volume has it. `chunks`: a text that fills a chunk, or undefined for zeros. */
export async function putVolume(
  store: VolumeStore,
  chunks: readonly (string | undefined)[],
  epoch = 7,
  volume: HostVolume = VOLUME,
): Promise<void> {
  const directory = store.directory(volume);
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(directory, { recursive: true });
  await using file = await open(join(directory, IMAGE_FILE), 'w');
  await file.truncate(chunks.length * CHUNK_BYTES);
  for (const [index, text] of chunks.entries()) {
    if (text !== undefined) await file.write(Buffer.alloc(CHUNK_BYTES, text), 0, CHUNK_BYTES, index * CHUNK_BYTES);
  }
  const { uid, name, sizeMib, fsType } = volume;
  await writeStamp(directory, { format: 1, uid, name, sizeMib, fsType, epoch });
}

/** SHA-256 of a file. */
export async function digestOfFile(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** What went over a stream from the source. */
export interface Tally {
  opened: number;
  readonly frames: Record<'header' | 'same' | 'zero' | 'data' | 'end' | 'refusal', number>;
}

/** What a test does to what comes from the source: gives it, alters it, or cuts the stream by giving undefined. */
export type Tamper = (piece: Buffer, bytesBefore: number) => Buffer | undefined;

const KINDS = { 2: 'header', 3: 'same', 4: 'zero', 5: 'data', 6: 'end', 7: 'refusal' } as const;

/** Two hosts. */
export class Copying {
  readonly directory: string;
  readonly pace = new Pace(0);
  readonly source: VolumeStore;
  readonly target: VolumeStore;
  readonly lines: string[] = [];
  readonly near: LoopbackMember;
  readonly far: LoopbackMember;
  readonly server: VolumeServer;
  readonly streams: MemberStreams;
  readonly #served: MemberStreams;
  mayServe: VolumeServerOptions['mayServe'] = (): ServedVolume => ({ ok: true, volume: VOLUME });

  private constructor(
    directory: string,
    near: LoopbackMember,
    far: LoopbackMember,
    options: Partial<VolumeServerOptions>,
  ) {
    this.directory = directory;
    this.near = near;
    this.far = far;
    this.source = this.store('source');
    this.target = this.store('target');
    const log = (_level: string, event: string, fields?: object): void => {
      this.lines.push(`${event} ${JSON.stringify(fields)}`);
    };
    this.server = new VolumeServer({
      store: this.source,
      pace: this.pace,
      journal: { log, fatal: () => undefined },
      mayServe: (readerId, request) => this.mayServe(readerId, request),
      ...options,
    });
    const base = { protocol: VOLUME_PROTOCOL, maxStreams: 8, log };
    this.streams = new MemberStreams({
      ...{ ...base, node: near.node, transport: near.transport },
      onStream: (duplex) => duplex.destroy(),
    });
    this.#served = new MemberStreams({
      ...{ ...base, node: far.node, transport: far.transport },
      onStream: (duplex, from) => void this.server.serve(duplex, from),
    });
  }

  /** A source, host 1, and a target, host 2. */
  static async create(
    t: { teardown(end: () => Promise<void>): unknown },
    options: Partial<VolumeServerOptions> = {},
  ): Promise<Copying> {
    const directory = await mkdtemp(join(tmpdir(), 'n3x-copy-'));
    const far = await loopbackMember(1);
    const near = await loopbackMember(2);
    const copying = new Copying(directory, near, far, options);
    t.teardown(async () => {
      copying.server.close();
      await stopAll(near, far);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    });
    introduce(near, far);
    await copying.#served.start();
    await until('connected', () => near.connected.get(1) === true && far.connected.get(2) === true);
    return copying;
  }

  store(name: string): VolumeStore {
    const pools = [{ name: 'default', path: join(this.directory, name) }];
    const exec = (): never => {
      throw new Error('nothing is run');
    };
    return new VolumeStore({ pools, exec, own: async () => undefined });
  }

  /** Path of an image on the target. */
  image(directory: string): string {
    return join(this.directory, 'target', directory, IMAGE_FILE);
  }

  /** Copies to the target, and counts what comes. */
  async copy(options: Partial<CopyOptions> = {}, tamper: Tamper = (piece) => piece): Promise<Tally> {
    const tally: Tally = { opened: 0, frames: { header: 0, same: 0, zero: 0, data: 0, end: 0, refusal: 0 } };
    const openStream = async (): Promise<Duplex> => {
      tally.opened += 1;
      return watched(await this.streams.open(1), tamper, tally);
    };
    await copyVolume({
      ...{ store: this.target, volume: VOLUME, move: MOVE, signal: new AbortController().signal },
      source: { name: 'n1', open: openStream },
      onDurable: () => undefined,
      ...options,
    });
    return tally;
  }
}

/** A stream in the place of another, which counts and tampers with what comes from there. */
function watched(duplex: Duplex, tamper: Tamper, tally: Tally): Duplex {
  const [near, far] = duplexPair();
  const decoder = new FrameDecoder(MAX_COPY_FRAME_BYTES);
  let bytes = 0;
  far.on('error', () => undefined);
  duplex.on('error', (error) => near.destroy(error));
  near.on('close', () => {
    if (!duplex.readableEnded) duplex.destroy();
  });
  far.pipe(duplex);
  duplex.on('data', (piece: Buffer) => {
    const given = tamper(piece, bytes);
    bytes += piece.length;
    if (given === undefined) {
      near.destroy(new Error('the wire was cut'));
      return;
    }
    decoder.push(piece, (payload) => {
      const kind = KINDS[payload[0] as keyof typeof KINDS];
      tally.frames[kind] += 1;
    });
    if (far.write(given)) return;
    duplex.pause();
    far.once('drain', () => duplex.resume());
  });
  duplex.on('end', () => far.end());
  return near;
}
