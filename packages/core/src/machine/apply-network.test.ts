import t from 'tap';
import { allocatedTexts } from '../model/allocated-texts.ts';
import { NETWORK_LIMIT, type NetworkSpec, networkSpecSchema } from '../model/network.ts';
import type { Command, CommandResult } from './command.ts';
import { checkInvariants, checkStep, firstDifference } from './invariants.ts';
import { SampleCluster } from './sample.ts';
import { ClusterState } from './state.ts';

/** A cluster in which every step is checked, and the state read back from its records. */
class Lab extends SampleCluster {
  override apply(command: Command, options: { requestId?: string; atMs?: number } = {}): CommandResult {
    const result = super.apply(command, options);
    t.same([...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)], []);
    const again = ClusterState.fromRecords(this.state.index, this.state.records());
    t.equal(firstDifference(this.state, again), undefined);
    t.equal(again.hash(), this.state.hash());
    return result;
  }

  network(name: string, spec: Partial<NetworkSpec> = {}): CommandResult {
    const whole = networkSpecSchema.parse({ ipv4: { subnet: '10.0.0.0/29', gateway: '10.0.0.1' }, ...spec });
    return this.apply({ type: 'networkCreate', name, spec: whole });
  }

  /** A VM with an interface on each network. */
  on(name: string, networks: readonly { network: string; ipv4?: string; ipv6?: string }[]): CommandResult {
    const interfaces = networks.map((choice) => ({ type: 'tap' as const, ...choice }));
    return this.create(name, { source: { kind: 'inline', interfaces } });
  }

  delete(name: string): CommandResult {
    return this.apply({ type: 'vmDelete', name });
  }

  /** Addresses of a VM. */
  of(name: string): string[] {
    return allocatedTexts(this.state.vm(name)?.allocation.addresses);
  }

  endHolds(name: string, through = this.state.network(name)?.released ?? 0): CommandResult {
    const { createdIndex, generation } = this.state.network(name) ?? { createdIndex: 1, generation: 1 };
    return this.apply({ type: 'networkHoldEnd', name, createdIndex, generation, through });
  }
}

const LAN = [{ network: 'lan' }];

function refusal(result: CommandResult): string {
  return result.ok ? 'it took effect' : `${result.error.code}: ${result.error.message}`;
}

t.test('VMs get one address after the other, and each interface its own', (t) => {
  const lab = new Lab();
  lab.network('lan', { dns: ['9.9.9.9', '10.0.0.3'] });
  lab.network('dual', {
    ipv4: { subnet: '10.1.0.0/24', exclude: ['10.1.0.1-10.1.0.9'] },
    ipv6: { subnet: 'fd00::/64' },
  });
  lab.on('a', [...LAN, { network: 'dual' }]);
  lab.on('b', [...LAN, { network: 'dual' }, { network: 'dual' }]);
  t.same(lab.state.vm('a')?.allocation.addresses, [
    {
      ...{ position: 0, network: 'lan', dns: ['9.9.9.9', '10.0.0.3'] },
      ipv4: { address: '10.0.0.2', prefix: 29, gateway: '10.0.0.1' },
    },
    {
      ...{ position: 1, network: 'dual' },
      ...{ ipv4: { address: '10.1.0.10', prefix: 24 }, ipv6: { address: 'fd00::1', prefix: 64 } },
    },
  ]);
  // A name server within the subnet is given by request only.
  t.same(lab.of('b'), ['10.0.0.4', '10.1.0.11', 'fd00::2', '10.1.0.12', 'fd00::3']);
  lab.on('dns', [{ network: 'lan', ipv4: '10.0.0.3' }]);
  t.same(lab.of('dns'), ['10.0.0.3']);
  t.equal(lab.state.indexes.networkUses('dual'), 3);
  t.end();
});

t.test('a VM with a flake of its own has addresses too', (t) => {
  const lab = new Lab();
  lab.network('lan');
  lab.create('a', { source: { kind: 'flake', ref: 'path:/x', attribute: 'a', networks: [{ network: 'lan' }] } });
  t.same(lab.of('a'), ['10.0.0.2']);
  t.end();
});

