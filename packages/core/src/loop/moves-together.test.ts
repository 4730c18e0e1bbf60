/** VMs that are near each other and leave their hosts as one, from the leader's plans to the hosts' reconcilers. */
import t from 'tap';
import { drainProgress } from '../control/drain-progress.ts';
import { Fleet } from './test-fleet.ts';

t.test('VMs that are to be near each other leave together', (t) => {
  const fleet = new Fleet();
  const app = (label: string, near: string) => ({ labels: { app: label }, placement: { near: [`app=${near}`] } });
  fleet.create('db', { labels: { app: 'db' } });
  fleet.settle();
  fleet.create('web', app('web', 'db'));
  fleet.settle();
  const from = fleet.hostOf('db') ?? '';
  t.equal(fleet.hostOf('web'), from);
  const { uid, assignment } = fleet.vm('web');
  const alone = { type: 'vmMove', name: 'web', uid, epoch: assignment?.epoch ?? 0, cause: 'migrate' } as const;
  t.match(fleet.apply({ ...alone, targetId: from === 'n1' ? 2 : 1 }), {
    error: { message: /has no VM with app=db\. .* it moves by `n3xctl vm migrate web --together`$/ },
  });
  // A third takes both along; a limit of one at a time does not part them.
  fleet.create('cache', { ...app('cache', 'web') });
  fleet.settle();
  fleet.drain(from, 1);
  const host = fleet.cluster.state.hostByName(from) ?? never();
  const { vms } = drainProgress(fleet.cluster.state, host, fleet.wallMs);
  t.match(vms, [
    { name: 'cache', text: 'waits for its turn, together with web, db (near app=web, app=db)' },
    { name: 'db', text: 'waits for its turn' },
    { name: 'web', text: 'waits for its turn, together with db (near app=db)' },
  ]);
  t.ok(fleet.lead());
  t.same(
    ['cache', 'web', 'db'].map((name) => fleet.vm(name).moving?.cause),
    ['drain', 'drain', 'drain'],
  );
  fleet.settle();
  t.equal(fleet.outcome(from), 'drained');
  t.equal(fleet.hostOf('web'), fleet.hostOf('db'));
  t.equal(fleet.hostOf('web'), fleet.hostOf('cache'));
  t.not(fleet.hostOf('web'), from);
  t.same(fleet.twice, []);
  t.end();
});

t.test('VMs that can only leave together stay together when they cannot, and say why', (t) => {
  const fleet = new Fleet();
  const near = (label: string) => ({ placement: { near: [`app=${label}`] } });
  fleet.create('db', { labels: { app: 'db' }, vcpu: 4, ...near('db') });
  fleet.settle();
  fleet.create('web', { labels: { app: 'db' }, vcpu: 4, ...near('db') });
  fleet.settle();
  const from = fleet.hostOf('db') ?? '';
  const others = ['n1', 'n2', 'n3'].filter((name) => name !== from);
  for (const name of others) fleet.create(`fill-${name}`, { vcpu: 2, placement: { host: name } });
  fleet.settle();
  fleet.drain(from, 2);
  fleet.settle();
  t.equal(fleet.outcome(from), 'stuck');
  t.match(
    fleet.cluster.state.hostByName(from)?.drain?.message,
    /2 VMs stay: db goes only together with web \(near app=db\), and no other host takes them: n\d has 2 vcpu free of 8 \(for db\); .*To make them fit: free 2 vcpu on n\d/,
  );
  fleet.apply({ type: 'vmDelete', name: `fill-${others[1]}` });
  fleet.settle();
  t.equal(fleet.outcome(from), 'drained');
  t.same([fleet.hostOf('db'), fleet.hostOf('web')], [others[1], others[1]]);
  t.same(fleet.twice, []);
  t.end();
});

t.test('who is to stay keeps those that are near it', (t) => {
  const fleet = new Fleet();
  fleet.create('stays', { labels: { app: 'old' }, failover: 'stay' });
  fleet.settle();
  fleet.create('guest', { placement: { near: ['app=old'] } });
  fleet.settle();
  const now = fleet.hostOf('stays') ?? '';
  fleet.drain(now, 4, 'evacuate');
  fleet.settle();
  t.match(
    fleet.cluster.state.hostByName(now)?.drain?.message,
    /guest goes only together with stays \(near app=old\), and stays is to stay on its host \(failover: stay\)/,
  );
  t.end();
});

t.test('several are moved as one or not at all', (t) => {
  const fleet = new Fleet();
  fleet.create('a', { placement: { host: 'n1' } });
  fleet.create('b');
  fleet.settle();
  const of = (name: string, uid = fleet.vm(name).uid) => ({ name, uid, epoch: fleet.vm(name).assignment?.epoch ?? 0 });
  const go = (names: readonly string[], targetId: number, changes: object = {}) =>
    fleet.apply({
      type: 'vmMoveTogether',
      cause: 'migrate',
      targetId,
      moves: names.map((name) => of(name)),
      ...changes,
    });
  t.match(go(['a', 'b'], 3), { error: { code: 'N3X_CONFLICT', message: /^VM b is not on one host with the others/ } });
  t.match(go(['a', 'a'], 3), { error: { code: 'N3X_INVALID' } });
  t.match(go(['a', 'b'], 3, { moves: [of('a'), { ...of('b'), name: 'c' }] }), { error: { code: 'N3X_NOT_FOUND' } });
  fleet.create('c', { placement: { requireLabels: {} } });
  fleet.settle();
  const host = fleet.vm('c').assignment?.hostId ?? 0;
  fleet.create('d', { placement: { host: `n${host}` } });
  fleet.settle();
  t.match(go(['c', 'd'], host === 3 ? 2 : 3), {
    error: { message: /^VM d cannot go to n\d: it is not n\d, the one host/ },
  });
  t.equal(fleet.vm('c').moving, undefined, 'and none has set out');
  t.end();
});

function never(): never {
  throw new Error('the host is missing');
}
