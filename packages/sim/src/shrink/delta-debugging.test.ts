import fc from 'fast-check';
import t from 'tap';
import { minimise } from './delta-debugging.ts';

t.test('nothing is left of what fails without anything', async (t) => {
  t.same(
    minimise([1, 2, 3], () => true),
    [],
  );
  t.same(
    minimise([], () => true),
    [],
  );
});

t.test('of items that fail together those are left, and nothing else', async (t) => {
  const cases = fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(cases, fc.integer({ min: 100, max: 120 }), (culprits, count) => {
      const all = Array.from({ length: count }, (_, at) => at);
      const left = minimise(all, (items) => culprits.every((culprit) => items.includes(culprit)));
      return left.length === culprits.length && left.every((item) => culprits.includes(item));
    }),
  );
  t.pass();
});

t.test('where more than one set fails, no item of what is left can be left out', async (t) => {
  const sets = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(sets, (culprits) => {
      const fails = (items: readonly number[]): boolean =>
        culprits.some((set) => set.every((culprit) => items.includes(culprit)));
      const left = minimise(
        Array.from({ length: 40 }, (_, at) => at),
        fails,
      );
      return fails(left) && left.every((item) => !fails(left.filter((other) => other !== item)));
    }),
  );
  t.pass();
});

t.test('few questions are asked', async (t) => {
  let asked = 0;
  const all = Array.from({ length: 1_000 }, (_, at) => at);
  minimise(all, (items) => {
    asked++;
    return items.includes(613);
  });
  t.ok(asked < 50, `${asked} for one of a thousand`);
});
