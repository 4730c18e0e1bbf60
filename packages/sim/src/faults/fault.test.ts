import { SeededRandom } from '@n3x/core/base/random';
import t from 'tap';
import { PROFILES } from '../profiles/profile.ts';
import { formatFault, parseSchedule, parseTime } from './fault.ts';
import { drawSchedule } from './random-schedule.ts';

t.test('a schedule is read as it is written', async (t) => {
  const text = `
    at 10s partition n1 | n2 n3   # the first host alone
    at 12s cut n1 > n2
    at 14s crash leader for 3s
    at 14s power n2
    at 1.5s stall n3 for 250ms
    at 20s heal
    at 21s drift n1 -5000ppm
    at 22s jump n2 -30s
    at 23s full-disk n1 for 1m`;
  t.same(parseSchedule(text).slice(0, 3), [
    { atMs: 1_500, fault: { type: 'stall', host: 'n3', forMs: 250 } },
    { atMs: 10_000, fault: { type: 'partition', groups: [['n1'], ['n2', 'n3']] } },
    { atMs: 12_000, fault: { type: 'cut', from: 'n1', to: 'n2' } },
  ]);
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

t.test('what is no fault is refused by its line', async (t) => {
  const wrong = [
    'at 10 heal',
    'in 10s heal',
    'at 1s crash',
    'at 1s partition n1',
    'at 1s stall n1',
    'at 1s drift n1 5',
    'at 1s x',
  ];
  for (const line of wrong) {
    t.throws(() => parseSchedule(`\n${line}`), { code: 'N3X_INVALID', details: { line: 2 } }, line);
  }
  t.equal(parseTime('1h'), undefined);
});
