import t from 'tap';
import { call, FLAKE_SPEC, serve, TestCluster } from './test-cluster.ts';

const SPEC = { ...FLAKE_SPEC, disposable: true };

/** n1 and n2, both members, and a VM on n1. */
function lab(): TestCluster {
  const cluster = new TestCluster();
  cluster.init('lab');
  cluster.addHost('n2', 'peer-2');
  return cluster;
}

t.test('a drain is begun, looked at and ended', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: SPEC });
  await call(socket, 'POST', '/v1/vms', { name: 'data', spec: FLAKE_SPEC });
  cluster.assign('web', 1);
  cluster.assign('data', 1);
  t.match(await call(socket, 'GET', '/v1/hosts/n1/drain'), { json: { drain: null, moved: 0, stuck: 1, waiting: 1 } });
  t.match(await call(socket, 'POST', '/v1/hosts/n9/drain', {}), { status: 404 });
  t.match(await call(socket, 'POST', '/v1/hosts/n1/drain', { parallel: 0 }), { status: 400 });
  t.match(await call(socket, 'POST', '/v1/hosts/n1/drain', { deadlineSeconds: 60 }), {
    status: 200,
    json: { changed: true },
  });
  t.match(await call(socket, 'GET', '/v1/hosts/n1'), {
    json: { drain: { mode: 'drain', parallel: 4, total: 2 }, cordonedSinceMs: Number },
  });
  t.match(await call(socket, 'GET', '/v1/hosts/n1/drain?consistency=stale'), {
    json: {
      stale: true,
      vms: [
        {
          name: 'data',
          state: 'stuck',
          to: null,
          text: /^is from a flake of its own, which may keep data on its host/,
        },
        { name: 'web', state: 'waiting', text: 'waits for its turn' },
      ],
    },
  });
  t.match(await call(socket, 'POST', '/v1/hosts/n1/drain', { mode: 'evacuate' }), { json: { changed: true } });
  t.match(await call(socket, 'GET', '/v1/hosts/n1'), { json: { drain: { mode: 'evacuate', parallel: 256 } } });
  cluster.apply({ type: 'hostReachable', hostId: 1, reachable: false });
  t.match(await call(socket, 'GET', '/v1/hosts/n1/drain'), {
    json: { vms: [{ state: 'waiting', text: /^n1 is not heard from and cannot stop it/ }, {}] },
  });
  t.match(await call(socket, 'POST', '/v1/hosts/n1/undrain'), { status: 200, json: { changed: true } });
  t.match(await call(socket, 'POST', '/v1/hosts/n1/undrain'), { status: 200, json: { changed: false } });
  t.match(await call(socket, 'GET', '/v1/hosts/n9/drain'), { status: 404 });
});

t.test('a VM is moved to the host that is named, or to the best one', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const migrate = (name: string, body: object = {}) => call(socket, 'POST', `/v1/vms/${name}/migrate`, body);
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: SPEC });
  t.match(await migrate('wev'), { status: 404, json: { error: { message: /did you mean web\?/ } } });
  t.match(await migrate('web'), { status: 422, json: { error: { message: /^VM web has no host to leave/ } } });
  cluster.assign('web', 1);
  t.match(await migrate('web', { host: 'n9' }), { status: 404 });
  t.match(await migrate('web', { host: 'n1' }), {
    status: 422,
    json: { error: { message: 'VM web is on n1 already' } },
  });
  t.match(await migrate('web'), { status: 200, json: { changed: true, vm: { hostName: 'n1', movingTo: 'n2' } } });
  t.match(await migrate('web', { host: 'n2' }), { status: 200, json: { changed: false } });
  t.match(await call(socket, 'GET', '/v1/vms/web/placement'), { json: { summary: 'is on n1, and moves to n2' } });
  await call(socket, 'POST', '/v1/vms', { name: 'data', spec: FLAKE_SPEC });
  cluster.assign('data', 1);
  t.match(await migrate('data'), { status: 422, json: { error: { message: /^VM data is from a flake of its own/ } } });
  await call(socket, 'POST', '/v1/vms', { name: 'off', spec: { ...SPEC, memoryMib: 6000 } });
  cluster.assign('off', 1);
  await call(socket, 'POST', '/v1/vms/off/stop');
  await call(socket, 'POST', '/v1/hosts/n2/settings', { cordoned: true });
  t.match(
    await migrate('off'),
    { status: 200, json: { vm: { moving: { step: 'leave' } } } },
    'what is stopped needs no room',
  );
});

