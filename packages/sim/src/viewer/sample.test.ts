import t from 'tap';
import { FaultSpans } from './fault-spans.ts';
import { MessageDensity } from './message-density.ts';
import { Sample } from './sample.ts';

t.test('a sample is bounded, ordered, whole at its end, and keeps what is telling', async (t) => {
  const sample = new Sample<number>(1_000);
  for (let row = 0; row < 100_000; row++) sample.push(row, row % 1_000 === 77);
  const rows = sample.rows();
  t.equal(sample.all, 100_000);
  t.ok(rows.length <= 1_000, `${rows.length} rows`);
  t.same(
    rows,
    rows.toSorted((a, b) => a - b),
  );
  t.same(
    rows.slice(-200),
    Array.from({ length: 200 }, (_, at) => 99_800 + at),
    'the last ones without a gap',
  );
  t.ok(rows.filter((row) => row % 1_000 === 77).length >= 99, 'and all that is rare');
  t.ok(rows.some((row) => row < 1_000) && rows.some((row) => row > 40_000 && row < 60_000), 'from all parts');
});

t.test('a few rows are all kept', async (t) => {
  const sample = new Sample<number>(20);
  for (let row = 0; row < 10; row++) sample.push(row);
  t.same(sample.rows(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

t.test('counts are exact, however long the run', async (t) => {
  const density = new MessageDensity();
  for (let second = 0; second < 3_600; second++) density.add(second * 1_000_000, second % 5, second % 3);
  const rows = density.rows();
  t.equal(
    rows.reduce((total, { count }) => total + count, 0),
    3_600,
  );
  t.equal(
    rows.filter(({ from }) => from === 2).reduce((total, { count }) => total + count, 0),
    720,
  );
  t.ok(density.sliceUs > 50_000, 'the slices have grown');
  t.ok(rows.every(({ slice }) => slice < 8_192));
});

t.test('faults end when they say, when they are taken back, or when the host is back', async (t) => {
  const faults = new FaultSpans();
  const texts: [number, string][] = [
    ...([
      [1, 'stall n1 for 2s'],
      [2, 'partition n1 | n2 n3'],
      [3, 'cut n1 > n2'],
      [4, 'crash leader (n2)'],
    ] as const),
    ...([
      [5, 'mend n1 > n2'],
      [6, 'heal'],
      [7, 'cut n2 > n3'],
      [8, 'power n3 for 500ms'],
    ] as const),
  ].map(([at, text]) => [at * 1_000, text]);
  for (const [at, text] of texts) faults.add(at, text);
  faults.started(9_000, 'n2');
  const until = Object.fromEntries(faults.spans.map(({ text, untilMs }) => [text, untilMs]));
  t.same(until, {
    ...{ 'stall n1 for 2s': 3_000, 'partition n1 | n2 n3': 6_000, 'cut n1 > n2': 5_000, 'crash leader (n2)': 9_000 },
    ...{ 'mend n1 > n2': 5_000, heal: 6_000, 'cut n2 > n3': undefined, 'power n3 for 500ms': 8_500 },
  });
  t.same(faults.spans[3]?.hosts, ['n2']);
});
