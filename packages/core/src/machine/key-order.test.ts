import fc from 'fast-check';
import t from 'tap';
import { sortKeys } from './key-order.ts';

t.test('keys are sorted by code units, and it is told whether they were', async (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'Z', '_', '\u{1F427}', '\uFF5E'), maxLength: 3 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (keys) => {
      const sorted = [...keys].sort();
      const own = [...keys];
      t.equal(
        sortKeys(own),
        sorted.every((key, at) => key === keys[at]),
      );
      t.same(own, sorted);
    }),
  );
});
