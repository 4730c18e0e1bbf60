import fc from 'fast-check';
import t from 'tap';
import { editDistance, nearest } from './near-miss.ts';

t.test('finds the slip of a hand', async (t) => {
  t.equal(nearest('wbe', ['db', 'web']), 'web', 'two swapped');
  t.equal(nearest('listn', ['raft', 'listen']), 'listen', 'one missing');
  t.equal(nearest('Memory', ['memory']), 'memory', 'case');
  t.equal(nearest('n9', ['n1', 'n2']), 'n1', 'the first of equals');
  t.equal(nearest('zebra', ['web', 'db']), undefined, 'nothing close');
  t.equal(nearest('', ['a']), undefined);
  t.equal(nearest('x'.repeat(65), ['x'.repeat(65)]), undefined, 'too long to compare');
});

t.test('distance is symmetric, zero for equals only, and honours its limit', async (t) => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, fc.nat(5), (a, b, limit) => {
      const whole = editDistance(a, b, 24);
      t.notOk(whole !== editDistance(b, a, 24), 'symmetric');
      t.notOk((whole === 0) !== (a === b), 'zero for equals only');
      t.notOk(editDistance(a, b, limit) !== Math.min(whole, limit + 1), 'cut off at the limit');
    }),
  );
});
