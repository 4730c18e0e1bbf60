import t from 'tap';
import { checkInvariants } from '../machine/invariants.ts';
import { SAMPLE_START_MS, SampleCluster, sampleFacts, sampleSettings } from '../machine/sample.ts';
import { Arrivals, JOIN_PATIENCE_MS } from './arrivals.ts';

const expired = (hostId: number) => ({ command: { type: 'hostJoinExpired', hostId } });

t.test('a host that was let in and does not come is waited for, and then not any more', (t) => {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const arrivals = new Arrivals();
  t.same(arrivals.plan(cluster.state, 1_000), []);
  t.same(arrivals.plan(cluster.state, 999 + JOIN_PATIENCE_MS), []);
  t.match(arrivals.plan(cluster.state, 1_000 + JOIN_PATIENCE_MS), [expired(2)]);
  arrivals.stream(2, true);
  t.same(arrivals.plan(cluster.state, 2_000 + JOIN_PATIENCE_MS), [], 'it has come after all');
  arrivals.stream(2, false);
  t.same(arrivals.plan(cluster.state, 3_000 + JOIN_PATIENCE_MS), [], 'and is waited for from the start');
  arrivals.clear();
  t.same(arrivals.plan(cluster.state, 2_900 + 2 * JOIN_PATIENCE_MS), [], 'as by every new leader');
  t.end();
});

t.test('a join that is taken back leaves nothing, and its token admits again', (t) => {
  const cluster = new SampleCluster();
  const token = { id: '00000000000000aa', secretHash: 'ab'.repeat(32) };
  cluster.apply({ type: 'tokenCreate', ...token, expiresAtMs: SAMPLE_START_MS + 1e9 });
  const join = (peerId: string, name: string) =>
    cluster.apply({
      type: 'hostJoin',
      tokenId: token.id,
      secretHash: token.secretHash,
      peerId,
      uid: name,
      name,
      addresses: [],
      settings: sampleSettings(),
      facts: sampleFacts(),
    });
  t.match(join('peer-2', 'n2'), { ok: true, values: { hostId: 2 } });
  t.match(cluster.apply({ type: 'hostJoinExpired', hostId: 2 }), { ok: true, changed: true });
  t.equal(cluster.state.hostCount, 1);
  t.equal(cluster.state.token(token.id)?.usedBy, undefined);
  t.match(cluster.apply({ type: 'hostJoinExpired', hostId: 2 }), { ok: true, changed: false });
  t.match(join('peer-2', 'n2'), { ok: true, values: { hostId: 3 } }, 'its id is not used again');
  t.match(join('peer-9', 'n9'), { ok: false, error: { code: 'N3X_TOKEN_USED' } });
  t.same(checkInvariants(cluster.state), []);

  // One that is in the group is in, whatever an earlier leader had decided.
  const host = cluster.state.host(3);
  if (host === undefined) throw new Error('a host');
  cluster.state.put({ ...host, membership: 'learner' });
  t.match(cluster.apply({ type: 'hostJoinExpired', hostId: 3 }), { ok: true, changed: false });
  t.end();
});

t.test('a host that was lost in a recovery and began to come back is lost again', (t) => {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const host = cluster.state.host(2);
  if (host === undefined) throw new Error('a host');
  cluster.state.put({ ...host, generation: 2 });
  t.match(cluster.apply({ type: 'hostJoinExpired', hostId: 2 }), { ok: true, changed: true });
  t.match(cluster.state.host(2), { membership: 'lost', reachable: false });
  t.end();
});
