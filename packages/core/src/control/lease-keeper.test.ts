import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { SampleCluster } from '../machine/sample.ts';
import type { LeaseRenewMessage } from '../wire/peer-message.ts';
import { LeaseKeeper } from './lease-keeper.ts';

const NOTHING: ReadonlySet<string> = new Set();

function renewal(sequence: number): LeaseRenewMessage {
  return { type: 'leaseRenew', bootId: 'b', sequence };
}

/** Takes hosts 1 and 2 into the group. */
function letIn({ state }: SampleCluster): void {
  const rest = { votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(state, state.index + 1, { voters: [1, 2], ...rest });
}

/** A cluster of two with a VM on the second, and a leader in office since 0. */
function lab(): { cluster: SampleCluster; keeper: LeaseKeeper } {
  const cluster = new SampleCluster();
  cluster.join('n2');
  letIn(cluster);
  cluster.create('web');
  cluster.assign('web', 2);
  const keeper = new LeaseKeeper();
  keeper.takeOffice();
  keeper.clock(0);
  return { cluster, keeper };
}

/** Renews the lease of host 2 at `nowMs`, with the proof at once. */
function renew(keeper: LeaseKeeper, cluster: SampleCluster, nowMs: number, sequence = nowMs): unknown {
  keeper.clock(nowMs);
  keeper.renewal(2, renewal(sequence));
  if (!keeper.wantsProof(1)) throw new Error('no proof is wanted');
  return keeper.proved(cluster.state, 1, cluster.state.index, NOTHING);
}

t.test('a VM goes elsewhere a whole lease after the last renewal that was granted', (t) => {
  const { cluster, keeper } = lab();
  t.match(renew(keeper, cluster, 1_000), [{ to: 2, message: { sequence: 1_000, holdMs: 5_190, renewMs: 1_500 } }]);
  keeper.clock(7_309);
  t.same(keeper.plan(cluster.state, 1), []);
  keeper.clock(7_310);
  t.match(keeper.plan(cluster.state, 1), [
    { key: 'failover/2/web', command: { type: 'vmFailover', name: 'web', term: 1 } },
  ]);
  t.end();
});

t.test('a new leader lets every lease run out that another may have granted', (t) => {
  const { cluster, keeper } = lab();
  renew(keeper, cluster, 1_000);
  keeper.leaveOffice();
  keeper.clock(90_000);
  t.same(keeper.plan(cluster.state, 1), [], 'not in office');
  keeper.takeOffice();
  t.same(keeper.plan(cluster.state, 2), [], 'not before it has read the time');
  keeper.clock(100_000);
  keeper.clock(106_309);
  t.same(keeper.plan(cluster.state, 2), []);
  keeper.clock(106_310);
  t.match(keeper.plan(cluster.state, 2), [{ command: { term: 2 } }]);
  t.end();
});

t.test('a leader that was told of longer leases waits for those', (t) => {
  const { cluster, keeper } = lab();
  cluster.apply({ type: 'clusterSet', settings: { leaseTtlSeconds: 20 } });
  cluster.apply({ type: 'clusterSet', settings: { leaseTtlSeconds: 6 } });
  keeper.clock(21_009);
  t.same(keeper.plan(cluster.state, 1), []);
  keeper.clock(21_010);
  t.equal(keeper.plan(cluster.state, 1).length, 1);
  t.end();
});

t.test('a renewal is granted only with proof from after its receipt, in the same term', (t) => {
  const { cluster, keeper } = lab();
  keeper.clock(1_000);
  keeper.renewal(2, renewal(1));
  t.equal(keeper.wantsProof(1), true);
  keeper.renewal(1, renewal(1));
  t.equal(keeper.wantsProof(1), false, 'one proof at a time');
  t.match(keeper.proved(cluster.state, 1, 9, NOTHING), [{ to: 2, message: { index: 9 } }]);
  t.equal(keeper.wantsProof(1), true, 'who came meanwhile waits for the next');
  t.same(keeper.proved(cluster.state, 2, 9, NOTHING), [], 'that of another term counts for nothing');
  t.end();
});

t.test('a host that loses a VM gets no lease while that is under way', (t) => {
  const { cluster, keeper } = lab();
  keeper.clock(7_000);
  keeper.renewal(2, renewal(1));
  keeper.wantsProof(1);
  t.same(keeper.proved(cluster.state, 1, 9, new Set(['failover/2/web'])), []);
  keeper.renewal(2, renewal(2));
  keeper.wantsProof(1);
  t.equal(keeper.proved(cluster.state, 1, 9, new Set(['failover/20/web'])).length, 1);
  t.end();
});

t.test('a host that leaves or is unknown gets no lease', (t) => {
  const { cluster, keeper } = lab();
  const rest = { votersOutgoing: [], learners: [2], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, { voters: [1], ...rest });
  cluster.apply({ type: 'hostRemove', name: 'n2', force: true });
  keeper.renewal(2, renewal(1));
  keeper.renewal(7, renewal(1));
  keeper.wantsProof(1);
  t.same(keeper.proved(cluster.state, 1, 9, NOTHING), []);
  t.end();
});

t.test('a VM that stays, and one within its grace, are left where they are', (t) => {
  const { cluster, keeper } = lab();
  cluster.create('calm', { failover: 'stay' });
  cluster.assign('calm', 2);
  cluster.create('patient', { hostLossGraceSeconds: 60 });
  cluster.assign('patient', 2);
  keeper.clock(6_310);
  const names = () => keeper.plan(cluster.state, 1).map(({ key }) => key);
  t.same(names(), ['failover/2/web']);
  keeper.clock(66_310);
  t.same(names().sort(), ['failover/2/patient', 'failover/2/web']);
  keeper.clock(6_310);
  cluster.apply({ type: 'hostDrain', name: 'n2', mode: 'evacuate', parallel: 8 });
  t.same(names().sort(), ['failover/2/patient', 'failover/2/web'], 'an evacuation ends the grace, not the lease');
  keeper.clock(6_000);
  t.same(names(), []);
  t.end();
});

t.test('a host that restarts keeps its VMs until its longer lease has run out, whoever leads', (t) => {
  const { cluster, keeper } = lab();
  renew(keeper, cluster, 1_000);
  const { index } = cluster.apply({ type: 'hostRestarting', hostId: 2, bootId: 'b' });
  const overdue = { key: 'restartOver/2', command: { type: 'hostRestartOver', hostId: 2, index, cause: 'overdue' } };
  t.same(keeper.plan(cluster.state, 1), []);
  keeper.clock(30_000);
  t.same(keeper.plan(cluster.state, 1), [], 'the time at hand was that of before it was known');
  keeper.leaveOffice();
  keeper.takeOffice();
  keeper.clock(40_000);
  t.same(keeper.plan(cluster.state, 2), []);
  keeper.clock(50_000);
  keeper.plan(cluster.state, 2);
  keeper.clock(113_009);
  t.same(keeper.plan(cluster.state, 2), []);
  keeper.clock(113_010);
  t.match(keeper.plan(cluster.state, 2), [overdue]);
  cluster.apply({ type: 'hostRestartOver', hostId: 2, index, cause: 'overdue' });
  t.match(keeper.plan(cluster.state, 2), [{ key: 'failover/2/web' }]);
  t.end();
});

t.test('a host that is back from its restart fails over as quickly as ever', (t) => {
  const { cluster, keeper } = lab();
  const { index } = cluster.apply({ type: 'hostRestarting', hostId: 2, bootId: 'b' });
  keeper.plan(cluster.state, 1);
  renew(keeper, cluster, 20_000);
  cluster.apply({ type: 'hostRestartOver', hostId: 2, index, cause: 'back' });
  keeper.clock(26_309);
  t.same(keeper.plan(cluster.state, 1), []);
  keeper.clock(26_310);
  t.match(keeper.plan(cluster.state, 1), [{ key: 'failover/2/web' }]);
  t.end();
});
