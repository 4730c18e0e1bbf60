import t from 'tap';
import type { VmStatus } from '../model/vm.ts';
import { applyConfState } from './apply.ts';
import { effectivePhase } from './effective.ts';
import { checkInvariants } from './invariants.ts';
import { SampleCluster } from './sample.ts';

function status(changes: Partial<VmStatus>): VmStatus {
  return {
    phase: 'running',
    reason: '',
    message: '',
    sinceMs: 7,
    observedGeneration: 1,
    observedRestarts: 0,
    ...changes,
  };
}

/** n1 and n2, both in the group. */
function pair(): SampleCluster {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

t.test('an assignment has the index as its epoch', (t) => {
  const cluster = pair();
  cluster.create('web');
  const result = cluster.assign('web', 2);
  t.match(result, { ok: true, values: { hostId: 2, epoch: result.index } });
  t.match(cluster.state.vm('web'), {
    assignment: { hostId: 2, epoch: result.index },
    status: { phase: 'building', reason: 'Assigned' },
  });
  t.match(cluster.assign('web', 1), { ok: false, error: { code: 'N3X_REFUSED', message: /has a host/ } });
  t.end();
});

t.test('a decision made from an older VM is refused', (t) => {
  const cluster = pair();
  cluster.create('web');
  const base = { name: 'web', uid: 'uid-web', baseIndex: cluster.state.vm('web')?.modifiedIndex ?? 0 };
  cluster.apply({ type: 'vmRestart', name: 'web' });
  t.match(cluster.apply({ type: 'vmAssign', ...base, hostId: 1 }), { ok: false, error: { code: 'N3X_CONFLICT' } });
  const now = { ...base, baseIndex: cluster.state.vm('web')?.modifiedIndex ?? 0 };
  t.match(cluster.apply({ type: 'vmAssign', ...now, uid: 'x', hostId: 1 }), { error: { code: 'N3X_CONFLICT' } });
  t.match(cluster.apply({ type: 'vmAssign', ...now, hostId: 9 }), { error: { code: 'N3X_NOT_FOUND' } });
  t.end();
});

t.test('every hard rule is held by apply', (t) => {
  const cluster = pair();
  const refused = (name: string, hostId: number, rule: string) =>
    t.match(cluster.assign(name, hostId), { ok: false, error: { code: 'N3X_REFUSED', details: { rules: [rule] } } });
  const port = (hostPort: number) => ({
    source: {
      kind: 'inline' as const,
      interfaces: [{ type: 'user' as const }],
      forwards: [{ hostPort, guestPort: 80 }],
    },
  });
  cluster.create('pinned', { placement: { host: 'n1' } });
  refused('pinned', 2, 'pinned');
  cluster.create('labelled', { placement: { requireLabels: { zone: 'a' } } });
  refused('labelled', 1, 'labels');
  cluster.create('wide', { vcpu: 9 });
  refused('wide', 1, 'vcpu');
  cluster.create('big', { memoryMib: 16_385 });
  refused('big', 1, 'memory');
  cluster.create('first', port(8080));
  t.match(cluster.assign('first', 1), { ok: true });
  cluster.create('second', port(8080));
  refused('second', 1, 'hostPort');
  t.match(cluster.assign('second', 2), { ok: true });
  cluster.create('web');
  cluster.apply({ type: 'hostReachable', hostId: 1, reachable: false });
  refused('web', 1, 'unreachable');
  cluster.join('n3');
  refused('web', 3, 'joining');
  cluster.apply({ type: 'hostLeave', name: 'n3' });
  refused('web', 3, 'leaving');
  t.end();
});

t.test('a full host takes no more', (t) => {
  const cluster = pair();
  for (const name of ['a', 'b']) {
    cluster.create(name, { memoryMib: 8192 });
    t.match(cluster.assign(name, 1), { ok: true });
  }
  cluster.create('c', { memoryMib: 16 });
  t.match(cluster.assign('c', 1), { ok: false, error: { message: /nothing of memory free of 16G/ } });
  t.end();
});

t.test('why there is no host is kept once', (t) => {
  const cluster = pair();
  cluster.create('web');
  const command = () =>
    ({
      type: 'vmUnplaceable',
      name: 'web',
      uid: 'uid-web',
      baseIndex: cluster.state.vm('web')?.modifiedIndex ?? 0,
      reason: 'NoHostFits',
      message: 'needs more',
    }) as const;
  t.match(cluster.apply(command()), { ok: true, changed: true });
  t.match(cluster.state.vm('web')?.status, { phase: 'pending', reason: 'NoHostFits', message: 'needs more' });
  t.match(cluster.apply(command()), { ok: true, changed: false });
  t.end();
});

t.test('only the host that has a VM at its epoch reports on it', (t) => {
  const cluster = pair();
  cluster.create('web');
  cluster.assign('web', 2);
  const epoch = cluster.state.vm('web')?.assignment?.epoch ?? 0;
  const report = { name: 'web', uid: 'uid-web', epoch, status: status({ pid: 42 }) };
  const send = (hostId: number, changes: Partial<typeof report>) =>
    cluster.apply({ type: 'vmReport', hostId, reports: [{ ...report, ...changes }] });
  t.match(send(1, {}), { ok: true, changed: false });
  t.match(send(2, { epoch: epoch - 1 }), { ok: true, changed: false });
  t.match(send(2, { uid: 'x' }), { ok: true, changed: false });
  t.match(send(2, { name: 'nix' }), { ok: true, changed: false });
  t.match(send(2, { status: status({ phase: 'lost' }) }), { ok: true, changed: false });
  t.match(send(9, {}), { ok: false, error: { code: 'N3X_NOT_FOUND' } });
  t.match(send(2, {}), { ok: true, changed: true });
  t.match(cluster.state.vm('web')?.status, { phase: 'running', pid: 42, sinceMs: 7 });
  t.match(cluster.last.objectChanges[1]?.object, { reason: 'Running', message: 'running' });
  t.match(send(2, { status: status({ pid: 42, sinceMs: 9 }) }), { ok: true, changed: false });
  t.end();
});

t.test('what an evaluation says is what the VM takes, and stays known', (t) => {
  const cluster = pair();
  cluster.create('web');
  cluster.assign('web', 2);
  const epoch = cluster.state.vm('web')?.assignment?.epoch ?? 0;
  const send = (changes: Partial<VmStatus>) =>
    cluster.apply({
      type: 'vmReport',
      hostId: 2,
      reports: [{ name: 'web', uid: 'uid-web', epoch, status: status(changes) }],
    });
  t.match(cluster.state.load(2), { vcpu: 1, memoryMib: 512 });
  send({ phase: 'starting', evaluated: { vcpu: 4, memoryMib: 2048 } });
  t.match(cluster.state.load(2), { vcpu: 4, memoryMib: 2048 });
  send({ phase: 'running' });
  t.match(cluster.state.load(2), { vcpu: 4, memoryMib: 2048 });
  t.end();
});

t.test('a VM of a host that is not heard from is lost, and its record is left alone', (t) => {
  const cluster = pair();
  cluster.create('web');
  cluster.assign('web', 2);
  const before = cluster.state.vm('web');
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  const vm = cluster.state.vm('web');
  t.equal(vm, before);
  t.ok(vm !== undefined && effectivePhase(vm, cluster.state.host(2)) === 'lost');
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: true });
  t.ok(vm !== undefined && effectivePhase(vm, cluster.state.host(2)) === 'building');
  t.end();
});

