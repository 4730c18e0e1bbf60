import t from 'tap';
import { call, FLAKE_SPEC, serve, TestCluster } from './test-cluster.ts';

/** n1 and n2, both members, 7 vcpu and 7680 MiB each. */
function lab(): TestCluster {
  const cluster = new TestCluster();
  cluster.init('lab');
  cluster.addHost('n2', 'peer-2');
  return cluster;
}

t.test('a plan says where a VM would go, and changes nothing', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const before = cluster.state?.hash();
  const plan = (body: unknown) => call(socket, 'POST', '/v1/vms/plan', body);
  t.match(await plan({ name: 'web', spec: FLAKE_SPEC }), {
    status: 200,
    json: { choice: 'n1', host: null, summary: 'goes to n1', hosts: [{ host: 'n1', fits: true }, { host: 'n2' }] },
  });
  t.match(await plan({ name: 'web', spec: FLAKE_SPEC, power: 'stopped' }), {
    json: { summary: 'would go to n1, if it were started' },
  });
  t.match(await plan({ name: 'big', spec: { ...FLAKE_SPEC, memoryMib: 8192 } }), {
    status: 200,
    json: { choice: null, summary: /^needs 8G of memory; n1 has 7.5G .* To make it fit: ask for 512M of memory less/ },
  });
  t.match(await plan({ name: 'web', spec: { ...FLAKE_SPEC, placement: { host: 'n9' } } }), { status: 404 });
  t.equal(cluster.state?.hash(), before);
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC });
  t.match(await plan({ name: 'web', spec: FLAKE_SPEC }), { status: 200 }, 'the same again would change nothing');
  t.match(await plan({ name: 'web', spec: { ...FLAKE_SPEC, vcpu: 2 } }), { status: 409 });
});

t.test('an explanation has every host, and leaves the VM itself out of account', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const explain = (name: string) => call(socket, 'GET', `/v1/vms/${name}/placement`);
  t.match(await explain('web'), { status: 404 });
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: { ...FLAKE_SPEC, memoryMib: 7000 } });
  cluster.assign('web', 1);
  t.match(await explain('web'), {
    json: {
      host: 'n1',
      choice: 'n1',
      summary: 'is on n1, which would be chosen again',
      hosts: [{ here: true, fits: true }],
    },
  });
  await call(socket, 'POST', '/v1/hosts/n1/settings', { cordoned: true });
  t.match(await explain('web'), {
    json: {
      summary: 'is on n1; no host would be chosen for it now',
      hosts: [
        { rules: [{ rule: 'cordoned', text: 'is cordoned', remedy: 'uncordon n1' }], score: null },
        { rules: [{ rule: 'data', text: 'does not have its data, which is on n1', remedy: 'migrate it to n2' }] },
      ],
    },
  });
  await call(socket, 'POST', '/v1/vms', { name: 'king', spec: { ...FLAKE_SPEC, memoryMib: 7000, priority: 5 } });
  cluster.apply({ type: 'hostSet', name: 'n2', cordoned: true });
  cluster.apply({ type: 'hostSet', name: 'n1', cordoned: false });
  t.match(await explain('king'), { json: { choice: null, priority: 5 } }, 'a VM of a flake makes no room');
});

t.test('an explanation as of the decision stays what it was', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const explain = (asOf: string) => call(socket, 'GET', `/v1/vms/web/placement?asOf=${asOf}`);
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: { ...FLAKE_SPEC, placement: { strategy: 'manual' } } });
  t.match(await explain('decision'), { json: { asOf: 'decision', decision: null, hosts: [], summary: /no decision/ } });
  await call(socket, 'POST', '/v1/vms/web/place', { host: 'n2' });
  await call(socket, 'POST', '/v1/hosts/n2/settings', { cordoned: true });
  t.match(await explain('decision'), {
    status: 200,
    json: {
      ...{ asOf: 'decision', host: 'n2', choice: 'n2', hosts: [], decision: { maker: 'user', by: null } },
      summary: 'was put on n2 by a user, who named it: no other host was looked at',
    },
  });
  t.match(await explain('now'), {
    json: { asOf: 'now', decision: null, hosts: [{ fits: false }, { rules: [{ rule: 'cordoned' }] }] },
  });
  t.match(await explain('then'), { status: 400 });
  t.notOk((await call(socket, 'GET', '/v1/vms/web')).text.includes('decision'), 'lists and views go without it');
  cluster.apply({ type: 'hostSet', name: 'n2', cordoned: false });
});

t.test('a VM is placed by hand, within the rules', async (t) => {
  const { socket, cluster } = await serve(t, { cluster: lab() });
  const spec = { ...FLAKE_SPEC, placement: { strategy: 'manual' } };
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec });
  t.match(await call(socket, 'GET', '/v1/vms/web/placement'), { json: { choice: null, summary: /by hand/ } });
  cluster.apply({ type: 'hostSet', name: 'n2', cordoned: true });
  const place = (host: string) => call(socket, 'POST', '/v1/vms/web/place', { host });
  t.match(await place('n2'), { status: 422, json: { error: { message: /cannot go to n2: it is cordoned/ } } });
  t.match(await place('n1'), { status: 200, json: { changed: true, vm: { hostName: 'n1' } } });
  t.match(await place('n1'), { json: { changed: false } });
});

t.test('hosts say what they keep, and whether they take VMs', async (t) => {
  const { socket } = await serve(t, { cluster: lab() });
  await call(socket, 'POST', '/v1/hosts/n1/settings', { cordoned: true });
  t.match(await call(socket, 'GET', '/v1/hosts/n1'), {
    json: { reserved: { vcpu: 1, memoryMib: 512 }, free: { vcpu: 7 }, cordonedSinceMs: Number },
  });
  await call(socket, 'POST', '/v1/hosts/n1/settings', { cordoned: false });
  t.notOk((await call(socket, 'GET', '/v1/hosts/n1')).at('cordonedSinceMs'));
});
