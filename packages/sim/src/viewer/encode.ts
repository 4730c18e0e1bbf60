/** Writes a run as the bytes that the page reads: see `page/recording.ts`. */
import { COLUMNS, type RecordedRun, type Tables } from './page/recording.ts';

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  /** A whole number from 0, seven bits to a byte, the least of them first. */
  number(value: number): void {
    // At most eight bytes: 53 bits.
    if (this.#length + 8 > this.#bytes.length) this.#grow(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(by: number): void {
    const larger = new Uint8Array(2 * (this.#length + by));
    larger.set(this.take());
    this.#bytes = larger;
  }
}

/** All that `decodeRun` reads. Every value has to be a whole number. */
export function encodeRun({ recording, tables }: RecordedRun): Uint8Array {
  const columns = new Bytes();
  const rows: Partial<Record<keyof Tables, number>> = {};
  const write = <Name extends string>(
    table: keyof Tables,
    names: readonly Name[],
    of: Record<Name, readonly number[]>,
  ) => {
    const lengths = new Set(names.map((name) => of[name].length));
    if (lengths.size > 1) throw new Error(`the columns of ${table} differ in length`);
    rows[table] = [...lengths][0] ?? 0;
    for (const name of names) {
      let last = 0;
      for (const value of of[name]) {
        if (!Number.isSafeInteger(value)) throw new Error(`${table}.${name} has ${value}, which is no whole number`);
        const difference = value - last;
        columns.number(difference >= 0 ? 2 * difference : -2 * difference - 1);
        last = value;
      }
    }
  };
  write('messages', COLUMNS.messages, tables.messages);
  write('density', COLUMNS.density, tables.density);
  write('roles', COLUMNS.roles, tables.roles);
  write('writes', COLUMNS.writes, tables.writes);
  write('applies', COLUMNS.applies, tables.applies);
  write('faults', COLUMNS.faults, tables.faults);
  write('notes', COLUMNS.notes, tables.notes);
  write('operations', COLUMNS.operations, tables.operations);
  write('vms', COLUMNS.vms, tables.vms);
  const text = new TextEncoder().encode(JSON.stringify({ recording, rows }));
  const all = new Bytes();
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length);
  all.append(length);
  all.append(text);
  all.append(columns.take());
  return all.take();
}
