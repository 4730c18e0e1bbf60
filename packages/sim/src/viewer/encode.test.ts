import fc from 'fast-check';
import t from 'tap';
import { encodeRun } from './encode.ts';
import { COLUMNS, decodeRun, type RecordedRun, type Tables } from './page/recording.ts';

const RECORDING: RecordedRun['recording'] = {
  ...{
    title: 'a title with ünïcode',
    command: 'x',
    facts: [['a', 'b']],
    hosts: ['n1'],
    types: ['MsgApp'],
    texts: ['t'],
  },
  ...{ endUs: 5, workUs: [1, 2], sliceUs: 50_000, messages: { all: 7, kept: 3 } },
};

function columnsOf(names: readonly string[], value: (name: string, row: number) => number, rows: number) {
  return Object.fromEntries(names.map((name) => [name, Array.from({ length: rows }, (_, row) => value(name, row))]));
}

/** All tables with the same rows. */
function tablesOf(value: (name: string, row: number) => number, rows: number): Tables {
  const tables = Object.entries(COLUMNS).map(([table, names]) => [table, columnsOf(names, value, rows)] as const);
  const { messages, ...rest }: Record<string, unknown> = Object.fromEntries(tables);
  return { messages, ...rest } as Tables;
}

t.test('every whole number comes back, in every column', async (t) => {
  const numbers = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeInteger(), fc.constantFrom(0, 127, 128, -1, -64, -65)),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(numbers, (values) => {
      // Differences have to be whole numbers that can be told apart, too.
      const small = values.map((value) => value % 2 ** 51);
      const run = { recording: RECORDING, tables: tablesOf((_, row) => small[row] ?? 0, small.length) };
      const back = decodeRun(encodeRun(run));
      t.same(back.recording, RECORDING);
      return Object.entries(COLUMNS).every(([table, names]) => {
        const found: Record<string, readonly number[]> = { ...back.tables[table as keyof Tables] };
        return names.every((name) => found[name]?.every((value, row) => Object.is(value + 0, (small[row] ?? 0) + 0)));
      });
    }),
    { numRuns: 50 },
  );
});

t.test('what is cut off is noticed, what is no whole number is refused', async (t) => {
  const bytes = encodeRun({ recording: RECORDING, tables: tablesOf((_, row) => row * 1_000, 20) });
  for (const length of [0, 3, 10, bytes.length - 1]) {
    t.throws(() => decodeRun(bytes.slice(0, length)), /cut off/);
  }
  t.throws(() => encodeRun({ recording: RECORDING, tables: tablesOf(() => 0.5, 1) }), /no whole number/);
});

t.test('a hundred thousand regular messages take few bytes', async (t) => {
  const tables = tablesOf((name, row) => (name === 'sent' ? row * 1_000 : row % 5), 100_000);
  t.ok(encodeRun({ recording: RECORDING, tables }).length < 100_000 * 60);
});