t.test('what a removed VM took is free again, while others stay', (t) => {
  const cluster = pair();
  for (const name of ['a', 'b', 'c']) {
    cluster.create(name);
    cluster.assign(name, 2);
  }
  const { vcpu } = cluster.state.load(2);
  const port = `tcp/${cluster.state.vm('b')?.allocation.hostPorts[0]}`;
  t.equal(cluster.state.load(2).portUser(port), 'b');
  const epoch = cluster.state.vm('b')?.assignment?.epoch ?? 0;
  cluster.apply({ type: 'vmDelete', name: 'b' });
  t.match(cluster.apply({ type: 'vmRemoved', hostId: 2, name: 'b', uid: 'uid-b', epoch }), { ok: true, changed: true });
  t.equal(cluster.state.load(2).vcpu, vcpu - 1);
  t.equal(cluster.state.load(2).portUser(port), undefined);
  t.same(checkInvariants(cluster.state), []);
  t.end();
});

t.test('what the leader decided before others came is refused by the rules about them', (t) => {
  const cluster = pair();
  const web = { labels: { app: 'web' } };
  cluster.create('w1', { ...web, placement: { limits: [{ label: 'app=web', per: 'zone', max: 2 }] } });
  cluster.assign('w1', 1);
  cluster.create('w2', web);
  cluster.assign('w2', 2);
  const refused = (name: string, spec: Parameters<SampleCluster['create']>[1], hostId: number, rule: string) => {
    cluster.create(name, spec);
    t.match(cluster.assign(name, hostId), { ok: false, error: { code: 'N3X_REFUSED', details: { rules: [rule] } } });
  };
  refused('third', web, 2, 'limit');
  refused('far', { placement: { apart: ['app=web'] } }, 1, 'apart');
  refused('close', { placement: { near: ['app=db'] } }, 1, 'near');
  refused('arm', { placement: { system: 'aarch64-linux' } }, 1, 'system');
  refused('gpu', { placement: { features: ['gpu'] } }, 1, 'features');
  cluster.create('db', { labels: { app: 'db' }, placement: { apart: ['tier=test'] } });
  cluster.assign('db', 1);
  refused('test', { labels: { tier: 'test' } }, 1, 'apart');
  cluster.apply({ type: 'hostSet', name: 'n2', cordoned: true });
  refused('late', {}, 2, 'cordoned');
  t.same(checkInvariants(cluster.state), []);
  // A zone of its own makes room for one more, and what is counted by zone follows.
  cluster.apply({ type: 'hostSet', name: 'n2', cordoned: false, labels: { zone: 'b' } });
  t.match(cluster.assign('third', 2), { ok: true });
  t.same(checkInvariants(cluster.state), []);
  t.end();
});
