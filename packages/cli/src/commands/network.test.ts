import { type NetworkView, networkViewSchema } from '@n3x/core/api/network-schemas';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { EPOCH_MS, makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

/** A network that one VM is on, and that holds the address of another. */
function makeNetwork(): NetworkView {
  return networkViewSchema.parse({
    ...{ kind: 'network', name: 'lan', createdIndex: 5, generation: 1, modifiedIndex: 12, createdAtMs: EPOCH_MS },
    spec: {
      ipv4: { subnet: '10.0.0.0/24', gateway: '10.0.0.1', exclude: ['10.0.0.2-10.0.0.9'] },
      ipv6: { subnet: 'fd00::/64' },
      dns: ['9.9.9.9'],
    },
    ...{ last: { ipv4: '10.0.0.11' }, released: 1, freed: 0, uses: 1, held: 1 },
    free: { ipv4: 243, ipv6: Number.MAX_SAFE_INTEGER },
  });
}

const USERS = {
  users: [{ vm: 'web', addresses: ['10.0.0.11', 'fd00::2'] }],
  releasedAddresses: [{ address: '10.0.0.10', vm: 'old', releasedAtMs: EPOCH_MS, held: true }],
};

t.test('networks are listed and shown', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listNetworks', () => ({ items: [makeNetwork()], index: 12, stale: false }));
  api.on('getNetwork', () => ({ ...makeNetwork(), ...USERS }));
  const socket = ['--socket', api.socket];
  const table = await runCli(['network', 'list', ...socket]);
  t.match(
    table.stdout,
    /^NAME +SUBNET +USED +HELD +FREE +HOLD +AGE\nlan +10\.0\.0\.0\/24, fd00::\/64 +1 +1 +243, many +10m +\d+d\n$/,
  );
  const wide = await runCli(['network', 'list', '-o', 'wide', ...socket]);
  t.match(wide.stdout, /GATEWAY +DNS +EXCLUDED\n.* 10\.0\.0\.1 +9\.9\.9\.9 +10\.0\.0\.2-10\.0\.0\.9\n$/);
  t.equal((await runCli(['network', 'list', '-q', ...socket])).stdout, 'lan\n');
  t.match(JSON.parse((await runCli(['network', 'list', '-o', 'json', ...socket])).stdout), { items: [{ held: 1 }] });
  const shown = await runCli(['network', 'show', 'lan', ...socket]);
  t.match(shown.stdout, /IPv4 gateway: +10\.0\.0\.1\n(.|\n)*In use: +1, 1 held, 243, many free/);
  t.match(
    shown.stdout,
    /Used by:\n.*\nweb +10\.0\.0\.11, fd00::2\n(.|\n)*Released:\n.*\n10\.0\.0\.10 +old +\d+d ago +yes/,
  );
  const stale = await runCli(['network', 'show', 'lan', '--stale', '-o', 'yaml', ...socket]);
  t.match(stale.stdout, /name: lan\n/);
  t.equal((await runCli(['network', 'show', 'wan', '--stale', ...socket])).code, 3);
});

t.test('a network is made, changed and deleted', async (t) => {
  const api = await ApiDouble.start(t);
  const change = { network: makeNetwork(), changed: true, index: 12 };
  api.on('createNetwork', () => change);
  api.on('setNetwork', () => change);
  api.on('deleteNetwork', () => ({ changed: true, index: 13 }));
  const run = (line: string) => runCli(['network', ...line.split(' '), '--socket', api.socket]);
  const flags = '--gateway 10.0.0.1 --gateway fd00::1 --exclude 10.0.0.8/30 --dns 9.9.9.9 --hold 1h';
  t.equal((await run(`create lan --ipv4 10.0.0.0/24 --ipv6 FD00::/64 ${flags}`)).stdout, 'network lan: created\n');
  t.same(api.seen('createNetwork')[0]?.body, {
    name: 'lan',
    spec: {
      ipv4: { subnet: '10.0.0.0/24', gateway: '10.0.0.1', exclude: ['10.0.0.8-10.0.0.11'] },
      ipv6: { subnet: 'fd00::/64', gateway: 'fd00::1' },
      ...{ dns: ['9.9.9.9'], holdSeconds: 3600 },
    },
  });
  t.equal((await run('set lan --hold 0 --dns none --gateway none --exclude 10.0.0.9')).stdout, 'network lan: set\n');
  t.same(api.seen('setNetwork')[0]?.body, { holdSeconds: 0, dns: [], gateways: null, exclude: ['10.0.0.9'] });
  t.equal((await run('delete lan')).stdout, 'network lan: deleted\n');
  api.on('deleteNetwork', () => {
    throw apiError(ERROR_CODES.refused, 'network lan is in use by 1 interface of VMs: delete those first');
  });
  const refused = await run('delete lan');
  t.match(refused, { stdout: '', stderr: /network lan is in use by 1 interface/ });
  t.not(refused.code, 0);
  for (const [line, message] of [
    ['create lan', /network create needs a subnet: give --ipv4, --ipv6 or both/],
    ['create lan --ipv4 10.0.0.1/24', /--ipv4: an address within a subnet: write 10\.0\.0\.0\/24/],
    ['create lan --ipv4 fd00::/64', /--ipv4: fd00::\/64 is not an IPv4 subnet/],
    ['create lan --ipv4 10.0.0.0/24 --gateway 10.0.1.1', /--gateway: gateway 10\.0\.1\.1 is not in 10\.0\.0\.0\/24/],
    ['create lan --ipv4 10.0.0.0/24 --gateway fd00::1', /--gateway: fd00::1 needs --ipv6/],
    ['create lan --ipv4 10.0.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0.2', /--gateway: two of one version/],
    ['create lan --ipv4 10.0.0.0/24 --exclude x', /--exclude: "x" is not an address or FIRST-LAST/],
    ['create lan --ipv4 10.0.0.0/24 --dns x', /--dns: not an IP address/],
    ['create lan --ipv4 10.0.0.0/24 --hold soon', /--hold: "soon" is not a duration/],
    ['create lan --ipv4 10.0.0.0/24 --hold 31d', /--hold: /],
    ['set lan', /nothing to set: give --gateway, --dns, --exclude or --hold/],
    ['set lan --dns none --dns 9.9.9.9', /--dns: none stands alone/],
    ['set lan --gateway x', /--gateway: not an IP address/],
  ] as const) {
    const wrong = await run(line);
    t.equal(wrong.code, 2, line);
    t.match(wrong.stderr, message);
  }
});

