/**
 * Between bytes and what they mean, for a host's loop: entries of its log, and records of its store or of a snapshot.
 * The same bytes always mean the same, and what is read is never changed.
 */

import { ERROR_CODES, N3xError } from '../base/errors.ts';
import type { FormatRange } from './format-range.ts';
import { inOrder } from './in-order.ts';
import { type DecodedProposal, decodeProposal } from './proposal-codec.ts';
import { decodeRecord, encodeRecord, type RecordObject, recordKey } from './record-codec.ts';

/** Reads and writes bytes. */
export interface StateCodec {
  /** As {@link decodeProposal}. */
  proposal(bytes: Uint8Array, formats: FormatRange): DecodedProposal;
  /**
   * As {@link decodeRecord}; `N3X_CORRUPT` also for a record that belongs under another key. In the order that objects of
   * a running state have: texts made from them must not tell the two apart.
   */
  record(key: string, bytes: Uint8Array): RecordObject;
  /** Bytes of the record under `key`, not to be changed. */
  encode(key: string, object: RecordObject): Uint8Array;
}

/** Remembers nothing: a daemon meets most of them once. */
export const STATE_CODEC: StateCodec = {
  proposal: decodeProposal,
  record: (key, bytes) => {
    const object = inOrder(decodeRecord(key, bytes));
    if (recordKey(object) !== key) {
      throw new N3xError(ERROR_CODES.corrupt, `record ${key} does not belong where it is`);
    }
    return object;
  },
  encode: (_key, object) => encodeRecord(object),
};
