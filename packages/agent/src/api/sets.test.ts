import t from 'tap';
import { call, serve, TestCluster } from './test-cluster.ts';

const TEMPLATE = { source: { kind: 'inline' }, vcpu: 1, memoryMib: 64 };

/** n1 and n2, both members. */
function lab(): TestCluster {
  const cluster = new TestCluster();
  cluster.init('lab');
  cluster.addHost('n2', 'peer-2');
  return cluster;
}

t.test('a set is asked about before it is made', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const plan = (body: object) => call(socket, 'POST', '/v1/sets/plan', { name: 'web', template: TEMPLATE, ...body });
  const found = await plan({ replicas: 2 });
  t.match(found, {
    status: 200,
    json: {
      ...{ name: 'web', replicas: 2, stale: false },
      members: [
        { name: 'web-0', host: null, choice: /n[12]/, displaces: [], summary: /^goes to n[12]$/ },
        { name: 'web-1' },
      ],
    },
  });
  const { members } = found.json as { members: { choice: string }[] };
  t.same(members.map(({ choice }) => choice).sort(), ['n1', 'n2'], 'one counts for the next');
  t.match(await plan({ replicas: 1, power: 'stopped' }), {
    json: { members: [{ summary: /^would go to n[12], if it were started$/ }] },
  });
  t.match(await plan({ replicas: 1, template: { ...TEMPLATE, memoryMib: 900_000 } }), {
    json: { members: [{ choice: null, summary: /^needs .* of memory; n1 has/ }] },
  });
  t.match(await plan({ replicas: 1, name: 'shop.web' }), { status: 404 });
  await call(socket, 'POST', '/v1/projects', { name: 'shop', quotas: { vms: { maximum: 1 } } });
  t.match(await plan({ replicas: 2, name: 'shop.web' }), {
    json: {
      members: [{ summary: /^goes to/ }, { choice: null, summary: /^waits for room in its project: .* vms=2$/ }],
    },
  });
  t.equal(cluster.state?.vmSetCount, 0, 'nothing was changed');
  await call(socket, 'POST', '/v1/vms', { name: 'web-1', spec: TEMPLATE });
  t.match(await plan({ replicas: 2 }), {
    status: 409,
    json: { error: { message: 'there is a VM web-1, which would not be of the set web: choose another name' } },
  });
  await call(socket, 'POST', '/v1/sets', { name: 'web', template: TEMPLATE, replicas: 1 });
  t.match(await plan({ replicas: 1 }), {
    status: 409,
    json: { error: { message: 'there is a set web already: `n3xctl vm explain web` says where it is' } },
  });
});

t.test('a set is stopped, started, restarted and explained', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const set = (verb: string, body: object = {}) => call(socket, 'POST', `/v1/sets/web/${verb}`, body);
  t.match(await set('start'), { status: 404, json: { error: { message: /^set web does not exist/ } } });
  t.match(await call(socket, 'GET', '/v1/sets/web/placement'), { status: 404 });
  const asked = { name: 'web', template: TEMPLATE, replicas: 2, power: 'stopped' };
  t.match(await call(socket, 'POST', '/v1/sets', asked), { status: 201, json: { set: { power: 'stopped' } } });
  const uid = cluster.state?.vmSet('web')?.uid ?? '';
  for (const ordinal of [0, 1]) {
    cluster.apply({ type: 'vmSetStep', name: 'web', uid, step: { type: 'create', ordinal } });
  }
  t.match(await call(socket, 'GET', '/v1/sets/web'), { json: { state: 'stopped', waitsFor: '' } });
  t.match(await set('restart'), { status: 422, json: { error: { message: /^the set web is stopped: start it/ } } });
  t.match(await set('start', { ifGeneration: 9 }), { status: 409 });
  t.match(await set('start', { ifGeneration: 1 }), { status: 200, json: { changed: true, set: { state: 'working' } } });
  t.match(await set('start'), { json: { changed: false } });
  cluster.assign('web-0', 1);
  t.match(await call(socket, 'GET', '/v1/sets/web/placement?consistency=stale'), {
    json: {
      stale: true,
      members: [
        { name: 'web-0', host: 'n1', choice: 'n1', summary: 'is on n1' },
        { name: 'web-1', host: null, choice: 'n2', summary: 'goes to n2' },
      ],
    },
  });
  t.match(await set('restart'), { json: { changed: true, set: { restarts: 1 } } });
  t.match(await set('stop'), { json: { changed: true, set: { power: 'stopped' } } });
  t.match(await call(socket, 'DELETE', '/v1/sets/web?keepVolumes=maybe'), { status: 400 });
  t.match(await call(socket, 'DELETE', '/v1/sets/web?keepVolumes=true'), { status: 200, json: { changed: true } });
});