t.test('a VM is put on a network, and shows its addresses', async (t) => {
  const api = await ApiDouble.start(t);
  const addresses = [
    {
      position: 0,
      network: 'lan',
      ipv4: { address: '10.0.0.5', prefix: 24 },
      ipv6: { address: 'fd00::5', prefix: 64 },
    },
  ];
  const spec = { source: { kind: 'inline', interfaces: [{ type: 'tap', network: 'lan', routed: true }] } };
  const allocation = { cid: 3, macs: ['02:6e:00:00:00:00'], interfaceNames: ['n3x0x0'], hostPorts: [], addresses };
  const vm = makeVm({ spec, allocation });
  api.on('createVm', () => ({ vm, changed: true, index: 9 }));
  api.on('getVm', () => vm);
  api.on('listVms', () => ({ items: [vm], index: 9, stale: false }));
  const socket = ['--socket', api.socket];
  const net = ['--net', 'tap,network=lan,address=10.0.0.5,address=fd00::5,routed', '--net', 'bridge:br0,network=lan'];
  t.equal((await runCli(['vm', 'create', 'web', ...net, ...socket])).code, 0);
  t.match(api.seen('createVm')[0]?.body, {
    spec: {
      source: {
        kind: 'inline',
        interfaces: [
          { type: 'tap', network: 'lan', ipv4: '10.0.0.5', ipv6: 'fd00::5', routed: true },
          { type: 'bridge', bridge: 'br0', network: 'lan' },
        ],
      },
    },
  });
  await runCli(['vm', 'create', 'web', '--flake', 'github:me/vms', '--network', 'lan,address=10.0.0.5', ...socket]);
  t.match(api.seen('createVm')[1]?.body, { spec: { source: { networks: [{ network: 'lan', ipv4: '10.0.0.5' }] } } });
  const wide = await runCli(['vm', 'list', '-o', 'wide', ...socket]);
  t.match(wide.stdout, /ADDRESSES.*\n.*10\.0\.0\.5, fd00::5/);
  const shown = await runCli(['vm', 'show', 'web', ...socket]);
  t.match(shown.stdout, /Interface 0: +tap routed n3x0x0 02:6e:00:00:00:00 on lan with 10\.0\.0\.5, fd00::5\n/);
  for (const [line, message] of [
    ['--net user,network=lan', /--net: user networking is the hypervisor's own/],
    ['--net tap,routed', /--net: a routed tap needs a network/],
    ['--net tap,address=10.0.0.5', /--net: 10\.0\.0\.5 needs a network/],
    ['--net tap,network=lan,address=x', /--net: "x" is not an IP address/],
    ['--net tap,network=lan,address=10.0.0.5,address=10.0.0.6', /--net: "an IPv4 address" comes twice/],
    ['--net tap,pool=lan', /--net: "pool=lan" is none of network=NAME, address=IP, routed/],
    ['--net bridge:br0,network=lan,routed', /--net: only a tap is routed/],
    ['--net tap --network lan', /--network is for a guest with --flake/],
    ['--flake github:me/vms --network lan,routed', /--network: "lan,routed" is not NAME\[,address=IP\]/],
  ] as const) {
    const wrong = await runCli(['vm', 'create', 'web', ...line.split(' '), ...socket]);
    t.equal(wrong.code, 2, line);
    t.match(wrong.stderr, message);
  }
});
