import fc from 'fast-check';
import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { misfits } from '../machine/fit.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster } from '../machine/sample.ts';
import { strategyOf } from '../model/cluster.ts';
import type { Host, HostSettings } from '../model/host.ts';
import type { Strategy } from '../model/placement.ts';
import { type Vm, type VmSpecInput, vmPriority } from '../model/vm.ts';
import { bestOf } from './candidates.ts';
import { PassLoads } from './loads.ts';
import { type PlacementCommand, schedule } from './schedule.ts';

type Rules = NonNullable<VmSpecInput['placement']>;

/** Hosts n1 to n`count` with 8 CPUs and 16 GiB; `settings` by position. */
function hosts(count: number, settings: readonly Partial<HostSettings>[] = []): SampleCluster {
  const cluster = new SampleCluster();
  const voters = [1];
  for (let id = 2; id <= count; id++) {
    cluster.join(`n${id}`, { settings: settings[id - 1] ?? {} });
    voters.push(id);
  }
  const first = cluster.state.host(1);
  if (first?.facts !== undefined && settings[0] !== undefined) {
    const own = { ...first.settings, ...settings[0] };
    cluster.apply({ type: 'hostReport', hostId: 1, addresses: [], settings: own, facts: first.facts });
  }
  const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

function pass(cluster: SampleCluster): PlacementCommand[] {
  const commands = schedule(cluster.state, 1);
  for (const command of commands) {
    const result = cluster.apply(command);
    if (!result.ok) throw new Error(result.error.message);
    const wrong = [...checkStep(cluster.state, cluster.last.objectChanges), ...checkInvariants(cluster.state)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  }
  return commands;
}

function where(cluster: SampleCluster, ...names: string[]): (string | undefined)[] {
  return names.map((name) => cluster.state.host(cluster.state.vm(name)?.assignment?.hostId ?? 0)?.name);
}

/** The host of a VM, told by its driver, lets it go. */
function removed(cluster: SampleCluster, name: string): void {
  const { uid, assignment } = cluster.state.vm(name) ?? { uid: '', assignment: null };
  cluster.apply({ type: 'vmRemoved', name, uid, hostId: assignment?.hostId ?? 0, epoch: assignment?.epoch ?? 1 });
}

const web = { labels: { app: 'web' } };

t.test('least-available fills one host after the other', (t) => {
  const cluster = hosts(2);
  cluster.apply({ type: 'clusterSet', settings: { strategy: 'least-available' } });
  for (const name of ['a', 'b', 'c']) cluster.create(name, { memoryMib: 8192 });
  pass(cluster);
  t.same(where(cluster, 'a', 'b', 'c'), ['n1', 'n1', 'n2']);
  t.end();
});

t.test('round-robin takes turns, over passes and leaders, and passes over a host that is full', (t) => {
  const cluster = hosts(3);
  cluster.create('big', { memoryMib: 16_384, placement: { host: 'n2' } });
  const placement: Rules = { strategy: 'round-robin' };
  cluster.create('a', { placement });
  pass(cluster);
  for (const name of ['b', 'c']) cluster.create(name, { placement });
  pass(cluster);
  t.same(where(cluster, 'a', 'b', 'c'), ['n1', 'n3', 'n1']);
  t.end();
});

t.test('manual waits for a user, whom the rules bind too', (t) => {
  const cluster = hosts(2);
  cluster.create('a', { placement: { strategy: 'manual' } });
  pass(cluster);
  t.match(cluster.state.vm('a')?.status, { reason: 'Manual', message: /n3xctl vm place a --host HOST/ });
  cluster.apply({ type: 'hostSet', name: 'n1', cordoned: true });
  t.match(cluster.apply({ type: 'vmPlace', name: 'a', host: 'n1' }), { error: { message: /n1: it is cordoned/ } });
  t.match(cluster.apply({ type: 'vmPlace', name: 'a', host: 'n9' }), { error: { code: 'N3X_NOT_FOUND' } });
  t.match(cluster.apply({ type: 'vmPlace', name: 'b', host: 'n2' }), { error: { code: 'N3X_NOT_FOUND' } });
  t.match(cluster.apply({ type: 'vmPlace', name: 'a', host: 'n2', ifModifiedIndex: 1 }), {
    error: { code: 'N3X_CONFLICT' },
  });
  t.match(cluster.apply({ type: 'vmPlace', name: 'a', host: 'n2' }), { ok: true, changed: true });
  t.match(cluster.apply({ type: 'vmPlace', name: 'a', host: 'n2' }), { ok: true, changed: false });
  t.match(cluster.apply({ type: 'vmPlace', name: 'a', host: 'n1' }), { error: { message: /has a host, n2/ } });
  t.end();
});

t.test('each hard rule keeps a VM off, in words, and says what would help', (t) => {
  const told = (placement: Rules, before?: (cluster: SampleCluster) => void, more: Partial<VmSpecInput> = {}) => {
    const cluster = hosts(1);
    before?.(cluster);
    pass(cluster);
    cluster.create('vm', { placement, ...more });
    pass(cluster);
    return cluster.state.vm('vm')?.status.message;
  };
  const withWeb =
    (placement: Rules = {}) =>
    (cluster: SampleCluster) =>
      void cluster.create('w', { ...web, placement });
  t.equal(
    told({ system: 'aarch64-linux' }),
    'n1 is x86_64-linux, not aarch64-linux. To make it fit: add a host of aarch64-linux',
  );
  t.equal(told({ features: ['kvm', 'gpu'] }), 'n1 lacks the feature gpu. To make it fit: give n1 the feature gpu');
  t.equal(
    told({}, (cluster) => cluster.apply({ type: 'hostSet', name: 'n1', cordoned: true })),
    'n1 is cordoned. To make it fit: uncordon n1',
  );
  t.equal(
    told({ apart: ['app=web'] }, withWeb()),
    'n1 has a VM with app=web, which it keeps apart from. To make it fit: move the VM with app=web off n1',
  );
  t.match(
    told({}, withWeb({ apart: ['tier=db'] }), { labels: { tier: 'db' } }),
    /n1 has a VM that keeps apart from tier=db/,
  );
  t.equal(told({ near: ['app=web'] }), 'n1 has no VM with app=web. To make it fit: place a VM with app=web on n1');
  t.match(
    told({ limits: [{ label: 'app=web', per: 'host', max: 1 }] }, withWeb(), web),
    /1 or more VMs with app=web already/,
  );
  const perZone: Rules = { limits: [{ label: 'app=web', per: 'zone', max: 1 }] };
  t.match(told({}, withWeb(perZone), web), /with app=web among the hosts without a zone already/);
  t.end();
});

t.test('company: apart, near and limits are held, also against those that come later', (t) => {
  const zones = ['a', 'a', 'b'].map((zone) => ({ labels: { zone } }));
  const cluster = hosts(3, zones);
  for (const name of ['w1', 'w2', 'w3', 'w4']) cluster.create(name, { ...web, placement: { apart: ['app=web'] } });
  cluster.create('db', { placement: { near: ['app=web'] } });
  pass(cluster);
  t.same(where(cluster, 'w1', 'w2', 'w3', 'w4'), ['n1', 'n2', 'n3', undefined]);
  pass(cluster);
  t.not(where(cluster, 'db')[0], undefined);
  const limited = hosts(3, zones);
  const placement: Rules = { limits: [{ label: 'app=web', per: 'zone', max: 1 }] };
  for (const name of ['w1', 'w2', 'w3']) limited.create(name, { ...web, placement });
  pass(limited);
  t.same(where(limited, 'w1', 'w2', 'w3'), ['n1', 'n3', undefined]);
  const first = hosts(2);
  for (const name of ['w1', 'w2']) first.create(name, { ...web, placement: { near: ['app=web'] } });
  pass(first);
  t.same(where(first, 'w1', 'w2'), ['n1', 'n1'], 'the first is free, the second follows');
  t.end();
});

t.test('wishes: prefer, spread, pack and cost', (t) => {
  const settings = [
    { labels: { zone: 'a' }, cost: 3 },
    { labels: { zone: 'a', ssd: 'yes' }, cost: 3 },
    { labels: { zone: 'b' } },
  ];
  const one = (placement: Rules): (string | undefined)[] => {
    const cluster = hosts(3, settings);
    for (const name of ['x', 'y']) cluster.create(name, { ...web, placement });
    pass(cluster);
    return where(cluster, 'x', 'y');
  };
  t.same(one({}), ['n1', 'n2']);
  t.same(one({ prefer: [{ label: 'ssd=yes', weight: 200 }] }), ['n2', 'n2']);
  t.same(one({ spread: [{ label: 'app=web', per: 'zone', weight: 200 }] }), ['n1', 'n3']);
  t.same(one({ pack: [{ label: 'app=web', per: 'host', weight: 200 }] }), ['n1', 'n1']);
  t.same(one({ costWeight: 200 }), ['n3', 'n3']);
  t.end();
});

t.test('overcommit gives more than there is, after the reserve', (t) => {
  const reserve = { vcpu: 4, memoryMib: 0 };
  const cluster = hosts(1, [{ reserve, overcommit: { vcpu: 3 } }]);
  cluster.create('a', { vcpu: 12 });
  cluster.create('b', { vcpu: 1 });
  pass(cluster);
  t.same(where(cluster, 'a', 'b'), ['n1', undefined]);
  t.end();
});

t.test('a more important VM displaces the fewest, least important and youngest, and the room is kept for it', (t) => {
  const cluster = hosts(2);
  cluster.create('keep', { memoryMib: 16_384, priority: 1, placement: { host: 'n2' } });
  for (const name of ['old', 'young', 'third', 'fourth']) cluster.create(name, { memoryMib: 4096 });
  pass(cluster);
  t.same(pass(cluster), []);
  cluster.create('king', { memoryMib: 8192, priority: 10 });
  t.match(pass(cluster), [{ type: 'vmPreempt', name: 'king', hostId: 2, victims: [{ name: 'keep' }] }]);
  const lower = hosts(1);
  for (const name of ['old', 'young', 'third', 'fourth']) lower.create(name, { memoryMib: 4096 });
  pass(lower);
  lower.create('king', { memoryMib: 8192, priority: 10 });
  lower.create('small', { memoryMib: 512 });
  t.match(pass(lower), [
    { type: 'vmPreempt', victims: [{ name: 'fourth' }, { name: 'third' }] },
    { type: 'vmUnplaceable' },
  ]);
  t.match(lower.state.vm('king')?.status, { reason: 'WaitsForRoom', message: /fourth, third have made room on n1/ });
  t.match(lower.state.vm('third')?.status, { reason: 'Preempted', message: /priority 10 against 0/ });
  removed(lower, 'third');
  t.match(lower.state.vm('third'), { assignment: null, status: { phase: 'pending', reason: 'Preempted' } });
  pass(lower);
  t.same(where(lower, 'king', 'small', 'third'), [undefined, undefined, undefined], 'what is free is for the king');
  removed(lower, 'fourth');
  pass(lower);
  t.same(where(lower, 'king', 'small', 'third', 'fourth'), ['n1', undefined, undefined, undefined]);
  t.end();
});

t.test('a VM with its data on a host is not displaced, unless its user says so', (t) => {
  const disk = { kind: 'inline' as const, volumes: [{ name: 'data', sizeMib: 10 }] };
  for (const disposable of [undefined, true]) {
    const cluster = hosts(1);
    const said = disposable === undefined ? {} : { disposable };
    cluster.create('db', { memoryMib: 16_384, source: disk, ...said });
    pass(cluster);
    cluster.create('king', { memoryMib: 8192, priority: 10 });
    t.match(pass(cluster), [{ type: disposable === true ? 'vmPreempt' : 'vmUnplaceable' }]);
  }
  t.end();
});

t.test('apply refuses a displacement that the cluster has outrun', (t) => {
  const cluster = hosts(1);
  cluster.create('a', { memoryMib: 12_288 });
  pass(cluster);
  cluster.create('king', { memoryMib: 8192, priority: 10 });
  const { modifiedIndex: baseIndex = 0 } = cluster.state.vm('king') ?? {};
  const epoch = cluster.state.vm('a')?.assignment?.epoch ?? 0;
  const command = { type: 'vmPreempt', name: 'king', uid: 'uid-king', baseIndex, hostId: 1 } as const;
  const victims = (change: object) => [{ name: 'a', uid: 'uid-a', epoch, ...change }];
  t.match(cluster.apply({ ...command, victims: victims({ uid: 'other' }) }), { error: { message: /it is gone/ } });
  t.match(cluster.apply({ ...command, victims: victims({ epoch: epoch + 1 }) }), { error: { message: /has moved/ } });
  cluster.create('peer', { memoryMib: 2048, priority: 10 });
  cluster.assign('peer');
  const peer = { name: 'peer', uid: 'uid-peer', epoch: cluster.state.vm('peer')?.assignment?.epoch ?? 0 };
  t.match(cluster.apply({ ...command, victims: [peer] }), { error: { message: /as important/ } });
  cluster.create('b', { memoryMib: 2048 });
  cluster.assign('b');
  const small = { name: 'b', uid: 'uid-b', epoch: cluster.state.vm('b')?.assignment?.epoch ?? 0 };
  t.match(cluster.apply({ ...command, victims: [small] }), {
    error: { code: 'N3X_REFUSED', message: /of memory free/ },
  });
  t.match(cluster.apply({ ...command, victims: victims({}) }), { ok: true });
  t.match(
    cluster.apply({ ...command, baseIndex: cluster.state.vm('king')?.modifiedIndex ?? 0, victims: victims({}) }),
    {
      error: { message: /is going already/ },
    },
  );
  t.end();
});

/** The scheduler as simple as can be: every VM looks at every host. */
function reference(cluster: SampleCluster): Map<string, number> {
  const { state } = cluster;
  const loads = new PassLoads(state);
  const placed = new Map<string, number>();
  const byRank = (a: Vm, b: Vm) => vmPriority(b) - vmPriority(a) || a.allocation.cid - b.allocation.cid;
  const waiting = [...state.vms()].filter((vm) => vm.assignment === null && vm.power === 'running').sort(byRank);
  for (const vm of waiting) {
    const strategy: Strategy = strategyOf(state.cluster, undefined, vm.spec.placement);
    const fitting: Host[] = [...state.hosts()].filter((host) => misfits(vm, host, loads).length === 0);
    const host = strategy === 'manual' ? undefined : bestOf(vm, strategy, fitting, loads, loads.lastTurn);
    if (host === undefined) continue;
    loads.place(vm, host.id, strategy === 'round-robin');
    placed.set(vm.name, host.id);
  }
  return placed;
}

const APART_B: string[] = ['app=b'];
const company = fc.record({
  label: fc.constantFrom('app=a', 'app=b'),
  per: fc.constantFrom('host' as const, 'zone' as const),
  weight: fc.constantFrom(50, 300),
});
const rules: fc.Arbitrary<Rules> = fc.oneof(
  fc.constantFrom<Rules>({}, { strategy: 'round-robin' }, { strategy: 'least-available' }, { strategy: 'manual' }),
  fc.constantFrom<Rules>({ apart: ['app=a'] }, { apart: ['app=b'] }, { near: ['app=a'] }, { near: ['app=b', 'app=a'] }),
  fc.record({ spread: fc.array(company, { minLength: 1, maxLength: 2 }), costWeight: fc.constantFrom(1, 100) }),
  fc.record({ pack: fc.array(company, { minLength: 1, maxLength: 2 }), apart: fc.constant(APART_B) }),
  fc.constantFrom(30, 300).map((weight): Rules => ({ prefer: [{ label: 'zone=b', weight }] })),
  fc
    .record({ label: fc.constantFrom('app=a', 'app=b'), per: fc.constantFrom('host' as const, 'zone' as const) })
    .map((limit): Rules => ({ limits: [{ ...limit, max: 1 }] })),
);

t.test('a pass places each VM where one would that looked at every host, and apply agrees', (t) => {
  const vm = fc.record({
    memoryMib: fc.constantFrom(512, 4096, 6000),
    app: fc.constantFrom(undefined, 'a', 'b'),
    priority: fc.constantFrom(0, 0, 0, 3),
    rules,
    port: fc.constantFrom(undefined, undefined, 8080),
  });
  const host = fc.record({ zone: fc.constantFrom('a', 'b', ''), cost: fc.constantFrom(0, 2) });
  fc.assert(
    fc.property(
      fc.array(vm, { maxLength: 24, size: 'max' }),
      fc.array(host, { minLength: 1, maxLength: 5 }),
      (vms, all) => {
        const settings = all.map(({ zone, cost }) => ({ labels: zone === '' ? {} : { zone }, cost }));
        const cluster = hosts(all.length, settings);
        vms.forEach(({ memoryMib, app, priority, rules: placement, port }, i) => {
          cluster.create(`v${i}`, {
            memoryMib,
            // Nobody may be displaced here: that is not what is compared.
            disposable: false,
            ...(priority === 0 ? {} : { priority }),
            ...(app === undefined ? {} : { labels: { app } }),
            placement,
            source: {
              kind: 'inline',
              interfaces: [{ type: 'user' }],
              forwards: port === undefined ? [] : [{ guestPort: 80, hostPort: port }],
            },
          });
          // Half of them come when others are there.
          if (i === Math.floor(vms.length / 2)) pass(cluster);
        });
        const expected = reference(cluster);
        const decided = new Map<string, number>();
        for (const command of pass(cluster)) if (command.type === 'vmAssign') decided.set(command.name, command.hostId);
        t.same([...decided].sort(), [...expected].sort());
      },
    ),
    { numRuns: 150 },
  );
  t.end();
});
