import t from 'tap';
import { call, serve } from './test-cluster.ts';

const LAN = { name: 'lan', spec: { ipv4: { subnet: '10.0.0.0/29', gateway: '10.0.0.1' }, dns: ['9.9.9.9'] } };

function vm(name: string, network: string) {
  const source = { kind: 'inline', interfaces: [{ type: 'tap', network }] };
  return { name, spec: { source }, power: 'stopped' };
}

t.test('a network is made, seen, used, changed and deleted', async (t) => {
  const { socket } = await serve(t);
  t.match(await call(socket, 'POST', '/v1/networks', LAN), {
    status: 201,
    json: { changed: true, network: { name: 'lan', uses: 0, held: 0, free: { ipv4: 5 }, spec: { holdSeconds: 600 } } },
  });
  t.match(await call(socket, 'POST', '/v1/networks', LAN), { status: 200, json: { changed: false } });
  t.match((await call(socket, 'POST', '/v1/vms', vm('web', 'lan'))).json, {
    vm: { allocation: { addresses: [{ position: 0, network: 'lan', ipv4: { address: '10.0.0.2', prefix: 29 } }] } },
  });
  t.match((await call(socket, 'GET', '/v1/networks')).json, {
    items: [{ kind: 'network', name: 'lan', uses: 1, free: { ipv4: 4 } }],
    stale: false,
  });
  t.match((await call(socket, 'GET', '/v1/networks/lan')).json, {
    users: [{ vm: 'web', addresses: ['10.0.0.2'] }],
    releasedAddresses: [],
  });
  t.match(await call(socket, 'DELETE', '/v1/networks/lan'), {
    status: 422,
    json: { error: { code: 'N3X_REFUSED', message: /network lan is in use by 1 interface of VMs/ } },
  });
  await call(socket, 'DELETE', '/v1/vms/web');
  t.match((await call(socket, 'GET', '/v1/networks/lan')).json, {
    ...{ uses: 0, held: 1, free: { ipv4: 4 }, users: [] },
    releasedAddresses: [{ address: '10.0.0.2', vm: 'web', held: true }],
  });
  t.match(await call(socket, 'POST', '/v1/networks/lan/settings', { holdSeconds: 0 }), {
    status: 200,
    json: { changed: true, network: { held: 0, spec: { holdSeconds: 0 } } },
  });
  t.match(await call(socket, 'DELETE', '/v1/networks/lan'), { status: 200, json: { changed: true } });
  t.match((await call(socket, 'GET', '/v1/networks')).json, { items: [] });
});

t.test('a name that does not exist is answered with the nearest', async (t) => {
  const { socket } = await serve(t);
  await call(socket, 'POST', '/v1/networks', LAN);
  const near = { status: 404, json: { error: { code: 'N3X_NOT_FOUND', message: /did you mean lan\?/ } } };
  t.match(await call(socket, 'GET', '/v1/networks/lna'), near);
  t.match(await call(socket, 'DELETE', '/v1/networks/lna'), near);
  t.match(await call(socket, 'POST', '/v1/networks/lna/settings', { holdSeconds: 1 }), near);
  t.match(await call(socket, 'POST', '/v1/vms', vm('web', 'lna')), near);
});

t.test('what is no network, and what is no address', async (t) => {
  const { socket } = await serve(t);
  const invalid = async (spec: unknown, message: RegExp) =>
    t.match(await call(socket, 'POST', '/v1/networks', { name: 'lan', spec }), {
      status: 400,
      json: { error: { code: 'N3X_INVALID', message } },
    });
  await invalid({}, /a network has an IPv4 subnet, an IPv6 subnet or both/);
  await invalid({ ipv4: { subnet: '10.0.0.9/24' } }, /an address within a subnet: write 10\.0\.0\.0\/24/);
  await invalid({ ipv4: { subnet: '10.0.0.0/24' }, dns: ['x'] }, /not an IP address/);
  const source = { kind: 'inline', interfaces: [{ type: 'tap', ipv4: '10.0.0.9' }] };
  t.match(await call(socket, 'POST', '/v1/vms', { name: 'web', spec: { source } }), {
    status: 400,
    json: { error: { message: /10\.0\.0\.9 needs a network/ } },
  });
});
