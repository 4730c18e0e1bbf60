import t from 'tap';
import { SampleCluster } from '../machine/sample.ts';
import { UnreachableSince } from './unreachable-since.ts';

t.test('it counts from the first look at which a host is unreachable, until it is reachable or gone', async (t) => {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const id = 2;
  const since = new UnreachableSince();
  since.look(cluster.state, 10);
  t.equal(since.of(id), null);
  cluster.apply({ type: 'hostReachable', hostId: id, reachable: false });
  since.look(cluster.state, 20);
  cluster.apply({ type: 'hostSet', name: 'n2', role: 'agent' });
  since.look(cluster.state, 30);
  t.equal(since.of(id), 20);
  cluster.apply({ type: 'hostReachable', hostId: id, reachable: true });
  since.look(cluster.state, 40);
  t.equal(since.of(id), null);
});
