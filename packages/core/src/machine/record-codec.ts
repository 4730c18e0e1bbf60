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
import { networkSchema, type ReleasedAddress, releasedAddressSchema } from '../model/network.ts';
import type { ClusterObject } from '../model/object.ts';
import { projectSchema } from '../model/project.ts';
import { vmSchema } from '../model/vm.ts';
import { vmSetSchema } from '../model/vm-set.ts';
import { storedVolumeSchema } from '../model/volume.ts';
import type { CommandResult } from './command.ts';
import { hasParts, inOrder } from './in-order.ts';
import {
  addressKey,
  CLUSTER_KEY,
  eventKey,
  hostKey,
  lockKey,
  networkKey,
  projectKey,
  requestKey,
  tokenKey,
  vmKey,
  vmSetKey,
  volumeKey,
} from './record.ts';

// The subpath `msgpackr/pack` is the build without the native string reader; `useRecords: false` keeps to plain maps.
const packr = new Packr({ useRecords: false });

/** The kept result of a request. */
export interface RequestRecord {
  readonly kind: 'request';
  readonly requestId: string;
  readonly result: CommandResult;
}

/** Everything that a record may hold. */
export type RecordObject = ClusterObject | ReleasedAddress | RequestRecord;

/** Bytes of a plain value: objects, arrays, strings, numbers, booleans and null. Equal values have equal bytes. */
export function encodeValue(value: unknown): Uint8Array {
  return bytesOf(hasParts(value) ? inOrder(value) : value);
}

function bytesOf(value: unknown): Uint8Array {
  // A copy: the packer hands out a window of a buffer that it goes on using.
  return new Uint8Array(packr.pack(value));
}

/** The value of `bytes`, unchecked. Throws on what is not MessagePack. */
export function decodeValue(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}

/** Change of one record as the object that it holds; null for one that goes. */
export type ObjectRecordChange = readonly [key: string, object: RecordObject | null];

/** Bytes of a record. The object is one of a state, which has all of them in order: nothing is put in order here. */
export function encodeRecord(object: RecordObject): Uint8Array {
  return bytesOf(object);
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
  networkSchema,
  releasedAddressSchema,
  projectSchema,
  requestSchema,
  tokenSchema,
  vmSchema,
  vmSetSchema,
  storedVolumeSchema,
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

/** The key under which an object is stored. */
export function recordKey(object: RecordObject): string {
  switch (object.kind) {
    case 'address':
      return addressKey(object.network, object.sequence);
    case 'cluster':
      return CLUSTER_KEY;
    case 'event':
      return eventKey(object.index, object.ordinal);
    case 'host':
      return hostKey(object.id);
    case 'lock':
      return lockKey(object.name);
    case 'network':
      return networkKey(object.name);
    case 'project':
      return projectKey(object.name);
    case 'request':
      return requestKey(object.result.index);
    case 'token':
      return tokenKey(object.id);
    case 'vm':
      return vmKey(object.name);
    case 'vmset':
      return vmSetKey(object.name);
    case 'volume':
      return volumeKey(object.uid);
  }
}
