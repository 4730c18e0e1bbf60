/**
 * The text of a join token: one short line that carries what a new host needs to find the cluster, to
 * verify it, and to be let in. `n3x1.` and base64url of: token id (8 bytes), secret (16), start of the
 * cluster id (4), number of addresses (1), the addresses, CRC-32 of all that (4). The checksum finds
 * typing errors; it is no protection against forgery, the secret is.
 */
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import { keyToPeerId, PEER_KEY_BYTES, peerIdToKey } from './base58.ts';
import { fromBase64url, toBase64url } from './base64url.ts';

/** Where a member of the cluster is found, and who must answer there. */
export interface JoinAddress {
  /** Multiaddr without the peer id, as in `/ip4/192.0.2.7/tcp/4300`. */
  readonly address: string;
  /** libp2p peer id of an Ed25519 key. */
  readonly peerId: string;
}

/** What a token says. */
export interface JoinToken {
  /** Public part, 16 hex digits. */
  readonly id: string;
  /** 32 hex digits. Whoever has it may join once. */
  readonly secret: string;
  /** First 8 hex digits of the cluster's id. */
  readonly clusterPrefix: string;
  /** One to three. */
  readonly addresses: readonly JoinAddress[];
}

/** Why a text is no token. `message` is one line for people. */
export type TokenProblem = {
  readonly reason: 'prefix' | 'characters' | 'checksum' | 'content';
  readonly message: string;
};

/** Result of reading a token. */
export type TokenResult = { readonly ok: true; readonly token: JoinToken } | ({ readonly ok: false } & TokenProblem);

/** Bytes of randomness that a token takes: id, then secret. */
export const TOKEN_RANDOM_BYTES = 24;

/** Most addresses in a token. */
export const MAX_TOKEN_ADDRESSES = 3;

const PREFIX = 'n3x1.';
const ID_BYTES = 8;
const SECRET_BYTES = 16;
const CLUSTER_BYTES = 4;
const CHECKSUM_BYTES = 4;
/** Longest text that is looked at. */
const MAX_TEXT = 1_024;

/** Forms of an address: IPv4 and TCP port, or any other multiaddr as text. */
const ADDRESS_IP4 = 1;
const ADDRESS_TEXT = 2;

/** A token from `TOKEN_RANDOM_BYTES` of cryptographic randomness, for the cluster and members named. */
export function makeToken(random: Uint8Array, clusterId: string, addresses: readonly JoinAddress[]): JoinToken {
  if (random.length !== TOKEN_RANDOM_BYTES) {
    throw new N3xError(ERROR_CODES.internal, `a token needs ${TOKEN_RANDOM_BYTES} random bytes`);
  }
  return {
    id: toHex(random.subarray(0, ID_BYTES)),
    secret: toHex(random.subarray(ID_BYTES)),
    clusterPrefix: clusterId.slice(0, CLUSTER_BYTES * 2),
    addresses: addresses.slice(0, MAX_TOKEN_ADDRESSES),
  };
}

/** The text of a token. Throws {@link N3xError} `N3X_INVALID` when a field is not what {@link JoinToken} says. */
export function encodeToken(token: JoinToken): string {
  const { addresses } = token;
  if (addresses.length < 1 || addresses.length > MAX_TOKEN_ADDRESSES) {
    throw invalid(`a join token names 1 to ${MAX_TOKEN_ADDRESSES} addresses, not ${addresses.length}`);
  }
  const bytes: number[] = [
    ...fromHex(token.id, ID_BYTES, 'id'),
    ...fromHex(token.secret, SECRET_BYTES, 'secret'),
    ...fromHex(token.clusterPrefix, CLUSTER_BYTES, 'cluster prefix'),
    addresses.length,
  ];
  for (const { address, peerId } of addresses) {
    const key = peerIdToKey(peerId);
    if (key === undefined) throw invalid(`${peerId} is not the peer id of an Ed25519 key`);
    bytes.push(...key, ...addressBytes(address));
  }
  const checksum = crc32(bytes);
  for (let shift = 24; shift >= 0; shift -= 8) bytes.push((checksum >>> shift) & 0xff);
  return PREFIX + toBase64url(Uint8Array.from(bytes));
}

