import type { FoundVmView } from '@n3x/core/api/adoption-routes';
import t from 'tap';
import { call, serve, TestCluster, tunnelPair } from './test-cluster.ts';

const FOREIGN: FoundVmView = {
  ...{ name: 'web', kind: 'foreign', pid: 4711, flake: 'github:me/vms', adoptable: true, reason: '' },
};
const OWN: FoundVmView = {
  ...{ name: 'own', kind: 'declarative', pid: 4712, flake: null, adoptable: false },
  reason: "it belongs to the host's own NixOS configuration",
};

t.test('a microVM becomes a VM of the host it is on, and is handed back', async (t) => {
  const { socket, cluster, host } = await serve(t);
  host.foundVms = [FOREIGN, OWN];
  t.match(await call(socket, 'GET', '/v1/hosts/n1/found'), {
    status: 200,
    json: { host: 'n1', items: [FOREIGN, OWN] },
  });
  const adopt = (body: unknown) => call(socket, 'POST', '/v1/hosts/n1/adopt', body);
  t.match(await adopt({ vm: 'web' }), {
    status: 200,
    json: { changed: true, vm: { name: 'web', power: 'running', hostName: 'n1', spec: { vcpu: 2, failover: 'stay' } } },
  });
  const vm = cluster.state?.vm('web');
  t.match(vm?.spec, { source: { kind: 'flake', attribute: 'web' }, placement: { host: 'n1' }, memoryMib: 256 });
  t.match(host.adopted, [{ name: 'web', uid: vm?.uid, epoch: vm?.assignment?.epoch, fenced: false }]);
  // Cut short before its host took it over: asked again it goes on, without another look at the flake.
  host.foundVms = [OWN];
  t.match(await adopt({ vm: 'web', failover: 'restart' }), { status: 200, json: { changed: false } });
  t.equal(host.adopted.length, 2);
  t.match(await call(socket, 'POST', '/v1/vms/web/release'), { status: 200, json: { changed: true } });
  t.equal(cluster.state?.vm('web'), undefined);
});

t.test('what cannot be adopted or handed back is refused with the reason', async (t) => {
  const { socket, host } = await serve(t);
  host.foundVms = [OWN, { ...FOREIGN, name: 'odd', flake: 'no flake\u0000' }];
  const adopt = (vm: string) => call(socket, 'POST', '/v1/hosts/n1/adopt', { vm });
  t.match(await adopt('own'), { status: 500, json: { error: { code: 'N3X_DRIVER', message: /own NixOS/ } } });
  t.match(await adopt('none'), { status: 404, json: { error: { code: 'N3X_NOT_FOUND' } } });
  t.match(await adopt('odd'), { status: 400, json: { error: { code: 'N3X_INVALID', message: /source.ref/ } } });
  t.match(await call(socket, 'POST', '/v1/hosts/n9/adopt', { vm: 'web' }), { status: 404 });
  t.match(await call(socket, 'POST', '/v1/vms/none/release'), { status: 404 });
  t.same(host.adopted, []);
});

t.test('another host answers for what is on it', async (t) => {
  const cluster = new TestCluster();
  cluster.init('lab');
  cluster.addHost('n2', 'peer-2');
  const one = await serve(t, { cluster });
  const two = await serve(t, { cluster, hostId: 2 });
  two.host.foundVms = [FOREIGN];
  const adopt = () => call(one.socket, 'POST', '/v1/hosts/n2/adopt', { vm: 'web' });
  one.host.tunnels = null;
  t.match(await adopt(), { status: 502, json: { error: { code: 'N3X_UNREACHABLE', message: /host n2/ } } });
  one.host.tunnels = async () => {
    const [here, there] = tunnelPair();
    two.host.server?.acceptTunnel(there);
    return here;
  };
  t.match(await call(one.socket, 'GET', '/v1/hosts/n2/found'), { json: { host: 'n2', items: [FOREIGN] } });
  t.match(await adopt(), { status: 200, json: { vm: { hostName: 'n2' } } });
  t.equal(two.host.adopted.length, 1);
  t.match(await call(one.socket, 'POST', '/v1/hosts/n2/adopt', { vm: 'other' }), {
    status: 404,
    json: { error: { message: /no microVM other/ } },
  });
  t.match(await call(one.socket, 'POST', '/v1/vms/web/release'), { status: 200, json: { changed: true } });
});

t.test('what is left of VMs that are gone is listed, and cleaned as far as is asked', async (t) => {
  const { socket, host } = await serve(t);
  const ours = { kind: 'interface' as const, what: 'n3x4x0', why: 'nobody has it', ours: true };
  const other = { kind: 'image' as const, what: '/vms/x/data.img', why: 'nothing uses it', ours: false };
  host.orphans = [ours, other];
  t.match(await call(socket, 'GET', '/v1/hosts/n1/orphans'), { json: { host: 'n1', items: [ours, other] } });
  const clean = (body: unknown) => call(socket, 'POST', '/v1/hosts/n1/orphans/clean', body);
  t.match(await clean({}), { status: 200, json: { host: 'n1', cleaned: [ours], failed: [] } });
  t.match(await clean({ all: true }), { json: { cleaned: [other] } });
  t.match(await call(socket, 'GET', '/v1/hosts/n9/orphans'), { status: 404 });
});
