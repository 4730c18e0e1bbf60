import t from 'tap';
import { applyConfState } from './apply.ts';
import { effectiveStatus } from './effective.ts';
import { misfits } from './fit.ts';
import { checkInvariants } from './invariants.ts';
import { SampleCluster } from './sample.ts';

/** A cluster with a VM on its second host, which has been promised a longer lease; and the way to take the VM off. */
function lab() {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const rest = { votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, { voters: [1, 2], ...rest });
  cluster.create('web');
  cluster.assign('web', 2);
  const vm = cluster.state.vm('web');
  if (vm?.assignment == null) throw new Error('web has no host');
  const { uid, assignment } = vm;
  const failover = { type: 'vmFailover', name: 'web', uid, ...assignment, term: 1 } as const;
  const promised = cluster.apply({ type: 'hostRestarting', hostId: 2, bootId: 'b1' });
  const restarting = () => cluster.state.host(2)?.restarting;
  const over = (index: number, cause: 'back' | 'overdue' = 'back') =>
    cluster.apply({ type: 'hostRestartOver', hostId: 2, index, cause });
  return { cluster, failover, promised, restarting, over };
}

t.test('nothing fails over from a host while the longer lease of its restart stands', (t) => {
  const { cluster, failover, promised, restarting, over } = lab();
  t.match(promised, { ok: true, changed: true });
  t.match(restarting(), { index: promised.index, bootId: 'b1', holdMs: 56_490, waitMs: 63_010 });
  t.match(cluster.state.lastEvent, {
    reason: 'Restarting',
    message: 'n3xd stops, as for an upgrade: its VMs run on, and go elsewhere if it is not back within 64 s',
  });
  t.match(cluster.apply(failover), {
    ok: false,
    error: { message: 'VM web may run on while n2 restarts its n3xd: it fails over once that is overdue' },
  });
  t.match(over(promised.index - 1), { ok: true, changed: false }, 'of another promise');
  t.ok(restarting());
  t.match(over(promised.index, 'overdue'), { ok: true, changed: true });
  t.match(cluster.state.lastEvent, { reason: 'RestartOverdue', severity: 'warning' });
  t.match(cluster.apply(failover), { ok: true, changed: true });
  t.same(checkInvariants(cluster.state), []);
  t.end();
});

t.test('a host that is back says so', (t) => {
  const { cluster, promised, restarting, over } = lab();
  t.match(over(promised.index), { ok: true, changed: true });
  t.equal(restarting(), undefined);
  t.match(cluster.state.lastEvent, { reason: 'Restarted', severity: 'info' });
  t.match(over(promised.index), { ok: true, changed: false });
  t.end();
});

t.test('a promise that comes late stands for as long as the longest before it', (t) => {
  const { cluster, promised, restarting } = lab();
  cluster.apply({ type: 'clusterSet', settings: { restartLeaseSeconds: 10 } });
  const later = cluster.apply({ type: 'hostRestarting', hostId: 2, bootId: 'b0' });
  t.ok(later.index > promised.index);
  t.match(restarting(), { index: later.index, bootId: 'b0', holdMs: 8_990, waitMs: 63_010 });
  t.end();
});

t.test('while a host restarts it is given no VMs, and those it has say why they wait', (t) => {
  const { cluster } = lab();
  const [vm, host] = [cluster.state.vm('web'), cluster.state.host(2)];
  if (vm === undefined || host === undefined) throw new Error('there is no VM or no host');
  t.match(misfits(vm, host, cluster.state.indexes), [{ rule: 'restarting' }]);
  t.equal(effectiveStatus(vm, host).phase, vm.status.phase, 'as long as it is heard from');
  t.match(effectiveStatus(vm, { ...host, reachable: false }), {
    phase: 'lost',
    reason: 'HostRestarting',
    message:
      'host n2 restarts its n3xd: the VM may run on there, and goes elsewhere 64 s after the restart began; last seen building',
  });
  t.match(effectiveStatus({ ...vm, spec: { ...vm.spec, failover: 'stay' } }, { ...host, reachable: false }), {
    message: 'host n2 restarts its n3xd: the VM may run on there; last seen building',
  });
  t.end();
});

t.test('the setting goes with the leases, and 0 is for none', (t) => {
  const cluster = new SampleCluster();
  const set = (restartLeaseSeconds: number) => cluster.apply({ type: 'clusterSet', settings: { restartLeaseSeconds } });
  t.match(set(6), {
    ok: false,
    error: {
      message:
        'a restart lease of 6 s is no longer than the 6 s that a lease lasts anyhow: raise restart-lease, or set it to 0 for none',
    },
  });
  t.match(set(0), { ok: true, changed: true });
  t.match(cluster.state.lastEvent, {
    reason: 'RestartLeaseChanged',
    message: 'n3xd may take 0 s to restart, 60 s before',
  });
  t.match(cluster.apply({ type: 'hostRestarting', hostId: 1, bootId: 'b1' }), {
    ok: false,
    error: { code: 'N3X_REFUSED', message: 'host n1 is given no lease to restart: restart-lease is 0' },
  });
  t.match(cluster.apply({ type: 'hostRestarting', hostId: 9, bootId: 'b1' }), { error: { code: 'N3X_NOT_FOUND' } });
  t.end();
});