t.test('an address is held after the VM is gone, and the one that was released first goes first', (t) => {
  const lab = new Lab();
  lab.network('lan');
  for (const name of ['a', 'b', 'c', 'd', 'e']) t.ok(lab.on(name, LAN).ok);
  t.match(
    refusal(lab.on('f', LAN)),
    /^N3X_REFUSED: VM f cannot have an IPv4 address: network lan has none left in 10\.0\.0\.0\/29\. Delete/,
  );
  lab.delete('c');
  lab.delete('a');
  t.match(refusal(lab.on('f', LAN)), /none left in 10\.0\.0\.0\/29, and 2 held after their release/);
  lab.endHolds('lan', 1);
  lab.on('f', LAN);
  t.same(lab.of('f'), ['10.0.0.4'], 'that of c');
  t.notOk(lab.on('g', LAN).ok, 'that of a is held');
  lab.endHolds('lan');
  lab.delete('f');
  lab.on('g', LAN);
  t.same(lab.of('g'), ['10.0.0.2']);
  t.end();
});

t.test('a released address goes before one that nobody had, once its hold is over', (t) => {
  const lab = new Lab();
  lab.network('lan', { holdSeconds: 0 });
  lab.on('a', LAN);
  lab.on('b', LAN);
  lab.delete('a');
  lab.on('c', LAN);
  lab.on('d', LAN);
  t.same([lab.of('c'), lab.of('d')], [['10.0.0.2'], ['10.0.0.4']]);
  t.end();
});

t.test('an address is released when the VM is off its host, not before', (t) => {
  const lab = new Lab();
  lab.network('lan', { holdSeconds: 0 });
  lab.on('a', LAN);
  lab.assign('a');
  const epoch = lab.state.vm('a')?.assignment?.epoch ?? 0;
  lab.delete('a');
  t.same(lab.of('a'), ['10.0.0.2']);
  lab.on('b', LAN);
  t.same(lab.of('b'), ['10.0.0.3']);
  lab.apply({ type: 'vmRemoved', hostId: 1, name: 'a', uid: 'uid-a', epoch });
  lab.on('c', LAN);
  t.same(lab.of('c'), ['10.0.0.2']);
  t.end();
});

t.test('an address by request', (t) => {
  const lab = new Lab();
  lab.network('lan', { ipv4: { subnet: '10.0.0.0/24', gateway: '10.0.0.1', exclude: ['10.0.0.20-10.0.0.29'] } });
  t.ok(lab.on('a', [{ network: 'lan', ipv4: '10.0.0.2' }]).ok);
  lab.on('b', LAN);
  t.same(lab.of('b'), ['10.0.0.3'], 'the next is what nobody has');
  const asked = (ipv4: string) => refusal(lab.on('c', [{ network: 'lan', ipv4 }]));
  t.match(
    asked('10.0.0.2'),
    /^N3X_CONFLICT: VM c cannot have address 10\.0\.0\.2 of network lan: VM a has it\. Ask for another/,
  );
  t.match(asked('10.0.1.2'), /^N3X_REFUSED: .*: it is not in 10\.0\.0\.0\/24/);
  t.match(asked('10.0.0.1'), /it is the gateway/);
  t.match(asked('10.0.0.0'), /it is the first of the subnet/);
  t.match(asked('10.0.0.255'), /it is the last of the subnet/);
  t.match(asked('10.0.0.25'), /it is excluded/);
  t.match(refusal(lab.on('c', [{ network: 'lan', ipv6: 'fd00::1' }])), /it has no IPv6 subnet/);
  t.match(
    refusal(lab.on('c', [{ network: 'lna' }])),
    /^N3X_NOT_FOUND: network lna does not exist: VM c cannot be on it/,
  );
  const twice = { network: 'lan', ipv4: '10.0.0.9' };
  t.match(refusal(lab.on('c', [twice, twice])), /it asks for it twice/);
  lab.delete('a');
  t.match(
    asked('10.0.0.2'),
    /^N3X_CONFLICT: .*: VM a had it, and it is held for 600 s\. Wait, .* `n3xctl network set lan --hold`/,
  );
  lab.endHolds('lan');
  t.equal(asked('10.0.0.2'), 'it took effect');
  t.end();
});

