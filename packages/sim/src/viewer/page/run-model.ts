/** A run as it is drawn: spans instead of changes, and questions about a moment. */
import { KINDS, kindOfType, type MessageKind } from './palette.ts';
import { FATES, type RecordedRun, type Recording, ROLES, type Tables } from './recording.ts';
import { lowerBound, type Span } from './search.ts';

/** A time in which a host was one thing. */
export interface RoleSpan extends Span {
  readonly host: number;
  readonly role: number;
  readonly term: number;
}

/** A fault. */
export interface FaultSpan extends Span {
  readonly text: string;
  /** Numbers of the hosts that it names. */
  readonly hosts: readonly number[];
}

/** An operation of a client. */
export interface OperationSpan extends Span {
  readonly client: number;
  /** Who answered. */
  readonly host: string | undefined;
  readonly outcome: number;
  readonly asked: string;
  readonly answered: string;
}

/** A VM on a host. */
export interface VmSpan extends Span {
  readonly host: number;
  readonly name: string;
}

const DOWN = ROLES.indexOf('down');
const LEADER = ROLES.indexOf('leader');
const UNDERWAY = FATES.indexOf('underway');
/** How long a message is drawn that never arrived, in microseconds. */
const STUB_US = 100_000;

/** A run. */
export class RunModel {
  readonly recording: Recording;
  readonly tables: Tables;
  /** By host. */
  readonly roles: readonly (readonly RoleSpan[])[];
  readonly leaders: readonly RoleSpan[];
  readonly faults: readonly FaultSpan[];
  readonly operations: readonly OperationSpan[];
  readonly clients: readonly number[];
  readonly vms: readonly VmSpan[];
  readonly vmNames: readonly string[];
  /** By number of the type. */
  readonly kinds: readonly MessageKind[];
  /** Messages by type. */
  readonly typeCounts: readonly number[];
  /** Most messages in one slice of one host. */
  readonly #longestUs: number;
  readonly #appliesOf: readonly { readonly at: readonly number[]; readonly index: readonly number[] }[];

  constructor({ recording, tables }: RecordedRun) {
    this.recording = recording;
    this.tables = tables;
    this.roles = roleSpans(recording, tables);
    this.leaders = this.roles
      .flat()
      .filter(({ role }) => role === LEADER)
      .sort((a, b) => a.from - b.from);
    const { faults, operations, vms, messages, density, applies } = tables;
    this.faults = faults.from.map((from, row) => ({
      ...{ from, until: faults.until[row] ?? from, text: recording.texts[faults.text[row] ?? 0] ?? '' },
      hosts: recording.hosts.flatMap((_, host) => (hasBit(faults.hosts[row] ?? 0, host) ? [host] : [])),
    }));
    this.operations = operations.from.map((from, row) => ({
      ...{ from, until: operations.until[row] ?? from, client: operations.client[row] ?? 0 },
      ...{ outcome: operations.outcome[row] ?? 0, host: recording.hosts[(operations.host[row] ?? 0) - 1] },
      asked: recording.texts[operations.asked[row] ?? 0] ?? '',
      answered: recording.texts[operations.answered[row] ?? 0] ?? '',
    }));
    this.clients = [...new Set(operations.client)].sort((a, b) => a - b);
    this.vms = vms.from.map((from, row) => ({
      ...{ from, until: (vms.until[row] ?? from) + 1_000_000, host: vms.host[row] ?? 0 },
      name: recording.texts[vms.name[row] ?? 0] ?? '',
    }));
    this.vmNames = [...new Set(this.vms.map(({ name }) => name))].sort();
    this.kinds = recording.types.map(kindOfType);
    const counts = recording.types.map(() => 0);
    density.type.forEach((type, row) => {
      counts[type] = (counts[type] ?? 0) + (density.count[row] ?? 0);
    });
    this.typeCounts = counts;
    let longest = STUB_US;
    messages.flight.forEach((flight, row) => {
      if (messages.fate[row] !== UNDERWAY && flight > longest) longest = flight;
    });
    this.#longestUs = longest;
    const of = recording.hosts.map(() => ({ at: [] as number[], index: [] as number[] }));
    applies.at.forEach((at, row) => {
      const mine = of[applies.host[row] ?? 0];
      mine?.at.push(at);
      mine?.index.push(applies.index[row] ?? 0);
    });
    this.#appliesOf = of;
  }

