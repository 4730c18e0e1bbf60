import t from 'tap';
import { applyConfState } from './apply.ts';
import { checkInvariants } from './invariants.ts';
import { SampleCluster } from './sample.ts';

/** Takes hosts 1 and 2 into the group. */
function letIn({ state }: SampleCluster): void {
  const rest = { votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(state, state.index + 1, { voters: [1, 2], ...rest });
}

/** A cluster with a VM on its second host, and the command to take it off there. */
function lab(changes: Parameters<SampleCluster['create']>[1] = {}) {
  const cluster = new SampleCluster();
  cluster.join('n2');
  letIn(cluster);
  cluster.create('web', changes);
  cluster.assign('web', 2);
  const vm = cluster.state.vm('web');
  if (vm?.assignment == null) throw new Error('web has no host');
  const { uid, assignment } = vm;
  const command = { type: 'vmFailover', name: 'web', uid, ...assignment, term: 1 } as const;
  return { cluster, command };
}

t.test('a VM whose lease has run out waits for another host, and its old one knows of it no more', (t) => {
  const { cluster, command } = lab();
  t.match(cluster.apply(command), { ok: true, changed: true });
  t.match(cluster.state.vm('web'), {
    assignment: null,
    status: { phase: 'pending', reason: 'HostLost', message: 'its lease on n2 has run out: it waits for another host' },
  });
  t.match(cluster.apply(command), { ok: true, changed: false }, 'once is enough');
  t.same(checkInvariants(cluster.state), []);
  t.end();
});

t.test('the decision of a leader of another term, or about another assignment, is void', (t) => {
  const { cluster, command } = lab();
  t.match(cluster.apply({ ...command, term: 2 }), { ok: false, error: { code: 'N3X_CONFLICT' } });
  t.match(cluster.apply({ ...command, epoch: command.epoch - 1 }), { ok: true, changed: false });
  t.match(cluster.apply({ ...command, uid: 'another' }), { ok: true, changed: false });
  t.equal(cluster.state.vm('web')?.assignment?.hostId, 2);
  t.end();
});

t.test('a VM that stays with its host may run on there, and is never taken off', (t) => {
  const { cluster, command } = lab({ failover: 'stay' });
  t.match(cluster.apply(command), { ok: false, error: { message: /^VM web stays with its host/ } });
  t.end();
});

t.test('a VM that is being deleted goes with its lost host, a stopped one stays stopped', (t) => {
  const { cluster, command } = lab();
  cluster.apply({ type: 'vmDelete', name: 'web' });
  cluster.apply(command);
  t.equal(cluster.state.vm('web'), undefined);
  const other = lab();
  other.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  other.cluster.apply(other.command);
  t.match(other.cluster.state.vm('web'), { assignment: null, status: { phase: 'stopped', reason: 'HostLost' } });
  t.end();
});

t.test('a host that is removed is out only once its leases have ended', (t) => {
  const { cluster, command } = lab();
  const rest = { votersOutgoing: [], learners: [2], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, { voters: [1], ...rest });
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  t.match(cluster.apply({ type: 'hostRemove', name: 'n2', force: false }), { ok: true });
  t.match(cluster.apply({ type: 'hostRemoved', hostId: 2 }), {
    ok: false,
    error: { message: /^host n2 may still run VMs under a lease/ },
  });
  cluster.apply(command);
  t.match(cluster.apply({ type: 'hostRemoved', hostId: 2 }), { ok: true });
  t.match(cluster.state.vm('web')?.status, { phase: 'pending', reason: 'HostLost' });
  t.end();
});

t.test("what is fenced goes only where the dead-man's switch works", (t) => {
  const cluster = new SampleCluster();
  cluster.join('n2', { facts: { fence: { works: false, message: 'systemd-run is missing' } } });
  letIn(cluster);
  cluster.create('web');
  t.match(cluster.assign('web', 2), {
    ok: false,
    error: { message: /has no dead-man's switch that works: systemd-run is missing/ },
  });
  cluster.create('calm', { failover: 'stay' });
  t.match(cluster.assign('calm', 2), { ok: true });
  t.end();
});

t.test('figures of leases that do not go together are refused', (t) => {
  const cluster = new SampleCluster();
  t.match(cluster.apply({ type: 'clusterSet', settings: { fenceMarginMs: 9_000 } }), {
    ok: false,
    error: { code: 'N3X_INVALID', message: /^a host could hold a lease/ },
  });
  t.match(cluster.apply({ type: 'clusterSet', settings: { leaseTtlSeconds: 10, clockErrorPercent: 1 } }), { ok: true });
  t.equal(cluster.state.cluster?.longestLeaseMs, 10_110);
  t.end();
});
