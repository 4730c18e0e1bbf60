import t from 'tap';
import { HostClock } from './clock.ts';

t.test('a clock that drifts loses nothing when its rate changes', async (t) => {
  const time = { nowMs: 0 };
  const clock = new HostClock(time, 5_000, 100);
  time.nowMs = 1_000;
  t.equal(clock.nowMs, 6_000);
  clock.setRate(100_000);
  time.nowMs = 2_000;
  t.equal(Math.round(clock.nowMs), 7_100);
  clock.setRate(-100_000);
  t.equal(Math.round(clock.nowMs), 7_100, 'the change itself moves nothing');
  time.nowMs = 3_000;
  t.equal(Math.round(clock.nowMs), 8_000);
  t.equal(Math.round(clock.trueMs(900)), 1_000);
});

t.test('the wall clock jumps, the monotonic one does not', async (t) => {
  const clock = new HostClock({ nowMs: 0 }, 1_000, 500);
  t.equal(clock.wallMs, 1_500);
  clock.jumpWall(-3_000);
  t.equal(clock.wallMs, -1_500);
  t.equal(clock.nowMs, 1_000);
});