/** Reads a token as a user pasted it; white space around it does not matter. Never throws. */
export function parseToken(text: string): TokenResult {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) {
    return problem('prefix', `a join token starts with "${PREFIX}"; make one with: n3xctl token create`);
  }
  const bytes = trimmed.length > MAX_TEXT ? undefined : fromBase64url(trimmed.slice(PREFIX.length));
  if (bytes === undefined) {
    return problem(
      'characters',
      'the join token has characters too many, too few or of the wrong kind: paste it whole',
    );
  }
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  let checksum = 0;
  for (const byte of bytes.subarray(body.length)) checksum = ((checksum << 8) | byte) >>> 0;
  if (body.length === 0 || crc32(body) !== checksum) {
    return problem('checksum', 'the join token has a typing error or is cut short: paste it whole');
  }
  return readBody(body);
}

function readBody(body: Uint8Array): TokenResult {
  const malformed = problem('content', 'the join token is whole but of a form that this version does not know');
  let at = 0;
  const take = (length: number): Uint8Array | undefined => {
    if (at + length > body.length) return undefined;
    at += length;
    return body.subarray(at - length, at);
  };
  const id = take(ID_BYTES);
  const secret = take(SECRET_BYTES);
  const cluster = take(CLUSTER_BYTES);
  const count = take(1)?.[0];
  if (id === undefined || secret === undefined || cluster === undefined || count === undefined) return malformed;
  if (count < 1 || count > MAX_TOKEN_ADDRESSES) return malformed;
  const addresses: JoinAddress[] = [];
  for (let i = 0; i < count; i++) {
    const key = take(PEER_KEY_BYTES);
    const address = readAddress(take);
    if (key === undefined || address === undefined) return malformed;
    addresses.push({ address, peerId: keyToPeerId(key) });
  }
  if (at !== body.length) return malformed;
  return {
    ok: true,
    token: { id: toHex(id), secret: toHex(secret), clusterPrefix: toHex(cluster), addresses },
  };
}

function addressBytes(address: string): number[] {
  const ip4 = /^\/ip4\/(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/tcp\/(\d{1,5})$/.exec(address);
  if (ip4 !== null) {
    const [a = 0, b = 0, c = 0, d = 0, port = 0] = ip4.slice(1).map(Number);
    const bytes = [ADDRESS_IP4, a, b, c, d, port >>> 8, port & 0xff];
    if (bytes.every((byte) => byte <= 255) && `/ip4/${a}.${b}.${c}.${d}/tcp/${port}` === address) return bytes;
  }
  if (!/^(?:\/[A-Za-z0-9.:_%-]+)+$/.test(address) || address.length > 255) {
    throw invalid(`${address} is not an address such as /ip4/192.0.2.7/tcp/4300 or /dns4/host.example/tcp/4300`);
  }
  return [ADDRESS_TEXT, address.length, ...[...address].map((char) => char.charCodeAt(0))];
}

function readAddress(take: (length: number) => Uint8Array | undefined): string | undefined {
  const form = take(1)?.[0];
  if (form === ADDRESS_IP4) {
    const bytes = take(6);
    if (bytes === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0, high = 0, low = 0] = bytes;
    return `/ip4/${a}.${b}.${c}.${d}/tcp/${high * 256 + low}`;
  }
  if (form !== ADDRESS_TEXT) return undefined;
  const length = take(1)?.[0];
  const text = length === undefined ? undefined : take(length);
  if (text === undefined) return undefined;
  const address = String.fromCharCode(...text);
  return /^(?:\/[A-Za-z0-9.:_%-]+)+$/.test(address) ? address : undefined;
}

function fromHex(text: string, bytes: number, what: string): number[] {
  if (text.length !== bytes * 2 || !/^[0-9a-f]*$/.test(text)) {
    throw invalid(`the ${what} of a join token is ${bytes * 2} hex digits`);
  }
  return Array.from({ length: bytes }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function problem(reason: TokenProblem['reason'], message: string): TokenResult {
  return { ok: false, reason, message };
}

function invalid(message: string): N3xError {
  return new N3xError(ERROR_CODES.invalid, message);
}

/** CRC-32 (ISO 3309), bit by bit: the input is short. */
function crc32(bytes: Iterable<number>): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
