import t from 'tap';
import { Pace } from './pace.ts';

t.test('without a limit nothing is waited for', async (t) => {
  const pace = new Pace(0);
  for (let i = 0; i < 1_000; i += 1) t.ok(await pace.take(1_048_576 * 1_000));
});

t.test('what was taken is waited for by the next, until the limit changes or nobody wants it', async (t) => {
  const pace = new Pace(1);
  t.ok(await pace.take(3_600 * 1_048_576), 'the first goes at once');
  const control = new AbortController();
  const waiting = pace.take(1, control.signal);
  control.abort();
  t.notOk(await waiting, 'an hour was to be waited');
  t.notOk(await pace.take(1, control.signal));
  pace.set(2);
  t.ok(await pace.take(1), 'a new limit begins now');
});
