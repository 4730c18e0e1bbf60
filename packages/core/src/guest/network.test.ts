import t from 'tap';
import { type Allocation, vmSpecSchema } from '../model/vm.ts';
import type { AllocatedAddress } from '../model/vm-address.ts';
import { type GuestNetwork, guestNetwork } from './network.ts';

type Interfaces = readonly Record<string, unknown>[];

function network(interfaces: Interfaces, addresses?: AllocatedAddress[]): GuestNetwork {
  const spec = vmSpecSchema.parse({ source: { kind: 'inline', interfaces } });
  const allocation: Allocation = {
    cid: 42,
    macs: interfaces.map((_, index) => `02:00:00:00:00:0${index}`),
    interfaceNames: interfaces.map((_, index) => `n3x42x${index}`),
    hostPorts: [],
    ...(addresses === undefined ? {} : { addresses }),
  };
  return guestNetwork(spec, allocation);
}

const IPV4 = { address: '10.0.0.5', prefix: 24, gateway: '10.0.0.1' };
const IPV6 = { address: 'fd00::5', prefix: 64, gateway: 'fd00::1' };

t.test('a guest on no network is left as it is', (t) => {
  t.same(network([{ type: 'user' }, { type: 'tap' }]), { options: {}, modules: [] });
  t.end();
});

t.test('an interface has its addresses, its gateways and its name servers, by its MAC', (t) => {
  const interfaces = [{ type: 'user' }, { type: 'bridge', bridge: 'br0', network: 'lan' }];
  const addresses = [{ position: 1, network: 'lan', ipv4: IPV4, ipv6: IPV6, dns: ['9.9.9.9'] }];
  const { options, modules } = network(interfaces, addresses);
  t.same(options, {
    systemd: {
      network: {
        networks: {
          '10-n3x-1': {
            matchConfig: { MACAddress: '02:00:00:00:00:01' },
            address: ['10.0.0.5/24', 'fd00::5/64'],
            routes: [
              { Destination: '0.0.0.0/0', Gateway: '10.0.0.1', GatewayOnLink: undefined },
              { Destination: '::/0', Gateway: 'fd00::1', GatewayOnLink: undefined },
            ],
            dns: ['9.9.9.9'],
          },
        },
      },
    },
  });
  t.same(
    modules.map(({ nix }) => nix),
    ['({ lib, ... }: { networking.useNetworkd = lib.mkDefault true; })'],
  );
  t.end();
});

t.test('only one interface leads to everywhere', (t) => {
  const interfaces = [
    { type: 'tap', network: 'a' },
    { type: 'macvtap', link: 'eth0', network: 'b' },
  ];
  const { options } = network(interfaces, [
    { position: 0, network: 'a', ipv4: IPV4 },
    { position: 1, network: 'b', ipv4: { ...IPV4, address: '10.1.0.5', gateway: '10.1.0.1' }, ipv6: IPV6 },
  ]);
  t.match(options, {
    systemd: {
      network: {
        networks: {
          '10-n3x-0': { routes: [{ Gateway: '10.0.0.1' }] },
          '10-n3x-1': { address: ['10.1.0.5/24', 'fd00::5/64'], routes: [{ Destination: '::/0' }] },
        },
      },
    },
  });
  t.end();
});

t.test('a routed tap has no subnet, and its host is next to it', (t) => {
  const { options, modules } = network(
    [{ type: 'tap', network: 'lan', routed: true }],
    [{ position: 0, network: 'lan', ipv4: IPV4, ipv6: IPV6 }],
  );
  t.same(options['systemd'], {
    network: {
      networks: {
        '10-n3x-0': {
          matchConfig: { MACAddress: '02:00:00:00:00:00' },
          address: ['10.0.0.5/32', 'fd00::5/128'],
          routes: [
            { Destination: '169.254.0.1/32', Scope: 'link' },
            { Destination: '0.0.0.0/0', Gateway: '169.254.0.1', GatewayOnLink: true },
            { Destination: '::/0', Gateway: 'fe80::1', GatewayOnLink: true },
          ],
          dns: undefined,
        },
      },
    },
  });
  const tapUp = modules[1]?.nix ?? '';
  t.match(tapUp, /microvm\.binScripts\.tap-up = lib\.mkAfter/);
  for (const line of [
    'ip link set dev n3x42x0 up',
    'ip -4 address replace 169.254.0.1/32 dev n3x42x0 scope link',
    'ip -4 route replace 10.0.0.5/32 dev n3x42x0',
    'ip -6 address replace fe80::1/64 dev n3x42x0 nodad',
    'ip -6 route replace fd00::5/128 dev n3x42x0',
    'echo 1 >/proc/sys/net/ipv6/conf/n3x42x0/forwarding',
  ]) {
    t.ok(tapUp.includes(line), line);
  }
  t.end();
});
