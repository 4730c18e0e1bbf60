/** What LevelDB's files are made of: numbers of variable length, and bytes behind their number. */

/** The place of a block in its file. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

/** The bytes cannot be what they should be. For whoever reads a file to catch. */
export class Malformed extends Error {}

/** Reads varints: seven bits a byte, lowest first, the top bit set on all but the last. */
export class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    if (at < 0 || end > bytes.length) throw new Malformed('range');
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  varint(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.#bytes[this.at];
      if (byte === undefined || this.at >= this.#end) throw new Malformed('varint');
      this.at++;
      value += (byte & 127) * shift;
      if (!Number.isSafeInteger(value)) throw new Malformed('varint');
      if (byte < 128) return value;
    }
  }

  /** As many bytes as a varint before them says. */
  slice(): Uint8Array {
    const length = this.varint();
    const from = this.at;
    if (from + length > this.#end) throw new Malformed('slice');
    this.at += length;
    return this.#bytes.subarray(from, from + length);
  }

  place(): Place {
    return { offset: this.varint(), size: this.varint() };
  }
}
