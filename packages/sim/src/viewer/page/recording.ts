/**
 * A run as the page shows it, and how it is read from bytes. Tables are columns of whole numbers, each written as
 * differences from row to row: what follows on another seldom differs by much, which packs well.
 */

/** Columns by name; all of the same length. Times are in microseconds of virtual time. */
export interface Tables {
  /** Messages in the order of their sending; `flight` is the time on the way. */
  readonly messages: Columns<'sent' | 'flight' | 'from' | 'to' | 'type' | 'fate' | 'term' | 'index' | 'a' | 'b'>;
  /** How many of all messages a host sent in a slice of time, by type. */
  readonly density: Columns<'slice' | 'from' | 'type' | 'count'>;
  /** What hosts became. */
  readonly roles: Columns<'at' | 'host' | 'role' | 'term'>;
  /** What hosts handed to their disks. */
  readonly writes: Columns<'at' | 'host' | 'first' | 'last' | 'term' | 'vote' | 'snapshot'>;
  /** How far hosts had applied. */
  readonly applies: Columns<'at' | 'host' | 'index'>;
  /** Faults; `hosts` has a bit for each host that is named. `text` counts {@link Recording.texts}. */
  readonly faults: Columns<'from' | 'until' | 'hosts' | 'text'>;
  /** What else happened, told in a text. */
  readonly notes: Columns<'at' | 'text'>;
  /** Operations of clients; `host` is one more than who answered, or 0. */
  readonly operations: Columns<'from' | 'until' | 'client' | 'host' | 'outcome' | 'asked' | 'answered'>;
  /** VMs that ran, as seen once a second. */
  readonly vms: Columns<'from' | 'until' | 'host' | 'name'>;
}

/** Columns of one length. */
export type Columns<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/** Columns of every table, in the order in which they are written. */
export const COLUMNS: { readonly [Table in keyof Tables]: readonly (keyof Tables[Table])[] } = {
  messages: ['sent', 'flight', 'from', 'to', 'type', 'fate', 'term', 'index', 'a', 'b'],
  density: ['slice', 'from', 'type', 'count'],
  roles: ['at', 'host', 'role', 'term'],
  writes: ['at', 'host', 'first', 'last', 'term', 'vote', 'snapshot'],
  applies: ['at', 'host', 'index'],
  faults: ['from', 'until', 'hosts', 'text'],
  notes: ['at', 'text'],
  operations: ['from', 'until', 'client', 'host', 'outcome', 'asked', 'answered'],
  vms: ['from', 'until', 'host', 'name'],
};

/** What a host can be. */
export const ROLES = ['down', 'starting', 'follower', 'preCandidate', 'candidate', 'leader'] as const;
/** What can become of a message. Those that are `underway` had not arrived when the run ended. */
export const FATES = ['delivered', 'lost', 'shed', 'doubled', 'underway'] as const;
/** How an operation can end. */
export const OUTCOMES = ['done', 'refused', 'unknown', 'none', 'open'] as const;

/** The violated rule and its story. */
export interface Verdict {
  readonly rule: string;
  readonly message: string;
  readonly atUs: number;
  /** When what was found happened: earlier for what is only found at the end. */
  readonly happenedUs: number;
  readonly sections: readonly {
    readonly title: string;
    readonly lines: readonly string[];
    readonly isChart: boolean;
  }[];
}

/** Everything about a run that is no table. */
export interface Recording {
  readonly title: string;
  /** The command that repeats the run. */
  readonly command: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly hosts: readonly string[];
  readonly types: readonly string[];
  readonly texts: readonly string[];
  readonly endUs: number;
  /** When load and faults began and ended. */
  readonly workUs: readonly [begin: number, end: number];
  readonly sliceUs: number;
  /** Messages of the run, and of these the ones in the table. */
  readonly messages: { readonly all: number; readonly kept: number };
  readonly verdict?: Verdict;
}

/** A run with its tables. */
export interface RecordedRun {
  readonly recording: Recording;
  readonly tables: Tables;
}

/** Bytes of the length of the text part. */
const LENGTH_BYTES = 4;

/** Reads what `encodeRun` wrote. Throws an `Error` for anything else. */
export function decodeRun(bytes: Uint8Array): RecordedRun {
  if (bytes.length < LENGTH_BYTES) throw new Error('the data of this page is cut off');
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (LENGTH_BYTES + length > bytes.length) throw new Error('the data of this page is cut off');
  const text = new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
  const { recording, rows }: { recording: Recording; rows: Record<keyof Tables, number> } = JSON.parse(text);
  let at = LENGTH_BYTES + length;
  const next = (): number => {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('the data of this page is cut off');
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  const column = (count: number): number[] => {
    const values: number[] = new Array(count);
    let last = 0;
    for (let row = 0; row < count; row++) {
      const code = next();
      last += code % 2 === 0 ? code / 2 : -(code + 1) / 2;
      values[row] = last;
    }
    return values;
  };
  const table = <Name extends string>(names: readonly Name[], count: number): Columns<Name> => {
    const columns: Partial<Record<Name, readonly number[]>> = {};
    for (const name of names) columns[name] = column(count);
    return columns as Columns<Name>;
  };
  const tables: Tables = {
    messages: table(COLUMNS.messages, rows.messages),
    density: table(COLUMNS.density, rows.density),
    roles: table(COLUMNS.roles, rows.roles),
    writes: table(COLUMNS.writes, rows.writes),
    applies: table(COLUMNS.applies, rows.applies),
    faults: table(COLUMNS.faults, rows.faults),
    notes: table(COLUMNS.notes, rows.notes),
    operations: table(COLUMNS.operations, rows.operations),
    vms: table(COLUMNS.vms, rows.vms),
  };
  return { recording, tables };
}
