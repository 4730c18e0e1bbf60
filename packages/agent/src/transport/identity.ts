/** A host's identity: an Ed25519 key, whose public half is its libp2p peer id. */

import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';

/** The identity of this host. */
export interface Identity {
  /** Text form of the peer id: `12D3KooW...`. */
  readonly peerId: string;
  readonly privateKey: PrivateKey;
}

/** A new identity. */
export async function createIdentity(): Promise<Identity> {
  return withPeerId(await generateKeyPair('Ed25519'));
}

/** The secret bytes to keep; {@link identityFromBytes} reads them. */
export function identityToBytes(identity: Identity): Uint8Array {
  return privateKeyToProtobuf(identity.privateKey);
}

/** The identity kept in `bytes`. Throws {@link N3xError} `N3X_CORRUPT` when they hold none. */
export function identityFromBytes(bytes: Uint8Array): Identity {
  let key: PrivateKey;
  try {
    key = privateKeyFromProtobuf(bytes);
  } catch (cause) {
    throw new N3xError(ERROR_CODES.corrupt, 'the host key cannot be read', { cause });
  }
  if (key.type !== 'Ed25519') throw new N3xError(ERROR_CODES.corrupt, `the host key is ${key.type}, not Ed25519`);
  return withPeerId(key);
}

function withPeerId(privateKey: PrivateKey): Identity {
  return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString() };
}