t.test('networks are made once, changed, and deleted when nobody needs them', (t) => {
  const lab = new Lab();
  t.match(lab.network('lan'), { ok: true, changed: true });
  t.match(lab.network('lan'), { ok: true, changed: false });
  t.match(
    refusal(lab.network('lan', { holdSeconds: 9 })),
    /^N3X_CONFLICT: network lan exists with another spec: holdSeconds is 600, asked for 9/,
  );
  t.match(
    refusal(lab.network('wan', { ipv4: { subnet: '10.0.0.0/8' } })),
    /^N3X_CONFLICT: .* network lan has addresses of it in 10\.0\.0\.0\/29/,
  );
  lab.on('a', LAN);
  t.match(
    refusal(lab.apply({ type: 'networkDelete', name: 'lan' })),
    /^N3X_REFUSED: network lan is in use by 1 interface of VMs/,
  );
  lab.delete('a');
  t.match(
    refusal(lab.apply({ type: 'networkDelete', name: 'lan' })),
    /network lan holds 1 released address: wait 600 s, or end/,
  );
  t.ok(lab.apply({ type: 'networkSet', name: 'lan', changes: { holdSeconds: 0 } }).ok);
  t.match(lab.apply({ type: 'networkDelete', name: 'lan' }), { ok: true, changed: true });
  t.match(refusal(lab.apply({ type: 'networkDelete', name: 'lan' })), /^N3X_NOT_FOUND: network lan does not exist/);
  t.equal(lab.state.addresses.size, 0);
  t.end();
});

t.test('what may be changed of a network, and what not', (t) => {
  const lab = new Lab();
  lab.network('lan', { ipv4: { subnet: '10.0.0.0/28', gateway: '10.0.0.1', exclude: ['10.0.0.2-10.0.0.12'] } });
  const set = (changes: Extract<Command, { type: 'networkSet' }>['changes'], name = 'lan') =>
    lab.apply({ type: 'networkSet', name, changes });
  lab.on('a', LAN);
  t.same(lab.of('a'), ['10.0.0.13']);
  // What was passed over is looked at again.
  t.ok(set({ exclude: ['10.0.0.4-10.0.0.14'], dns: ['10.0.0.2'] }).ok);
  lab.on('b', LAN);
  t.same(lab.of('b'), ['10.0.0.3']);
  t.match(lab.state.network('lan'), { generation: 2, spec: { dns: ['10.0.0.2'], holdSeconds: 600 } });
  t.match(set({ exclude: ['10.0.0.4-10.0.0.14'] }), { changed: false });
  t.match(
    refusal(set({ gateways: ['10.0.0.3'] })),
    /^N3X_CONFLICT: network lan cannot have the gateway 10\.0\.0\.3: VM b has that address/,
  );
  t.match(refusal(set({ gateways: ['10.0.1.1'] })), /^N3X_INVALID: network lan: 10\.0\.1\.1 is not in 10\.0\.0\.0\/28/);
  t.match(refusal(set({ gateways: ['10.0.0.0'] })), /is at an end of its subnet/);
  t.match(refusal(set({ gateways: ['10.0.0.1', '10.0.0.2'] })), /two gateways of one version/);
  t.match(refusal(set({ holdSeconds: 1 }, 'wan')), /^N3X_NOT_FOUND/);
  t.ok(set({ gateways: null, exclude: [], dns: [] }).ok);
  t.same(lab.state.network('lan')?.spec, { ipv4: { subnet: '10.0.0.0/28' }, holdSeconds: 600 });
  t.end();
});

