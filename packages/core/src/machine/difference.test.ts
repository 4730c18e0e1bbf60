import fc from 'fast-check';
import t from 'tap';
import { differences, same, shown } from './difference.ts';

t.test('differences have dotted paths', (t) => {
  t.same(differences({ a: [{ b: 1 }], c: 2 }, { a: [{ b: 2 }, 3], c: 2, d: null }), [
    { path: 'a.0.b', old: 1, new: 2 },
    { path: 'a.1', old: null, new: 3 },
    { path: 'd', old: null, new: null },
  ]);
  t.same(differences({ a: [1] }, { a: { 0: 1 } }), [{ path: 'a', old: [1], new: { 0: 1 } }]);
  t.same(differences({ a: undefined }, {}), []);
  t.end();
});

t.test('the same is what has no differences', (t) => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(fc.property(value, value, (a, b) => same(a, b) === (differences(a, b).length === 0)));
  fc.assert(fc.property(value, (a) => same(a, structuredClone(a))));
  t.ok(same({ a: undefined }, {}));
  t.ok(same({}, { a: undefined }));
  t.notOk(same({ constructor: 1 }, {}));
  t.notOk(same({}, { constructor: 1 }));
  t.end();
});

t.test('values are shown short and on one line', (t) => {
  t.equal(shown(null), 'none');
  t.equal(shown('a\n b'), 'a b');
  t.equal(shown({ a: 1 }), '{"a":1}');
  t.equal(shown('x'.repeat(100)).length, 48);
  t.end();
});
