import t from 'tap';
import { call, serve } from './test-cluster.ts';

t.test('what is wanted of the cluster and of a host', async (t) => {
  const { socket, cluster } = await serve(t);
  cluster.addHost('n2', 'peer-2');
  const set = await call(socket, 'POST', '/v1/cluster/settings', { voters: 5 });
  t.match(set.json, { changed: true });
  t.match((await call(socket, 'POST', '/v1/cluster/settings', { voters: 5 })).json, { changed: false });
  const status = await call(socket, 'GET', '/v1/cluster');
  t.same(status.at('cluster.settings'), { voters: 5, replaceAfterSeconds: 60 });
  const more = { strategy: 'round-robin', leaseTtlSeconds: 10, clockErrorPercent: 1, fenceMarginMs: 300 };
  t.match((await call(socket, 'POST', '/v1/cluster/settings', more)).json, { changed: true });
  const all = (await call(socket, 'GET', '/v1/cluster')).at('cluster.settings');
  t.same(all, { voters: 5, replaceAfterSeconds: 60, ...more }, 'every setting that there is arrives');
  t.match(status.at('quorum.note'), /^5 hosts should vote/);
  for (const body of [{ voters: 4 }, {}, { replaceAfterSeconds: 1 }, { x: 1 }]) {
    const wrong = await call(socket, 'POST', '/v1/cluster/settings', body);
    t.same([wrong.status, wrong.at('error.code')], [400, 'N3X_INVALID'], JSON.stringify(body));
  }
  const host = await call(socket, 'POST', '/v1/hosts/n2/settings', { role: 'auto', labels: { zone: 'b' } });
  t.match(host.json, { changed: true });
  t.match((await call(socket, 'GET', '/v1/hosts/n2')).json, { settings: { role: 'auto' }, ownLabels: { zone: 'b' } });
  const unknown = await call(socket, 'POST', '/v1/hosts/n9/settings', { role: 'auto' });
  t.same([unknown.status, unknown.at('error.code')], [404, 'N3X_NOT_FOUND']);
});

t.test('a lost host is removed, and the answer comes once it is out', async (t) => {
  const { socket, cluster } = await serve(t);
  cluster.addHost('n2', 'peer-2');
  const up = await call(socket, 'DELETE', '/v1/hosts/n2');
  t.same([up.status, up.at('error.code')], [422, 'N3X_REFUSED']);
  t.match(up.at('error.message'), /^host n2 is up: let it leave/);
  const self = await call(socket, 'DELETE', '/v1/hosts/n1?force=true');
  t.match(self.at('error.message'), /^n1 itself answers here/);
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  const removal = call(socket, 'DELETE', '/v1/hosts/n2');
  while (cluster.state?.host(2)?.membership !== 'leaving') await new Promise((resolve) => setImmediate(resolve));
  cluster.apply({ type: 'hostRemoved', hostId: 2 });
  const removed = await removal;
  t.match(removed.json, { changed: true, vms: 0 });
  t.equal((await call(socket, 'DELETE', '/v1/hosts/n2')).status, 404);
});

t.test('a removal that is not through in time says so', async (t) => {
  const { socket, cluster } = await serve(t);
  cluster.addHost('n2', 'peer-2');
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  const late = await call(socket, 'DELETE', '/v1/hosts/n2', undefined, { 'n3x-timeout-ms': '400' });
  t.same([late.status, late.at('error.code'), late.at('error.details.outcome')], [504, 'N3X_TIMEOUT', 'unknown']);
});
