/**
 * Where things are in the database. Three groups, told apart by their prefix:
 *
 * | key                   | holds                                                       |
 * | --------------------- | ----------------------------------------------------------- |
 * | `m!store`             | hard state, positions and tallies; rewritten by every batch |
 * | `l!<16 hex digits>`   | the log entry with that index                               |
 * | `s!<record key>`      | a record of the applied state                               |
 *
 * Values carry their checksum; see `codec.ts`.
 */
import { assert } from '@n3x/core/base/assert';
import type { LogIndex } from '@n3x/core/raft/types';

/** The one record about the store itself. */
export const META_KEY = 'm!store';

const LOG_PREFIX = 'l!';
const RECORD_PREFIX = 's!';
const INDEX_DIGITS = 16;

/** Bounds of all log keys, for an iterator. `"` is the character after `!`. */
export const LOG_RANGE = { gte: 'l!', lt: 'l"' } as const;

/** Bounds of all record keys, for an iterator. */
export const RECORD_RANGE = { gte: 's!', lt: 's"' } as const;

/** The key of the log entry at `index`; keys sort as the indexes do. */
export function logKey(index: LogIndex): string {
  assert(Number.isSafeInteger(index) && index > 0, `log index ${index}`);
  return LOG_PREFIX + index.toString(16).padStart(INDEX_DIGITS, '0');
}

/** The index in a log key, or undefined when it is no log key. */
export function logIndexOf(key: string): LogIndex | undefined {
  const digits = key.slice(LOG_PREFIX.length);
  if (!key.startsWith(LOG_PREFIX) || !/^[0-9a-f]{16}$/.test(digits)) return undefined;
  const index = Number.parseInt(digits, 16);
  return Number.isSafeInteger(index) ? index : undefined;
}

/** The key under which the record `name` is stored. */
export function recordKey(name: string): string {
  return RECORD_PREFIX + name;
}

/** The name of the record stored under `key`, which must be in {@link RECORD_RANGE}. */
export function recordNameOf(key: string): string {
  assert(key.startsWith(RECORD_PREFIX), `record key ${key}`);
  return key.slice(RECORD_PREFIX.length);
}
