import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { keyToPeerId, peerIdToKey } from '@n3x/core/join/base58';
import t from 'tap';
import { createIdentity, identityFromBytes, identityToBytes } from './identity.ts';

t.test('an identity is the same after it was kept', async (t) => {
  const identity = await createIdentity();
  t.match(identity.peerId, /^12D3KooW/);
  t.equal(identityFromBytes(identityToBytes(identity)).peerId, identity.peerId);
  t.not((await createIdentity()).peerId, identity.peerId);
});

t.test('the peer ids of tokens are those of libp2p', async (t) => {
  const { peerId, privateKey } = await createIdentity();
  const key = peerIdToKey(peerId);
  if (key === undefined) throw new Error('no key');
  t.strictSame(key, new Uint8Array(privateKey.publicKey.raw));
  t.equal(keyToPeerId(key), peerId);
});

t.test('bytes that are no host key are refused', async (t) => {
  t.throws(() => identityFromBytes(new Uint8Array(0)), { name: 'N3xError', code: 'N3X_CORRUPT' });
  t.throws(() => identityFromBytes(Uint8Array.of(1, 2, 3)), { name: 'N3xError', code: 'N3X_CORRUPT' });
  const other = privateKeyToProtobuf(await generateKeyPair('secp256k1'));
  t.throws(() => identityFromBytes(other), { name: 'N3xError', code: 'N3X_CORRUPT' });
});
