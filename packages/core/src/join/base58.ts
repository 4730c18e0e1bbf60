/**
 * Ed25519 peer ids between their usual text and the 32 bytes of their key. The text is base58 (Bitcoin's
 * alphabet) of an identity multihash of the key in libp2p's protobuf form:
 * https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Identity multihash of 36 bytes; protobuf: key type Ed25519, then 32 bytes. */
const PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/** Length of an Ed25519 public key in bytes. */
export const PEER_KEY_BYTES = 32;

/** The key in an Ed25519 peer id, or nothing when the text is not one. */
export function peerIdToKey(peerId: string): Uint8Array | undefined {
  const length = PREFIX.length + PEER_KEY_BYTES;
  // Such an id has 52 characters; the bound keeps the quadratic conversion short on any input.
  if (peerId.length > 64) return undefined;
  const bytes = new Uint8Array(length);
  for (const char of peerId) {
    let carry = ALPHABET.indexOf(char);
    if (carry < 0) return undefined;
    for (let i = length - 1; i >= 0; i--) {
      carry += (bytes[i] ?? 0) * 58;
      bytes[i] = carry & 0xff;
      carry >>>= 8;
    }
    if (carry !== 0) return undefined;
  }
  if (!PREFIX.every((byte, i) => bytes[i] === byte)) return undefined;
  const key = bytes.slice(PREFIX.length);
  return keyToPeerId(key) === peerId ? key : undefined;
}

/** The peer id of an Ed25519 public key of 32 bytes. */
export function keyToPeerId(key: Uint8Array): string {
  const digits: number[] = [];
  for (const byte of [...PREFIX, ...key]) {
    let carry = byte;
    for (let i = 0; i < digits.length; i++) {
      carry += (digits[i] ?? 0) * 256;
      digits[i] = carry % 58;
      carry = Math.floor(carry / 58);
    }
    while (carry > 0) {
      digits.push(carry % 58);
      carry = Math.floor(carry / 58);
    }
  }
  // Each leading zero byte is a `1`; the prefix has exactly one.
  return `1${digits
    .reverse()
    .map((digit) => ALPHABET[digit])
    .join('')}`;
}