t.test('a plan is made, and carried out as far as it still holds', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  for (const name of ['a', 'b', 'c', 'd']) {
    await call(socket, 'POST', '/v1/vms', { name, spec: { ...SPEC, vcpu: 1 } });
    cluster.assign(name, 1);
    const { uid, assignment, status } = cluster.state?.vm(name) ?? {};
    if (uid === undefined || assignment === undefined || assignment === null || status === undefined)
      throw new Error(name);
    const report = { name, uid, epoch: assignment.epoch, status: { ...status, phase: 'running' as const } };
    cluster.apply({ type: 'vmReport', hostId: 1, reports: [report] });
  }
  const plan = await call(socket, 'GET', '/v1/cluster/rebalance?max=64');
  t.match(plan, { status: 200, json: { considered: 4, moves: [{ from: 'n1', to: 'n2', targetId: 2 }, {}] } });
  t.match(await call(socket, 'GET', '/v1/cluster/rebalance?max=1'), { json: { moves: { length: 1 } } });
  const { moves } = plan.json as { moves: { name: string; uid: string; epoch: number; targetId: number }[] };
  const asked = moves.map(({ name, uid, epoch, targetId }) => ({ name, uid, epoch, targetId }));
  await call(socket, 'DELETE', `/v1/vms/${asked[0]?.name}`);
  t.match(await call(socket, 'POST', '/v1/cluster/rebalance', { moves: asked }), {
    status: 200,
    json: { changed: true, moved: 1, left: 1, reason: /is being deleted/ },
  });
  t.match(await call(socket, 'POST', '/v1/cluster/rebalance', { moves: [] }), { status: 400 });
  const old = asked.map((move) => ({ ...move, epoch: 1 }));
  t.match(await call(socket, 'POST', '/v1/cluster/rebalance', { moves: old }), { status: 409 });
});

t.test('VMs that are near each other move together, and a move is taken back', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const near = { ...SPEC, labels: { app: 'pair' }, placement: { near: ['app=pair'] } };
  for (const name of ['a', 'b']) {
    await call(socket, 'POST', '/v1/vms', { name, spec: near });
    cluster.assign(name, 1);
  }
  const migrate = (name: string, body: object = {}) => call(socket, 'POST', `/v1/vms/${name}/migrate`, body);
  t.match(await migrate('a'), {
    status: 422,
    json: {
      error: {
        message: 'VM a goes only together with b (near app=pair): `n3xctl vm migrate a --together` moves them all',
      },
    },
  });
  t.match(await migrate('a', { host: 'n9', together: true }), { status: 404 });
  t.match(await call(socket, 'POST', '/v1/vms/a/migrate?ifModifiedIndex=1', { together: true }), { status: 409 });
  t.match(await migrate('a', { host: 'n2', together: true }), {
    status: 200,
    json: { changed: true, together: ['b'], vm: { name: 'a', movingTo: 'n2' } },
  });
  t.match(await call(socket, 'GET', '/v1/vms/b'), { json: { movingTo: 'n2' } });
  t.match(await call(socket, 'POST', '/v1/vms/b/migrate/cancel'), { status: 200, json: { changed: true } });
  t.equal(cluster.state?.vm('b')?.moving, undefined);
  t.match(await call(socket, 'POST', '/v1/vms/b/migrate/cancel'), { status: 200, json: { changed: false } });
  t.match(await call(socket, 'POST', '/v1/vms/c/migrate/cancel'), { status: 404 });
  await call(socket, 'POST', '/v1/vms/a/migrate/cancel');
  await call(socket, 'POST', '/v1/hosts/n2/settings', { cordoned: true });
  t.match(await migrate('a', { together: true }), {
    status: 422,
    json: {
      error: { message: /^VM a goes only together with b .* no other host takes them: n2 is cordoned \(for a\)/ },
    },
  });
  await call(socket, 'POST', '/v1/vms', { name: 'alone', spec: SPEC });
  cluster.assign('alone', 1);
  await call(socket, 'POST', '/v1/hosts/n2/settings', { cordoned: false });
  t.match(await migrate('alone', { together: true }), { status: 200, json: { together: [], vm: { movingTo: 'n2' } } });
});
