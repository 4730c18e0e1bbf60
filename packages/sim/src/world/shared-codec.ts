/**
 * Reads the bytes of entries and records once for all hosts of a world, and for the checkers: hosts hand the same
 * bytes on by reference. What is read is frozen, so that none of them could change it for another unnoticed. Records
 * are written once for all hosts whose objects are the same, value by value.
 */
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import { same } from '@n3x/core/machine/difference';
import { type FormatRange, reads } from '@n3x/core/machine/format-range';
import type { DecodedProposal } from '@n3x/core/machine/proposal-codec';
import type { RecordObject } from '@n3x/core/machine/record-codec';
import { STATE_CODEC, type StateCodec } from '@n3x/core/machine/state-codec';

/** Records whose bytes are remembered: hosts that are not behind write a record within seconds of each other. */
const WRITTEN_KEPT = 4_096;

/** The codec of one world. */
export class SharedCodec implements StateCodec {
  readonly #proposals = new WeakMap<Uint8Array, DecodedProposal>();
  readonly #written = new Map<string, { readonly object: RecordObject; readonly bytes: Uint8Array }>();
  readonly #records = new WeakMap<Uint8Array, { readonly key: string; readonly object: RecordObject }>();

  proposal(bytes: Uint8Array, formats: FormatRange = COMMAND_FORMATS): DecodedProposal {
    const [format = 0] = bytes;
    // What a build cannot read depends on the build.
    if (!reads(formats, format)) return STATE_CODEC.proposal(bytes, formats);
    let decoded = this.#proposals.get(bytes);
    if (decoded === undefined) {
      decoded = frozen(STATE_CODEC.proposal(bytes, formats));
      this.#proposals.set(bytes, decoded);
    }
    return decoded;
  }

  record(key: string, bytes: Uint8Array): RecordObject {
    const known = this.#records.get(bytes);
    if (known?.key === key) return known.object;
    const object = frozen(STATE_CODEC.record(key, bytes));
    this.#records.set(bytes, { key, object });
    return object;
  }

  encode(key: string, object: RecordObject): Uint8Array {
    const written = this.#written.get(key);
    if (written !== undefined && same(written.object, object)) return written.bytes;
    const bytes = STATE_CODEC.encode(key, object);
    this.#written.set(key, { object, bytes });
    if (this.#written.size > WRITTEN_KEPT) {
      const [oldest = ''] = this.#written.keys();
      this.#written.delete(oldest);
    }
    return bytes;
  }
}

function frozen<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) if (part !== null && typeof part === 'object') frozen(part);
  return value;
}
