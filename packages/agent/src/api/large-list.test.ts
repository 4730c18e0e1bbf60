import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import t from 'tap';
import { isLargeList, listText } from './large-list.ts';
import { call, FLAKE_SPEC, serve } from './test-cluster.ts';

t.test('pieces make the same document', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 600, size: 'max' }), fc.nat(), async (items, index) => {
      const list = { items, index, stale: false };
      t.notOk(
        JSON.stringify(JSON.parse(await text(listText(list)))) !== JSON.stringify({ index, stale: false, items }),
      );
    }),
    { numRuns: 20 },
  );
  t.equal(await text(listText({ items: [] })), '{"items":[]}');
});

t.test('only long lists are cut', async (t) => {
  t.equal(isLargeList({ items: [1] }), false);
  t.equal(isLargeList({ items: Array(1000).fill(0) }), true);
  t.equal(isLargeList({ items: 'x'.repeat(1000) }), false);
  t.equal(isLargeList(null), false);
});

t.test('a long list over the socket', async (t) => {
  const { socket, cluster } = await serve(t);
  await call(socket, 'POST', '/v1/vms', { name: 'vm-0', spec: FLAKE_SPEC });
  const spec = cluster.state?.vm('vm-0')?.spec;
  if (spec === undefined) throw new Error('no VM');
  for (let number = 1; number < 2000; number++) {
    cluster.apply({ type: 'vmCreate', name: `vm-${number}`, uid: `u-${number}`, spec, power: 'stopped' });
  }
  const answer = await call(socket, 'GET', '/v1/vms');
  t.equal(answer.status, 200);
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
  t.equal(answer.at('items.length'), 2000);
  t.match(answer.json, { index: cluster.state?.index, stale: false });
});
