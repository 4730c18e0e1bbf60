/**
 * How values look on disk, all numbers big-endian:
 *
 * - every value: CRC-32 over the UTF-8 key and the rest of the value (4 bytes), then the rest, so that a
 *   value found under another key than its own fails like one with a flipped bit;
 * - a log entry: format (1 byte, 1), type (1 byte, 0 normal, 1 conf change), term (8 bytes), then the data
 *   of a normal entry as it is, or a conf change in MessagePack;
 * - a record of the applied state: its value as it is (the state machine has its own format);
 * - the store's own record: MessagePack, see {@link StoreMeta}.
 *
 * Decoders never throw on bad input: they answer undefined, and the caller knows what that means.
 */
import { crc32 } from 'node:zlib';
import { assert } from '@n3x/core/base/assert';
import type { ConfChange, Entry, LogIndex } from '@n3x/core/raft/types';
import { Packr } from 'msgpackr';
import { z } from 'zod';

const CRC_BYTES = 4;
const ENTRY_HEADER_BYTES = 10;
const ENTRY_FORMAT = 1;
const META_FORMAT = 1;

// Plain maps rather than msgpackr's record extension: each value must be readable on its own.
const packr = new Packr({ useRecords: false });

/** A value ready to be stored, and its checksum for the tally. */
export interface Sealed {
  readonly bytes: Uint8Array;
  readonly crc: number;
}

/** A value read back, without its checksum in front. `payload` shares memory with what was read. */
export interface Opened {
  readonly payload: Uint8Array;
  readonly crc: number;
}

/** Fills in the checksum of a value whose payload starts at {@link CRC_BYTES}. */
function sealInPlace(key: string, value: Buffer): Sealed {
  const crc = crc32(value.subarray(CRC_BYTES), crc32(key));
  value.writeUInt32BE(crc, 0);
  return { bytes: value, crc };
}

/** Puts the checksum in front of `payload`, for storage under `key`. */
export function seal(key: string, payload: Uint8Array): Sealed {
  const value = Buffer.allocUnsafe(CRC_BYTES + payload.length);
  value.set(payload, CRC_BYTES);
  return sealInPlace(key, value);
}

/** Checks the value found under `key`; undefined when the checksum does not fit. */
export function open(key: string, value: Uint8Array): Opened | undefined {
  if (value.length < CRC_BYTES) return undefined;
  const payload = value.subarray(CRC_BYTES);
  const crc = new DataView(value.buffer, value.byteOffset, CRC_BYTES).getUint32(0);
  return crc32(payload, crc32(key)) === crc ? { payload, crc } : undefined;
}

const indexSchema = z.int().min(0);
const nodeSchema = z.int().min(1);

const confChangeSchema = z.strictObject({
  transition: z.enum(['auto', 'implicit', 'explicit']),
  changes: z.array(z.strictObject({ type: z.enum(['addVoter', 'addLearner', 'remove', 'update']), node: nodeSchema })),
  context: z.instanceof(Uint8Array),
});

/** Encodes and seals a log entry. Its index is in the key only. */
export function sealEntry(key: string, entry: Entry): Sealed {
  const body = entry.type === 'normal' ? entry.data : packr.pack(entry.change);
  const value = Buffer.allocUnsafe(CRC_BYTES + ENTRY_HEADER_BYTES + body.length);
  value.writeUInt8(ENTRY_FORMAT, CRC_BYTES);
  value.writeUInt8(entry.type === 'normal' ? 0 : 1, CRC_BYTES + 1);
  value.writeBigUInt64BE(BigInt(entry.term), CRC_BYTES + 2);
  value.set(body, CRC_BYTES + ENTRY_HEADER_BYTES);
  return sealInPlace(key, value);
}

/** Decodes the payload of a log entry; undefined when it is not one. */
export function decodeEntry(index: LogIndex, payload: Uint8Array): Entry | undefined {
  if (payload.length < ENTRY_HEADER_BYTES || payload[0] !== ENTRY_FORMAT) return undefined;
  const wideTerm = new DataView(payload.buffer, payload.byteOffset).getBigUint64(2);
  if (wideTerm > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const term = Number(wideTerm);
  const body = plainBytes(payload.subarray(ENTRY_HEADER_BYTES));
  if (payload[1] === 0) return { type: 'normal', index, term, data: body };
  if (payload[1] !== 1) return undefined;
  const change = confChangeSchema.safeParse(unpack(body));
  if (!change.success) return undefined;
  const plain: ConfChange = { ...change.data, context: plainBytes(change.data.context) };
  return { type: 'confChange', index, term, change: plain };
}

const positionSchema = z.strictObject({ index: indexSchema, term: z.int().min(0) });
const tallySchema = z.strictObject({ count: z.int().min(0), sum: z.int().min(0).max(0xffff_ffff) });
const nodesSchema = z.array(nodeSchema);
const storeMetaSchema = z.strictObject({
  format: z.literal(META_FORMAT),
  hardState: z.strictObject({ term: z.int().min(0), vote: z.int().min(0), commit: indexSchema }),
  compacted: positionSchema,
  applied: z.strictObject({
    index: indexSchema,
    term: z.int().min(0),
    confState: z.strictObject({
      voters: nodesSchema,
      votersOutgoing: nodesSchema,
      learners: nodesSchema,
      learnersNext: nodesSchema,
      autoLeave: z.boolean(),
    }),
  }),
  log: tallySchema,
  records: tallySchema,
});

/** What is kept under `m!store`. The tallies tell of records that are missing or too many; see `tally.ts`. */
export type StoreMeta = z.infer<typeof storeMetaSchema>;

/** The content of {@link StoreMeta} apart from the format. */
export type StoreMetaContent = Omit<StoreMeta, 'format'>;

/** Encodes and seals the store's own record. */
export function sealMeta(key: string, meta: StoreMetaContent): Sealed {
  const full = { format: META_FORMAT, ...meta };
  assert(storeMetaSchema.safeParse(full).success, `store meta ${JSON.stringify(full)}`);
  return seal(key, packr.pack(full));
}

/** Decodes the payload of the store's own record; undefined when it is not one. */
export function decodeMeta(payload: Uint8Array): StoreMetaContent | undefined {
  const parsed = storeMetaSchema.safeParse(unpack(payload));
  if (!parsed.success) return undefined;
  const { hardState, compacted, applied, log, records } = parsed.data;
  return { hardState, compacted, applied, log, records };
}

/** The same bytes as a plain Uint8Array: a Buffer compares and prints unlike what was written. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch {
    // Bytes that are no MessagePack fail the schema like any other wrong value.
    return undefined;
  }
}
