/**
 * What the two sides of a copy say to each other, one message to a frame: its kind in one byte, then its content.
 *
 *     reader   request  JSON: which volume, for which move, and how many chunks the reader has
 *     source   header   JSON: what the image is
 *              same     digest                  of a chunk that the reader has, to be compared with what it has
 *              zero                             a chunk of zeros alone
 *              data     digest, then the chunk  any other
 *              end      digest                  of the digests of all chunks, in order
 *              refusal  JSON, in place of any of these: why there is nothing more
 *
 * There is one message for each chunk, from the first to the last. Digests are SHA-256.
 */
import { createHash, type Hash } from 'node:crypto';
import { fileSystemSchema, volumeSizeSchema, volumeUidSchema } from '@n3x/core/model/volume';
import { FRAME_HEADER_BYTES } from '@n3x/core/wire/frame';
import { WireError } from '@n3x/core/wire/wire-error';
import { z } from 'zod';

/** Bytes of a chunk; the last one of an image may have less. */
export const CHUNK_BYTES = 256 * 1024;
/** Bytes of a digest. */
export const DIGEST_BYTES = 32;
/** Longest payload of a frame from the source. */
export const MAX_COPY_FRAME_BYTES = 1 + DIGEST_BYTES + CHUNK_BYTES;
/** Longest payload of a request. */
export const MAX_REQUEST_BYTES = 1_024;

/** Largest image, in bytes: that of the largest volume. */
const IMAGE_BYTES_MAX = 64 * 1_048_576 * 1_048_576;
/** Most chunks of an image. */
const CHUNKS_MAX = IMAGE_BYTES_MAX / CHUNK_BYTES;
/** Bytes of a data frame before its chunk: length of the frame, kind, digest. */
const DATA_OFFSET = FRAME_HEADER_BYTES + 1 + DIGEST_BYTES;

const KIND = { request: 1, header: 2, same: 3, zero: 4, data: 5, end: 6, refusal: 7 } as const;

/** What the reader asks for. */
export const copyRequestSchema = z.strictObject({
  uid: volumeUidSchema,
  /** Raft index at which the move began. */
  move: z.int().min(1),
  /** Chunks, from the first on, that the reader has. */
  have: z.int().min(0).max(CHUNKS_MAX),
});
/** What the reader asks for. */
export type CopyRequest = z.infer<typeof copyRequestSchema>;

/** What the image is that is about to come. */
export const copyHeaderSchema = z.strictObject({
  name: z.string().max(255),
  sizeMib: volumeSizeSchema,
  fsType: fileSystemSchema,
  /** What is stamped beside the image. */
  epoch: z.int().min(0),
  imageBytes: z.int().min(1).max(IMAGE_BYTES_MAX),
  /** Bytes that the image takes of the source's disk. */
  usedBytes: z.int().min(0),
  chunkBytes: z.literal(CHUNK_BYTES),
});
/** What the image is that is about to come. */
export type CopyHeader = z.infer<typeof copyHeaderSchema>;

/** Why the source gives nothing, or nothing more. */
export const copyRefusalSchema = z.strictObject({
  message: z.string().max(900),
  /** Whether the same request may be granted later. */
  retriable: z.boolean(),
});
/** Why the source gives nothing, or nothing more. */
export type CopyRefusal = z.infer<typeof copyRefusalSchema>;

/** A message of a copy. */
export type CopyFrame =
  | { readonly kind: 'request'; readonly request: CopyRequest }
  | { readonly kind: 'header'; readonly header: CopyHeader }
  | { readonly kind: 'refusal'; readonly refusal: CopyRefusal }
  | { readonly kind: 'same'; readonly digest: Uint8Array }
  | { readonly kind: 'zero' }
  | { readonly kind: 'data'; readonly digest: Uint8Array; readonly chunk: Uint8Array }
  | { readonly kind: 'end'; readonly digest: Uint8Array };

/** Number of chunks of an image. */
export function chunksOf(imageBytes: number): number {
  return Math.ceil(imageBytes / CHUNK_BYTES);
}

/** Bytes of the chunk of that number. */
export function chunkLength(imageBytes: number, chunk: number): number {
  return Math.min(CHUNK_BYTES, imageBytes - chunk * CHUNK_BYTES);
}

/** SHA-256 of bytes. */
export function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);
const zeroDigests = new Map<number, Buffer>();

