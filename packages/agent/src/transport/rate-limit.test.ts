import t from 'tap';
import { RateLimit } from './rate-limit.ts';

t.test('each caller has its own count, and a new one in each window', async (t) => {
  const limit = new RateLimit(2, 1_000);
  const take = (caller: string, now: number): boolean => limit.take(caller, now);
  t.strictSame([take('a', 1_000), take('a', 1_100), take('a', 1_200)], [true, true, false]);
  t.ok(take('b', 1_200));
  t.strictSame([take('a', 1_999), take('a', 2_000)], [false, true]);
});

t.test('callers past the bound share one count, those that are known keep theirs', async (t) => {
  const limit = new RateLimit(2, 1_000, 2);
  t.ok(limit.take('a', 0) && limit.take('b', 0));
  t.strictSame([limit.take('c', 0), limit.take('d', 0), limit.take('e', 0)], [true, true, false]);
  t.ok(limit.take('a', 0));
});
