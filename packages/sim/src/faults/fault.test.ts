import { SeededRandom } from '@n3x/core/base/random';
import fc from 'fast-check';
import t from 'tap';
import { PROFILES } from '../profiles/profile.ts';
import { FAULT_FORMS, formatFault, formatSchedule, parseSchedule, parseTime } from './fault.ts';
import { type Fault, LASTING_FAULTS, MISBEHAVIOURS, SUDDEN_FAULTS, type TimedFault } from './fault-kinds.ts';
import { drawSchedule } from './random-schedule.ts';

t.test('a schedule is read as it is written', async (t) => {
  const text = `
    at 10s partition n1 | n2 n3   # the first host alone
    at 12s cut n1 > n2 for 5s
    at 13s cut n1 - n3
    at 14s crash leader for 3s
    at 14s power n2
    at 1.5s stall n3 for 250ms
    at 20s heal
    at 21s drift n1 -5000ppm
    at 22s jump n2 -30s
    at 23s flap n1 - n2 every 300ms for 1m`;
  t.same(parseSchedule(text), [
    { atMs: 1_500, fault: { type: 'stall', host: 'n3', forMs: 250 } },
    { atMs: 10_000, fault: { type: 'partition', groups: [['n1'], ['n2', 'n3']] } },
    { atMs: 12_000, fault: { type: 'cut', from: 'n1', to: 'n2', both: false, forMs: 5_000 } },
    { atMs: 13_000, fault: { type: 'cut', from: 'n1', to: 'n3', both: true } },
    { atMs: 14_000, fault: { type: 'crash', host: 'leader', downMs: 3_000 } },
    { atMs: 14_000, fault: { type: 'power', host: 'n2' } },
    { atMs: 20_000, fault: { type: 'heal' } },
    { atMs: 21_000, fault: { type: 'drift', host: 'n1', ppm: -5_000 } },
    { atMs: 22_000, fault: { type: 'jump', host: 'n2', byMs: -30_000 } },
    { atMs: 23_000, fault: { type: 'flap', from: 'n1', to: 'n2', both: true, everyMs: 300, forMs: 60_000 } },
  ]);
});

const host = fc.constantFrom('n1', 'n2', 'n10', 'leader');
// As fine as aimed faults are: a thousandth of a ms.
const time = fc.integer({ min: 0, max: 1e9 }).map((thousandths) => thousandths / 1_000);
const lasts = fc.oneof(fc.constant({}), fc.record({ forMs: time }));
const way = fc.record({ from: host, to: host, both: fc.boolean() });

const anyFault: fc.Arbitrary<Fault> = fc.oneof(
  fc
    .tuple(fc.shuffledSubarray(['n1', 'n2', 'n3', 'leader'], { minLength: 2 }), fc.nat(2), lasts)
    .map(([names, at, last]): Fault => {
      const split = 1 + (at % (names.length - 1));
      return { type: 'partition', groups: [names.slice(0, split), names.slice(split)], ...last };
    }),
  fc.tuple(way, lasts).map(([link, last]): Fault => ({ type: 'cut', ...link, ...last })),
  way.map((link): Fault => ({ type: 'mend', ...link })),
  fc
    .record({ link: way, everyMs: time.map((ms) => ms + 1), forMs: time })
    .map(({ link, ...rest }): Fault => ({ type: 'flap', ...link, ...rest })),
  fc
    .record({ link: way, by: fc.integer({ min: 1, max: 1_000 }), forMs: time })
    .map(({ link, ...rest }): Fault => ({ type: 'slow-link', ...link, ...rest })),
  fc.constantFrom<Fault>({ type: 'heal' }, { type: 'join' }),
  fc.record({ type: fc.constantFrom(...LASTING_FAULTS), host, forMs: time }),
  fc.record({ type: fc.constantFrom(...SUDDEN_FAULTS), host }),
  fc
    .tuple(
      fc.constantFrom('crash' as const, 'stop' as const, 'power' as const),
      host,
      fc.option(time, { nil: undefined }),
    )
    .map(([type, target, downMs]): Fault => ({ type, host: target, ...(downMs === undefined ? {} : { downMs }) })),
  fc.record({ type: fc.constant('drift' as const), host, ppm: fc.integer({ min: -999_999, max: 10_000_000 }) }),
  fc.record({ type: fc.constant('jump' as const), host, byMs: fc.integer({ min: -1e9, max: 1e9 }) }),
  fc.record({ type: fc.constant('misbehave' as const), host, how: fc.constantFrom(...MISBEHAVIOURS), forMs: time }),
);

t.test('every schedule can be written and read again', async (t) => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(fc.array(fc.record({ atMs: time, fault: anyFault }), { maxLength: 20 }), (faults) => {
      for (const { fault } of faults) kinds.add(fault.type);
      const sorted: TimedFault[] = [...faults].sort((a, b) => a.atMs - b.atMs);
      t.same(parseSchedule(formatSchedule(sorted)), sorted);
    }),
    { numRuns: 200 },
  );
  t.same([...kinds].sort(), Object.keys(FAULT_FORMS).sort(), 'all kinds were tried');
});

t.test('every drawn schedule can be written and read again', async (t) => {
  for (const [at, profile] of Object.values(PROFILES).entries()) {
    const faults = drawSchedule(new SeededRandom(at), profile, ['n1', 'n2', 'n3'], 120_000);
    t.same(parseSchedule(faults.map(formatFault).join('\n')), faults, profile.name);
  }
});

t.test('a drawn schedule follows from its seed', async (t) => {
  const profile = PROFILES['default'];
  if (profile === undefined) throw new Error('there is no profile default');
  const draw = (seed: number) => drawSchedule(new SeededRandom(seed), profile, ['n1', 'n2'], 60_000);
  t.same(draw(1), draw(1));
  t.notSame(draw(1), draw(2));
});

t.test('what is no fault is refused by its line, in one line', async (t) => {
  const wrong: Record<string, RegExp> = {
    'at 10 heal': /does not begin with a time/,
    'in 10s heal': /does not begin with a time/,
    'at -1s heal': /before the beginning/,
    'at 1s': /no fault \(none named\)/,
    'at 1s x': /no fault x: choose partition, /,
    'at 1s crash': /crash is written as in `at 1s crash n1 \[for 3s\]`/,
    'at 1s crash n1 n2': /crash is written/,
    'at 1s crash N1': /crash is written/,
    'at 1s partition n1': /partition is written/,
    'at 1s partition n1 | n1': /partition is written/,
    'at 1s partition n1 |': /partition is written/,
    'at 1s cut n1 n2': /cut is written/,
    'at 1s stall n1': /stall is written/,
    'at 1s stall n1 for -3s': /stall is written/,
    'at 1s rot n1 for 3s': /rot is written/,
    'at 1s flap n1 - n2 for 3s': /flap is written/,
    'at 1s slow-link n1 - n2 by 0 for 3s': /slow-link is written/,
    'at 1s drift n1 5': /drift is written/,
    'at 1s drift n1 -1000000ppm': /drift is written/,
    'at 1s misbehave n1 lie for 3s': /misbehave is written/,
    'at 1s heal now': /heal is written/,
  };
  for (const [line, message] of Object.entries(wrong)) {
    t.throws(() => parseSchedule(`\n${line}`), { code: 'N3X_INVALID', message, details: { line: 2 } }, line);
    t.throws(() => parseSchedule(`\n${line}`), { message: /^line 2: [^\n]*$/ });
  }
  t.equal(parseTime('1h'), undefined);
});