/** Whether a chunk holds zeros alone. */
export function isZero(chunk: Uint8Array): boolean {
  return ZEROS.compare(chunk, 0, chunk.length, 0, chunk.length) === 0;
}

/** SHA-256 of so many zeros, at most a chunk of them. */
export function zeroDigest(length: number): Buffer {
  const known = zeroDigests.get(length);
  if (known !== undefined) return known;
  const digest = digestOf(ZEROS.subarray(0, length));
  // Two at most for an image: that of a whole chunk, and that of its last one.
  if (zeroDigests.size < 64) zeroDigests.set(length, digest);
  return digest;
}

/** The digest of all digests. */
export function overallHash(): Hash {
  return createHash('sha256');
}

/** A buffer for one chunk that becomes a data frame without being copied. */
export class ChunkBuffer {
  readonly #bytes: Buffer;

  /** `length` is that of the chunk. */
  constructor(length: number) {
    this.#bytes = Buffer.allocUnsafe(DATA_OFFSET + length);
  }

  /** Where the chunk is to be read to. */
  get chunk(): Buffer {
    return this.#bytes.subarray(DATA_OFFSET);
  }

  /** The whole frame, its length before it. The buffer is not to be used again: the stream holds it until it is sent. */
  frame(digest: Uint8Array): Uint8Array {
    this.#bytes.writeUInt32BE(this.#bytes.length - FRAME_HEADER_BYTES, 0);
    this.#bytes[FRAME_HEADER_BYTES] = KIND.data;
    this.#bytes.set(digest, FRAME_HEADER_BYTES + 1);
    return this.#bytes;
  }
}

/** A frame with its length before it, as it goes to the stream. */
export function encodeCopyFrame(frame: CopyFrame): Uint8Array {
  switch (frame.kind) {
    case 'request':
      return framed(KIND.request, json(frame.request));
    case 'header':
      return framed(KIND.header, json(frame.header));
    case 'refusal':
      return framed(KIND.refusal, json(frame.refusal));
    case 'zero':
      return framed(KIND.zero, new Uint8Array());
    case 'same':
      return framed(KIND.same, frame.digest);
    case 'end':
      return framed(KIND.end, frame.digest);
    case 'data': {
      const buffer = new ChunkBuffer(frame.chunk.length);
      buffer.chunk.set(frame.chunk);
      return buffer.frame(frame.digest);
    }
  }
}

/** Reads the payload of a frame. Digest and chunk are views of it. Throws {@link WireError} `malformed` or `unknownType`. */
export function decodeCopyFrame(payload: Uint8Array): CopyFrame {
  const body = payload.subarray(1);
  switch (payload[0]) {
    case KIND.request:
      return { kind: 'request', request: parse(copyRequestSchema, body) };
    case KIND.header:
      return { kind: 'header', header: parse(copyHeaderSchema, body) };
    case KIND.refusal:
      return { kind: 'refusal', refusal: parse(copyRefusalSchema, body) };
    case KIND.zero:
      need(body, 0, 0);
      return { kind: 'zero' };
    case KIND.same:
      need(body, DIGEST_BYTES, DIGEST_BYTES);
      return { kind: 'same', digest: body };
    case KIND.end:
      need(body, DIGEST_BYTES, DIGEST_BYTES);
      return { kind: 'end', digest: body };
    case KIND.data:
      need(body, DIGEST_BYTES + 1, DIGEST_BYTES + CHUNK_BYTES);
      return { kind: 'data', digest: body.subarray(0, DIGEST_BYTES), chunk: body.subarray(DIGEST_BYTES) };
    default:
      throw new WireError('unknownType', `a copy has no message of kind ${payload[0]}`);
  }
}

function framed(kind: number, body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 1 + body.length);
  bytes.writeUInt32BE(1 + body.length, 0);
  bytes[FRAME_HEADER_BYTES] = kind;
  bytes.set(body, FRAME_HEADER_BYTES + 1);
  return bytes;
}

function json(value: CopyRequest | CopyHeader | CopyRefusal): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function need(body: Uint8Array, least: number, most: number): void {
  if (body.length >= least && body.length <= most) return;
  throw new WireError('malformed', `a message of a copy has ${body.length} bytes of content`);
}

function parse<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new WireError('malformed', 'a message of a copy is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new WireError('malformed', `a message of a copy is not as it must be: ${where}`);
}
