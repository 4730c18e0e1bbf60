import t from 'tap';
import { checkInvariants } from './invariants.ts';
import { SampleCluster, sampleSpec } from './sample.ts';

const adopt = (changes: Readonly<Record<string, unknown>> = {}) => ({
  ...{ type: 'vmAdopt' as const, name: 'web', uid: 'vm-1', power: 'running' as const, hostId: 1 },
  spec: sampleSpec({ source: { kind: 'flake', ref: 'github:me/vms', attribute: 'web' }, failover: 'stay' }),
  ...changes,
});

t.test('an adopted VM has its host from the first moment', async (t) => {
  const cluster = new SampleCluster();
  const result = cluster.apply(adopt());
  t.match(result, { ok: true, changed: true, values: { hostId: 1, epoch: result.index } });
  const vm = cluster.state.vm('web');
  t.match(vm, {
    assignment: { hostId: 1, epoch: result.index },
    adoptedAt: result.index,
    status: { phase: 'starting', reason: 'Adopted' },
  });
  t.same(checkInvariants(cluster.state), []);
  t.match(cluster.apply(adopt()), { ok: true, changed: false, values: { epoch: result.index } }, 'asked again');
});

t.test('what cannot be adopted runs on as it was, and is told why', async (t) => {
  const cluster = new SampleCluster();
  t.match(cluster.apply(adopt({ hostId: 9 })), { error: { code: 'N3X_NOT_FOUND' } });
  const large = adopt({
    spec: sampleSpec({ source: { kind: 'flake', ref: 'github:me/vms', attribute: 'web' }, vcpu: 64 }),
  });
  t.match(cluster.apply(large), {
    error: { code: 'N3X_REFUSED', message: /cannot go to n1: .*It runs on there as it was, unmanaged$/ },
  });
  t.equal(cluster.state.vm('web'), undefined, 'nothing of it is left');
  cluster.apply({ type: 'vmCreate', name: 'web', uid: 'vm-0', spec: sampleSpec(), power: 'stopped' });
  t.match(cluster.apply(adopt()), {
    error: { code: 'N3X_CONFLICT', message: /a VM web exists already.*It runs on as it was$/ },
  });
});

t.test('a released VM goes without being removed', async (t) => {
  const cluster = new SampleCluster();
  t.match(cluster.apply({ type: 'vmRelease', name: 'web' }), { error: { code: 'N3X_NOT_FOUND' } });
  const { index } = cluster.apply(adopt());
  t.match(cluster.apply({ type: 'vmRelease', name: 'web', ifModifiedIndex: 1 }), {
    error: { code: 'N3X_CONFLICT', message: /Read it again/ },
  });
  t.match(cluster.apply({ type: 'vmRelease', name: 'web' }), { ok: true, changed: true });
  t.match(cluster.state.vm('web'), { deleting: true, releasing: true });
  t.match(cluster.apply({ type: 'vmRelease', name: 'web' }), { ok: true, changed: false });
  t.match(cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' }), { error: { code: 'N3X_CONFLICT' } });
  const removed = { type: 'vmRemoved' as const, hostId: 1, name: 'web', uid: 'vm-1', epoch: index };
  t.match(cluster.apply(removed), { ok: true });
  t.equal(cluster.state.vm('web'), undefined);
  t.ok([...cluster.state.events()].some(({ reason }) => reason === 'Released'));
});

t.test('what has no host, or is going, cannot be handed back', async (t) => {
  const cluster = new SampleCluster();
  cluster.apply({ type: 'vmCreate', name: 'web', uid: 'vm-1', spec: sampleSpec(), power: 'stopped' });
  t.match(cluster.apply({ type: 'vmRelease', name: 'web' }), {
    error: { code: 'N3X_REFUSED', message: /has no host that it could be handed back on: delete it with/ },
  });
  cluster.apply(adopt({ name: 'db', uid: 'vm-2' }));
  cluster.apply({ type: 'vmDelete', name: 'db' });
  t.match(cluster.apply({ type: 'vmRelease', name: 'db' }), {
    error: { code: 'N3X_CONFLICT', message: /is being deleted: it cannot be handed back/ },
  });
});
