import fc from 'fast-check';
import t from 'tap';
import { LabelCounts, type PlaceKey } from './label-counts.ts';

t.test('each place has its own counts, as if it had a table of its own', async (t) => {
  const label = fc.constantFrom('app=a', 'app=b');
  const place = fc.constantFrom<PlaceKey>(1, 2, 'z1');
  const change = fc.tuple(label, place, fc.constantFrom(1, -1));
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const counts = new LabelCounts();
      const model = new Map<PlaceKey, Map<string, number>>();
      for (const [pair, at, by] of changes) {
        counts.add(pair, at, by);
        const own = model.get(at) ?? new Map<string, number>();
        own.set(pair, (own.get(pair) ?? 0) + by);
        model.set(at, own);
      }
      for (const at of [1, 2, 'z1', 3]) {
        const own = [...(model.get(at) ?? [])].filter(([, count]) => count !== 0);
        t.same(new Map(counts.of(at)), new Map(own));
        for (const pair of ['app=a', 'app=b']) t.equal(counts.count(pair, at), model.get(at)?.get(pair) ?? 0);
      }
    }),
  );
});
