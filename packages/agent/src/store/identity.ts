/**
 * Who this host is: its key, and the cluster it belongs to. Kept in one file, so that becoming and ceasing
 * to be a member are each one rename.
 */
import { readFile } from 'node:fs/promises';
import type { PrivateKey } from '@libp2p/interface';
import { N3xError } from '@n3x/core/base/errors';
import { z } from 'zod';
import { createIdentity as createKey, identityFromBytes, identityToBytes } from '../transport/identity.ts';
import { writeFileAtomically } from './atomic-file.ts';

const IDENTITY_MODE = 0o600;

/** What a host knows of its cluster before its state machine has anything applied. */
export const clusterMembershipSchema = z.strictObject({
  clusterId: z.string().regex(/^[0-9a-f]{32}$/),
  /** This host's id, which is its Raft node id. */
  hostId: z.int().min(1),
  /** This host's name. */
  name: z.string().min(1).max(63),
  /** The other members, as last known. */
  peers: z.array(
    z.strictObject({
      id: z.int().min(1),
      peerId: z.string().max(128),
      addresses: z.array(z.string().max(256)).max(16),
    }),
  ),
  /** Public id of the token that it joined with: joining with that one again is no second join. */
  joinedWith: z.string().max(64).optional(),
});
/** What a host knows of its cluster. `peers` fits `PeerAddress` of the transport. */
export type ClusterMembership = z.infer<typeof clusterMembershipSchema>;

/** The content of `identity.json`. */
export const identitySchema = z.strictObject({
  /** The Ed25519 private key in libp2p's protobuf form, base64. */
  privateKey: z.base64().min(1),
  /** The peer id that follows from the key; there for people who read the file. */
  peerId: z.string(),
  /** Name of the directory that holds the database; `db` when absent. A host that changes its cluster gets a new one. */
  database: z
    .string()
    .regex(/^db-[0-9a-z-]{1,64}$/)
    .optional(),
  /** Absent while the host belongs to no cluster. */
  cluster: clusterMembershipSchema.optional(),
});
/** Who this host is. */
export type Identity = z.infer<typeof identitySchema>;

/** A new identity with a fresh key, in no cluster. */
export async function createIdentity(): Promise<Identity> {
  const key = await createKey();
  return { privateKey: Buffer.from(identityToBytes(key)).toString('base64'), peerId: key.peerId };
}

/** The key of an identity. Throws N3X_CORRUPT when it is none of Ed25519, or not the one of the peer id. */
export function identityKey(identity: Identity, path: string): PrivateKey {
  let cause: unknown;
  try {
    const key = identityFromBytes(Buffer.from(identity.privateKey, 'base64'));
    if (key.peerId === identity.peerId) return key.privateKey;
  } catch (error) {
    cause = error;
  }
  throw corruptIdentity(path, 'its key is not that of its peer id', cause);
}

/** Reads and checks an identity; undefined when there is no such file. Throws N3X_CORRUPT or N3X_STORAGE. */
export async function readIdentity(path: string): Promise<Identity | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new N3xError('N3X_STORAGE', `cannot read ${path}`, { details: { path }, cause });
  }
  let parsed: ReturnType<typeof identitySchema.safeParse>;
  try {
    parsed = identitySchema.safeParse(JSON.parse(text));
  } catch {
    // The parser's message may quote the file, which holds the key: it goes nowhere.
    throw corruptIdentity(path, 'it is not JSON');
  }
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
    throw corruptIdentity(path, `wrong: ${fields}`);
  }
  identityKey(parsed.data, path);
  return parsed.data;
}

/** Replaces the file, durably and readable by its owner only. Throws N3X_STORAGE. */
export async function writeIdentity(path: string, identity: Identity): Promise<void> {
  try {
    await writeFileAtomically(path, `${JSON.stringify(identitySchema.parse(identity), null, 2)}\n`, IDENTITY_MODE);
  } catch (cause) {
    throw new N3xError('N3X_STORAGE', `cannot write ${path}`, { details: { path }, cause });
  }
}

function corruptIdentity(path: string, what: string, cause?: unknown): N3xError {
  return new N3xError(
    'N3X_CORRUPT',
    `${path} is damaged (${what}); restore it from a backup, or delete the data directory and join as a new host`,
    { details: { path }, cause },
  );
}