t.test('an address that is excluded after its release is passed over, and found again', (t) => {
  const lab = new Lab();
  lab.network('lan', { holdSeconds: 0 });
  lab.on('a', LAN);
  lab.delete('a');
  lab.apply({ type: 'networkSet', name: 'lan', changes: { exclude: ['10.0.0.2'] } });
  lab.on('b', LAN);
  t.same(lab.of('b'), ['10.0.0.3']);
  lab.apply({ type: 'networkSet', name: 'lan', changes: { exclude: [] } });
  lab.on('c', LAN);
  t.same(lab.of('c'), ['10.0.0.2']);
  t.end();
});

t.test('the end of a hold is for the network that it was counted for', (t) => {
  const lab = new Lab();
  lab.network('lan');
  lab.on('a', LAN);
  lab.delete('a');
  const { createdIndex, generation } = lab.state.network('lan') ?? { createdIndex: 0, generation: 0 };
  const end = { type: 'networkHoldEnd', name: 'lan', createdIndex, generation, through: 1 } as const;
  t.match(refusal(lab.apply({ ...end, createdIndex: createdIndex + 1 })), /^N3X_CONFLICT: .* moved on/);
  t.match(refusal(lab.apply({ ...end, generation: generation + 1 })), /^N3X_CONFLICT/);
  t.match(refusal(lab.apply({ ...end, through: 2 })), /^N3X_CONFLICT/);
  t.match(refusal(lab.apply({ ...end, name: 'wan' })), /^N3X_CONFLICT/);
  t.match(lab.apply(end), { changed: true });
  t.match(lab.apply(end), { changed: false });
  t.end();
});

t.test('the specs of networks that can not be', (t) => {
  const issues = (spec: unknown) => networkSpecSchema.safeParse(spec).error?.issues.map(({ message }) => message);
  t.match(issues({}), ['a network has an IPv4 subnet, an IPv6 subnet or both']);
  t.match(issues({ ipv4: { subnet: 'fd00::/64' } }), ['fd00::/64 is not an IPv4 subnet']);
  t.match(issues({ ipv4: { subnet: '10.0.0.0/31' } }), ['the prefix of an IPv4 subnet is /8 to /30']);
  t.match(issues({ ipv4: { subnet: '10.0.0.0/24', gateway: '10.0.1.1' } }), ['gateway 10.0.1.1 is not in 10.0.0.0/24']);
  t.match(issues({ ipv4: { subnet: '10.0.0.0/24', gateway: '10.0.0.0' } }), [
    'gateway 10.0.0.0 is the first of its subnet',
  ]);
  t.match(issues({ ipv4: { subnet: '10.0.0.0/24', exclude: ['10.0.0.9-10.0.1.3'] } }), [/is not in 10\.0\.0\.0\/24/]);
  t.equal(networkSpecSchema.parse({ ipv6: { subnet: 'FD00:0::/64' } }).ipv6?.subnet, 'fd00::/64');
  t.end();
});

t.test('there is an end to how many networks there are', (t) => {
  const cluster = new SampleCluster();
  for (let i = 0; i < NETWORK_LIMIT; i++) {
    const spec = networkSpecSchema.parse({ ipv4: { subnet: `10.${i >> 8}.${i & 255}.0/24` } });
    cluster.apply({ type: 'networkCreate', name: `net-${i}`, spec });
  }
  const spec = networkSpecSchema.parse({ ipv4: { subnet: '192.168.0.0/24' } });
  t.match(
    refusal(cluster.apply({ type: 'networkCreate', name: 'more', spec })),
    /there are 1024, the most there may be/,
  );
  t.end();
});

t.test('networks whose names begin alike keep their order through records', (t) => {
  const lab = new Lab();
  lab.network('a', { ipv4: { subnet: '10.1.0.0/24' } });
  lab.network('a-b', { ipv4: { subnet: '10.2.0.0/24' } });
  lab.on('x', [{ network: 'a' }, { network: 'a-b' }]);
  lab.delete('x');
  t.same(
    [...lab.state.releasedAddresses()].map(({ address }) => address),
    ['10.2.0.1', '10.1.0.1'],
  );
  t.end();
});
