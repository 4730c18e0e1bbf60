/**
 * Values of the replicated state to bytes and back: MessagePack with the keys of every map in code-unit
 * order, so that equal values have equal bytes on every host and in every release.
 */
import { Packr } from 'msgpackr/pack';
import { z } from 'zod';
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import { clusterSchema, eventSchema, tokenSchema } from '../model/cluster.ts';
import { hostSchema } from '../model/host.ts';
import { lockSchema } from '../model/lock.ts';
import type { ClusterObject } from '../model/object.ts';
import { vmSchema } from '../model/vm.ts';
import type { CommandResult } from './command.ts';

// The subpath `msgpackr/pack` is the build without the native string reader; `useRecords: false` keeps to plain maps.
const packr = new Packr({ useRecords: false });

/** The kept result of a request. */
export interface RequestRecord {
  readonly kind: 'request';
  readonly requestId: string;
  readonly result: CommandResult;
}

/** Everything that a record may hold. */
export type RecordObject = ClusterObject | RequestRecord;

/** A copy with the keys of every object in order and without fields that are undefined. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (entry !== undefined) result[key] = canonical(entry);
  }
  return result;
}

/** Bytes of a plain value: objects, arrays, strings, numbers, booleans and null. Equal values have equal bytes. */
export function encodeValue(value: unknown): Uint8Array {
  // A copy: the packer hands out a window of a buffer that it goes on using.
  return new Uint8Array(packr.pack(canonical(value)));
}

/** The value of `bytes`, unchecked. Throws on what is not MessagePack. */
export function decodeValue(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}

/** Bytes of a record. */
export function encodeRecord(object: RecordObject): Uint8Array {
  return encodeValue(object);
}

const errorBodySchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

const requestSchema = z.strictObject({
  kind: z.literal('request'),
  requestId: z.string(),
  result: z.discriminatedUnion('ok', [
    z.strictObject({
      ok: z.literal(true),
      index: z.int(),
      changed: z.boolean(),
      values: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    }),
    z.strictObject({ ok: z.literal(false), index: z.int(), error: errorBodySchema }),
  ]),
});

const recordSchema = z.discriminatedUnion('kind', [
  clusterSchema,
  eventSchema,
  hostSchema,
  lockSchema,
  requestSchema,
  tokenSchema,
  vmSchema,
]);

/** `value` without the fields that are undefined, typed as the schemas' outputs are used: absent means absent. */
function checked(parsed: z.infer<typeof recordSchema>): RecordObject {
  return parsed as RecordObject;
}

/**
 * The object of a record. Throws {@link N3xError} `N3X_CORRUPT` naming the key when the bytes are not a
 * record or its kind is not the key's.
 */
export function decodeRecord(key: string, bytes: Uint8Array): RecordObject {
  let value: unknown;
  try {
    value = decodeValue(bytes);
  } catch (cause) {
    throw new N3xError(ERROR_CODES.corrupt, `record ${key} cannot be decoded`, { cause });
  }
  const parsed = recordSchema.safeParse(value);
  if (!parsed.success) {
    throw new N3xError(ERROR_CODES.corrupt, `record ${key} is not what its kind must be`, { cause: parsed.error });
  }
  const kind = key.split('/', 1)[0];
  if (parsed.data.kind !== kind) {
    throw new N3xError(ERROR_CODES.corrupt, `record ${key} holds a ${parsed.data.kind}`);
  }
  return checked(parsed.data);
}
