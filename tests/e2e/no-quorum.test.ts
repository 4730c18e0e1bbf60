/** Two of three hosts down: writes end with the no-quorum error in time, stale reads still answer. */
import t from 'tap';
import { Cluster, until } from './cluster.ts';

t.test('without a quorum', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];
  await n1.json(['vm', 'create', 'before', '--vcpu', '1', '--no-start']);
  await n2.kill('SIGKILL');
  await n3.kill('SIGKILL');

  const write = await n1.ctl(['vm', 'create', 'during', '--vcpu', '1', '--no-start', '--timeout', '8s']);
  t.equal(write.code, 5, write.stderr);
  t.match(write.stderr, /no quorum/);
  t.equal(write.stderr.trim().split('\n').length <= 2, true, 'one clear line, and at most a hint');

  const read = await n1.ctl(['vm', 'list', '--timeout', '4s']);
  t.equal(read.code, 5, 'a linearizable read needs the quorum too');

  const stale = await n1.json<{ items: { name: string }[]; stale: boolean }>(['vm', 'list', '--stale']);
  t.equal(stale.stale, true, 'marked as stale');
  t.same(
    stale.items.map((vm) => vm.name),
    ['before'],
  );
  const table = await n1.ctl(['vm', 'list', '--stale']);
  t.match(table.stderr, /stale/);

  await Promise.all([n2.start(), n3.start()]);
  const { items } = await until('the quorum is back', 60_000, async () =>
    n1.json<{ items: { name: string }[] }>(['vm', 'list']),
  );
  t.same(
    items.map((vm) => vm.name),
    ['before'],
    'the failed write left nothing behind',
  );
});
