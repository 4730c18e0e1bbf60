/**
 * The durable form of the applied state: records by key. Keys are ASCII and sort by kind, then name:
 * `address/<network>/<sequence>`, `cluster`, `event/<index>.<ordinal>`, `host/<id>`, `lock/<name>`, `network/<name>`,
 * `project/<name>`, `request/<index>`, `token/<id>`, `vm/<name>`, `vmset/<name>`, `volume/<uid>`.
 */

/** A record of the applied state: key and encoded value; `null` deletes. */
export type RecordChange = readonly [key: string, value: Uint8Array | null];

/** Digits of a number in a key: enough for every safe integer, so that text order is number order. */
const DIGITS = 16;
/** Digits of an event's place within its index. */
const ORDINAL_DIGITS = 6;

/** Key of an address that was released. */
export function addressKey(network: string, sequence: number): string {
  return `address/${network}/${String(sequence).padStart(DIGITS, '0')}`;
}

/** Key of the one cluster record. */
export const CLUSTER_KEY = 'cluster';

/** Key of an event. */
export function eventKey(index: number, ordinal: number): string {
  return `event/${String(index).padStart(DIGITS, '0')}.${String(ordinal).padStart(ORDINAL_DIGITS, '0')}`;
}

/** Key of a host. */
export function hostKey(id: number): string {
  return `host/${String(id).padStart(DIGITS, '0')}`;
}

/** Key of a lock. */
export function lockKey(name: string): string {
  return `lock/${name}`;
}

/** Key of a network. */
export function networkKey(name: string): string {
  return `network/${name}`;
}

/** Key of a project. */
export function projectKey(name: string): string {
  return `project/${name}`;
}

/** Key of the kept result of the request that was applied at `index`. */
export function requestKey(index: number): string {
  return `request/${String(index).padStart(DIGITS, '0')}`;
}

/** Key of a join token. */
export function tokenKey(id: string): string {
  return `token/${id}`;
}

/** Key of a volume that belongs to no VM. */
export function volumeKey(uid: string): string {
  return `volume/${uid}`;
}

/** Key of a VM. */
export function vmKey(name: string): string {
  return `vm/${name}`;
}

/** Key of a set of VMs. */
export function vmSetKey(name: string): string {
  return `vmset/${name}`;
}
