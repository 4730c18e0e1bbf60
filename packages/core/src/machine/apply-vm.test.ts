import t from 'tap';
import { checkInvariants } from './invariants.ts';
import { SampleCluster, sampleSpec } from './sample.ts';

t.test('a VM is created once; the same again changes nothing', (t) => {
  const cluster = new SampleCluster();
  t.match(cluster.create('web'), { ok: true, changed: true });
  const before = cluster.state.vm('web');
  t.match(before, { generation: 1, power: 'running', assignment: null, status: { phase: 'pending' } });
  t.match(cluster.apply({ type: 'vmCreate', name: 'web', uid: 'other', spec: sampleSpec(), power: 'running' }), {
    ok: true,
    changed: false,
  });
  t.equal(cluster.state.vm('web'), before);
  t.same(cluster.last.objectChanges, []);
  t.end();
});

t.test('another spec under the same name is a conflict that names the fields', (t) => {
  const cluster = new SampleCluster();
  cluster.create('web');
  const result = cluster.create('web', { memoryMib: 1024, labels: { tier: 'front' } });
  t.match(result, {
    ok: false,
    error: {
      code: 'N3X_CONFLICT',
      message: /memoryMib is 512, asked for 1024/,
      details: {
        fields: [
          { path: 'labels.tier', old: null, new: 'front' },
          { path: 'memoryMib', old: 512, new: 1024 },
        ],
      },
    },
  });
  t.end();
});

t.test('specs that differ in much give a bounded refusal', (t) => {
  const cluster = new SampleCluster();
  const source = (text: string) => ({
    kind: 'inline' as const,
    modules: Array.from({ length: 16 }, (_, i) => ({
      kind: 'text' as const,
      name: `m${i}`,
      text: text.repeat(60_000),
    })),
  });
  cluster.create('web', { source: source('a') });
  const result = cluster.create('web', { source: source('b') });
  t.equal(result.ok, false);
  t.ok(JSON.stringify(result).length < 20_000);
  t.match(!result.ok && result.error.message, /10 more/);
  t.end();
});

t.test('a VM for a host that does not exist is refused', (t) => {
  const cluster = new SampleCluster();
  t.match(cluster.create('web', { placement: { host: 'n9' } }), {
    ok: false,
    error: { code: 'N3X_NOT_FOUND', message: /host n9.*the cluster has n1/ },
  });
  t.equal(cluster.state.vm('web'), undefined);
  t.end();
});

t.test('the same host port twice is refused', (t) => {
  const cluster = new SampleCluster();
  const forwards = [
    { hostPort: 8080, guestPort: 80 },
    { hostPort: 8080, guestPort: 81 },
  ];
  t.match(cluster.create('web', { source: { kind: 'inline', interfaces: [{ type: 'user' }], forwards } }), {
    ok: false,
    error: { code: 'N3X_INVALID' },
  });
  t.end();
});

t.test('power', (t) => {
  const cluster = new SampleCluster();
  cluster.create('web');
  t.match(cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' }), { changed: false });
  t.match(cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' }), { changed: true });
  t.match(cluster.state.vm('web'), { generation: 2, power: 'stopped', status: { phase: 'stopped' } });
  t.same([...cluster.state.waiting], []);
  t.match(cluster.apply({ type: 'vmRestart', name: 'web' }), {
    ok: false,
    error: { code: 'N3X_REFUSED', message: /n3xctl vm start web/ },
  });
  t.match(cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' }), { changed: true });
  t.same([...cluster.state.waiting], ['web']);
  t.match(cluster.apply({ type: 'vmRestart', name: 'web' }), { changed: true });
  t.equal(cluster.state.vm('web')?.restarts, 1);
  t.end();
});

t.test('a condition on the index holds', (t) => {
  const cluster = new SampleCluster();
  cluster.create('web');
  const ifModifiedIndex = cluster.state.vm('web')?.modifiedIndex;
  t.match(cluster.apply({ type: 'vmRestart', name: 'web', ifModifiedIndex }), { ok: true });
  for (const type of ['vmRestart', 'vmDelete'] as const) {
    t.match(cluster.apply({ type, name: 'web', ifModifiedIndex }), { ok: false, error: { code: 'N3X_CONFLICT' } });
  }
  t.end();
});

t.test('deleting', (t) => {
  const cluster = new SampleCluster();
  t.match(cluster.apply({ type: 'vmDelete', name: 'web' }), { ok: false, error: { code: 'N3X_NOT_FOUND' } });
  cluster.create('web');
  t.match(cluster.apply({ type: 'vmDelete', name: 'web' }), { ok: true, changed: true });
  t.match(cluster.last.objectChanges, [
    { kind: 'vm', name: 'web', object: null },
    { kind: 'event', object: { reason: 'Deleted' } },
  ]);
  t.match(
    cluster.last.changes.find(([key]) => key === 'vm/web'),
    ['vm/web', null],
  );

  cluster.create('db');
  cluster.assign('db');
  const epoch = cluster.state.vm('db')?.assignment?.epoch ?? 0;
  const gone = { type: 'vmRemoved', hostId: 1, name: 'db', uid: 'uid-db', epoch } as const;
  t.match(cluster.apply(gone), { ok: false, error: { code: 'N3X_REFUSED' } });
  t.match(cluster.apply({ type: 'vmDelete', name: 'db' }), { ok: true, changed: true });
  t.match(cluster.state.vm('db'), { deleting: true });
  t.match(cluster.apply({ type: 'vmDelete', name: 'db' }), { ok: true, changed: false });
  for (const command of [
    { type: 'vmRestart', name: 'db' },
    { type: 'vmSetPower', name: 'db', power: 'stopped' },
    { type: 'vmCreate', name: 'db', uid: 'new', spec: sampleSpec(), power: 'running' },
  ] as const) {
    t.match(cluster.apply(command), { ok: false, error: { code: 'N3X_CONFLICT', message: /being deleted/ } });
  }
  t.match(cluster.apply({ ...gone, epoch: epoch + 1 }), { ok: false, error: { code: 'N3X_CONFLICT' } });
  t.match(cluster.apply(gone), { ok: true, changed: true });
  t.equal(cluster.state.vm('db'), undefined);
  t.match(cluster.apply(gone), { ok: true, changed: false });
  t.same(checkInvariants(cluster.state), []);
  t.end();
});
