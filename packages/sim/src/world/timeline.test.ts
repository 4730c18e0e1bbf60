import fc from 'fast-check';
import t from 'tap';
import { Timeline } from './timeline.ts';

t.test('events happen by time, then by order of scheduling', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (delays) => {
      const timeline = new Timeline();
      const happened: { delay: number; order: number }[] = [];
      delays.forEach((delay, order) => {
        timeline.after(delay, () => {
          happened.push({ delay, order });
        });
      });
      timeline.run(1_000, () => undefined);
      const expected = delays.map((delay, order) => ({ delay, order }));
      expected.sort((a, b) => a.delay - b.delay || a.order - b.order);
      return JSON.stringify(happened) === JSON.stringify(expected) && timeline.nowMs === 1_000;
    }),
  );
  t.pass();
});

t.test('a cancelled event does not happen, and events may schedule more', async (t) => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.after(5, () => seen.push('never')).cancel();
  timeline.after(1, () => {
    seen.push(`first at ${timeline.nowMs}`);
    timeline.after(2, () => seen.push(`second at ${timeline.nowMs}`));
  });
  timeline.run(2, () => undefined);
  t.same(seen, ['first at 1']);
  timeline.run(3, () => undefined);
  t.same(seen, ['first at 1', 'second at 3']);
});
