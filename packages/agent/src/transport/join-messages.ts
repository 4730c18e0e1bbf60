/** What a joining host and a member say to each other, and what of it is accepted. One JSON frame each way. */
import { ERROR_CODES, type ErrorBody, type ErrorCode } from '@n3x/core/base/errors';
import { hostFactsSchema, hostSettingsSchema } from '@n3x/core/model/host';
import { nameSchema } from '@n3x/core/model/names';
import { z } from 'zod';

/** Version of these messages; the two sides must have the same. */
export const JOIN_VERSION = 1;

/** Longest message in either direction, in bytes. */
export const MAX_JOIN_BYTES = 64 * 1024;

const addresses = z.array(z.string().max(256)).max(16);

/** What a host asks for membership with. Unknown fields are refused, except where the version differs. */
export const joinRequestSchema = z.strictObject({
  version: z.literal(JOIN_VERSION),
  /** 16 hex digits. */
  tokenId: z.string().regex(/^[0-9a-f]{16}$/),
  /** 32 hex digits; the connection is encrypted to the peer that the token names. */
  secret: z.string().regex(/^[0-9a-f]{32}$/),
  /** Start of the id of the cluster that the token names, so that no other one lets the host in. */
  clusterPrefix: z.string().regex(/^[0-9a-f]{8}$/),
  /** The cluster that the host is a member of now; the one it asks has to be what became of that. */
  formerClusterId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  /** Unique id of the host, kept over retries. */
  uid: z.string().min(1).max(64),
  name: nameSchema,
  /** Where the host listens. */
  addresses,
  settings: hostSettingsSchema,
  facts: hostFactsSchema,
});
/** What a host asks for membership with. */
export type JoinRequest = z.infer<typeof joinRequestSchema>;

/** Read before anything else, so that a host of another version is told so. */
export const joinVersionSchema = z.looseObject({ version: z.int().min(0) });

const codes = Object.values(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

const peerSchema = z.strictObject({ id: z.int().min(1), peerId: z.string().min(1).max(128), addresses });

/** The answer. */
export const joinResponseSchema = z.discriminatedUnion('ok', [
  z.strictObject({
    ok: z.literal(true),
    clusterId: z.string().regex(/^[0-9a-f]{32}$/),
    hostId: z.int().min(1),
    /** Members to connect to; the new host itself may be among them. */
    peers: z.array(peerSchema).min(1).max(4_096),
  }),
  z.strictObject({
    ok: z.literal(false),
    error: z.strictObject({
      code: z.enum(codes),
      message: z.string().max(2_048),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
]);

/** The answer when the host is let in. */
export type JoinAccepted = Extract<z.infer<typeof joinResponseSchema>, { ok: true }>;

/** The answer to a join. */
export type JoinResponse = JoinAccepted | { readonly ok: false; readonly error: ErrorBody };
