/**
 * Reads the part of MessagePack that peer messages use: non-negative integers, booleans, strings, byte
 * strings and arrays. Everything else is refused. Nothing is reserved on the word of a length that has
 * not been checked against the bytes that are there, so a few hostile bytes cannot make it allocate.
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { WireError } from './wire-error.ts';

const TEXT = new TextDecoder('utf-8', { fatal: true });

/** A cursor over one payload. Every method throws {@link WireError} `malformed` or `outOfRange`, and nothing else. */
export class PayloadReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** Byte strings that are read are views of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A safe integer, zero or more. */
  uint(): number {
    const tag = this.#byte();
    if (tag < 0x80) return tag;
    switch (tag) {
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#view.getUint16(this.#take(2));
      case 0xce:
        return this.#view.getUint32(this.#take(4));
      case 0xcf: {
        const at = this.#take(8);
        return this.#safe(this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4));
      }
      case 0xcb:
        // How integers above 32 bits are written by encoders of a language without them.
        return this.#safe(this.#view.getFloat64(this.#take(8)));
      default:
        throw new WireError('malformed', `expected a number, found tag ${tag}`);
    }
  }

  /** As {@link uint}, but at least 1. */
  positive(): number {
    const value = this.uint();
    if (value === 0) throw new WireError('outOfRange', 'a number that must be positive is zero');
    return value;
  }

  /** A boolean. */
  bool(): boolean {
    const tag = this.#byte();
    if (tag === 0xc2) return false;
    if (tag === 0xc3) return true;
    throw new WireError('malformed', `expected a boolean, found tag ${tag}`);
  }

  /** Length of an array whose elements come next; each takes at least one byte, which bounds it by what is there. */
  arrayLength(maxLength: number): number {
    const tag = this.#byte();
    let length: number;
    if ((tag & 0xf0) === 0x90) length = tag & 0x0f;
    else if (tag === 0xdc) length = this.#view.getUint16(this.#take(2));
    else if (tag === 0xdd) length = this.#view.getUint32(this.#take(4));
    else throw new WireError('malformed', `expected a list, found tag ${tag}`);
    if (length > maxLength)
      throw new WireError('outOfRange', `a list has ${length} elements, the limit is ${maxLength}`);
    if (length > this.#bytes.length - this.#at) throw new WireError('malformed', 'a list is longer than the payload');
    return length;
  }

  /** An array of exactly `length` elements comes next. */
  tuple(length: number): void {
    const found = this.arrayLength(0xffff_ffff);
    if (found !== length) throw new WireError('malformed', `expected ${length} fields, found ${found}`);
  }

  /** A byte string, as a view of the payload. */
  bytes(maxLength: number): Uint8Array {
    const tag = this.#byte();
    let length: number;
    if (tag === 0xc4) length = this.#byte();
    else if (tag === 0xc5) length = this.#view.getUint16(this.#take(2));
    else if (tag === 0xc6) length = this.#view.getUint32(this.#take(4));
    else throw new WireError('malformed', `expected bytes, found tag ${tag}`);
    return this.#slice(length, maxLength);
  }

  /** A string of at most `maxBytes` bytes of UTF-8. */
  string(maxBytes: number): string {
    const tag = this.#byte();
    let length: number;
    if ((tag & 0xe0) === 0xa0) length = tag & 0x1f;
    else if (tag === 0xd9) length = this.#byte();
    else if (tag === 0xda) length = this.#view.getUint16(this.#take(2));
    else if (tag === 0xdb) length = this.#view.getUint32(this.#take(4));
    else throw new WireError('malformed', `expected a string, found tag ${tag}`);
    const bytes = this.#slice(length, maxBytes);
    try {
      return TEXT.decode(bytes);
    } catch {
      throw new WireError('malformed', 'a string is not UTF-8');
    }
  }

  /** The payload must be used up. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new WireError('malformed', `${left} bytes are left over`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new WireError('malformed', 'the payload ends too early');
    this.#at++;
    return byte;
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new WireError('malformed', 'the payload ends too early');
    this.#at = at + length;
    return at;
  }

  #slice(length: number, maxLength: number): Uint8Array {
    if (length > maxLength) throw new WireError('outOfRange', `${length} bytes where ${maxLength} are the limit`);
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #safe(value: number): number {
    if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) return value;
    throw new WireError('outOfRange', 'a number is not a safe integer of zero or more');
  }
}