  /** Rows of the messages that may be seen between two times, first and one past the last. */
  messagesBetween(from: number, until: number): readonly [first: number, end: number] {
    const { sent } = this.tables.messages;
    return [lowerBound(sent, from - this.#longestUs), lowerBound(sent, until)];
  }

  /** When a message arrived, was lost, or is no longer drawn. */
  arrival(row: number): number {
    const { sent, flight, fate } = this.tables.messages;
    const way = flight[row] ?? 0;
    return (sent[row] ?? 0) + (fate[row] === UNDERWAY ? Math.min(way, STUB_US) : way);
  }

  /** What a host was at a time. */
  roleAt(host: number, at: number): RoleSpan | undefined {
    const spans = this.roles[host] ?? [];
    const after = spans.findIndex(({ from }) => from > at);
    return after === 0 ? undefined : spans[(after < 0 ? spans.length : after) - 1];
  }

  /** How far a host had applied at a time. */
  appliedAt(host: number, at: number): number {
    const mine = this.#appliesOf[host];
    return mine === undefined ? 0 : (mine.index[lowerBound(mine.at, at + 1) - 1] ?? 0);
  }

  /** All that were sent between two times, as far as whole slices tell. */
  sentBetween(from: number, until: number): number {
    const { slice, count } = this.tables.density;
    const { sliceUs } = this.recording;
    let total = 0;
    const end = lowerBound(slice, Math.ceil(until / sliceUs));
    for (let row = lowerBound(slice, Math.floor(from / sliceUs)); row < end; row++) total += count[row] ?? 0;
    return total;
  }
}

function hasBit(bits: number, bit: number): boolean {
  return Math.floor(bits / 2 ** Math.min(bit, 50)) % 2 === 1;
}

function roleSpans({ hosts, endUs }: Recording, { roles }: Tables): RoleSpan[][] {
  const spans: RoleSpan[][] = hosts.map(() => []);
  const open: ({ from: number; role: number; term: number } | undefined)[] = hosts.map(() => undefined);
  const close = (host: number, until: number): void => {
    const before = open[host];
    if (before !== undefined && until > before.from) spans[host]?.push({ ...before, host, until });
  };
  roles.at.forEach((at, row) => {
    const host = roles.host[row] ?? 0;
    close(host, at);
    const role = roles.role[row] ?? 0;
    open[host] = { from: at, role, term: role === DOWN ? 0 : (roles.term[row] ?? 0) };
  });
  hosts.forEach((_, host) => {
    close(host, endUs);
  });
  return spans;
}

/** Counts of messages by kind, in columns of a picture. */
export class DensityColumns {
  /** By host, then by column, then by kind. */
  readonly counts: readonly Float64Array[];
  readonly columns: number;
  readonly max: number;

  constructor(model: RunModel, from: number, until: number, columns: number, isShown: (type: number) => boolean) {
    const { density } = model.tables;
    const { sliceUs, hosts } = model.recording;
    this.columns = columns;
    this.counts = hosts.map(() => new Float64Array(columns * KINDS.length));
    const perColumn = (until - from) / columns;
    const end = lowerBound(density.slice, Math.ceil(until / sliceUs));
    for (let row = lowerBound(density.slice, Math.floor(from / sliceUs)); row < end; row++) {
      const type = density.type[row] ?? 0;
      const mine = this.counts[density.from[row] ?? 0];
      if (mine === undefined || !isShown(type)) continue;
      const kind = KINDS.indexOf(model.kinds[type] ?? 'other');
      // A slice may be wider than a column: its messages are spread over all that it covers.
      const begin = ((density.slice[row] ?? 0) * sliceUs - from) / perColumn;
      const finish = begin + sliceUs / perColumn;
      const count = density.count[row] ?? 0;
      for (let column = Math.max(0, Math.floor(begin)); column < Math.min(columns, finish); column++) {
        const share = (Math.min(column + 1, finish) - Math.max(column, begin)) / (finish - begin);
        const place = column * KINDS.length + kind;
        mine[place] = (mine[place] ?? 0) + count * share;
      }
    }
    let max = 0;
    for (const mine of this.counts) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let kind = 0; kind < KINDS.length; kind++) sum += mine[column * KINDS.length + kind] ?? 0;
        max = Math.max(max, sum);
      }
    }
    this.max = max;
  }
}
