import fc from 'fast-check';
import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster } from '../machine/sample.ts';
import { schedule } from './schedule.ts';

/** Hosts n1 to n`count`, all voting; the others have 8 CPUs and what memory is said. */
function hosts(count: number, memoryMib = 16_384): SampleCluster {
  const cluster = new SampleCluster();
  const voters = [1];
  for (let id = 2; id <= count; id++) {
    cluster.join(`n${id}`, { facts: { memoryMib }, settings: { labels: { zone: id % 2 === 0 ? 'even' : 'odd' } } });
    voters.push(id);
  }
  const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

/** Applies one pass; every command must be accepted. */
function pass(cluster: SampleCluster): number {
  const commands = schedule(cluster.state, 1);
  for (const command of commands) {
    const result = cluster.apply(command);
    if (!result.ok) throw new Error(result.error.message);
    const wrong = checkStep(cluster.state, cluster.last.objectChanges);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  }
  return commands.length;
}

t.test('VMs go where most is left, of equals to the lowest id', (t) => {
  const cluster = hosts(3);
  for (const name of ['a', 'b', 'c', 'd']) cluster.create(name, { memoryMib: 2048 });
  pass(cluster);
  t.same(
    ['a', 'b', 'c', 'd'].map((name) => cluster.state.vm(name)?.assignment?.hostId),
    [1, 2, 3, 1],
  );
  t.equal(pass(cluster), 0);
  t.end();
});

t.test('what the pass has placed counts', (t) => {
  const cluster = hosts(1);
  for (let i = 0; i < 5; i++) cluster.create(`v${i}`, { memoryMib: 4096 });
  pass(cluster);
  t.equal([...cluster.state.vmsOnHost(1)].length, 4);
  t.match(cluster.state.vm('v4')?.status, {
    phase: 'pending',
    reason: 'NoHostFits',
    message: 'needs 4G of memory; n1 has nothing of memory free of 16G. To make it fit: free 4G of memory on n1',
  });
  t.end();
});

t.test('a VM whose data is elsewhere says nothing about another one that asks for the same', (t) => {
  const cluster = hosts(2);
  const source = { kind: 'inline' as const, volumes: [{ name: 'data', sizeMib: 100 }] };
  cluster.create('a', { source, failover: 'restart' });
  cluster.assign('a', 1);
  const { uid, assignment, volumes = [] } = cluster.state.vm('a') ?? {};
  const epoch = assignment?.epoch ?? 0;
  const at = { hostId: 1, name: 'a', uid: uid ?? '', epoch };
  cluster.apply({ type: 'volumesCreated', ...at, volumes: volumes.map((volume) => volume.uid) });
  cluster.apply({ type: 'vmFailover', ...at, term: 1 });
  cluster.apply({ type: 'hostSet', name: 'n1', cordoned: true });
  cluster.create('b', { source, failover: 'restart' });
  pass(cluster);
  t.match(cluster.state.vm('a')?.status, { phase: 'pending', reason: 'WaitsForData' });
  t.equal(cluster.state.vm('b')?.assignment?.hostId, 2);
  t.end();
});

t.test('a host without a working fence is closed to VMs that need one, and to no others', (t) => {
  const cluster = hosts(2);
  const host = cluster.state.hostByName('n2');
  if (host?.facts === undefined) throw new Error('n2 is there');
  const facts = { ...host.facts, fence: { works: false, message: 'no timers' } };
  cluster.apply({ type: 'hostReport', hostId: 2, addresses: [], settings: host.settings, facts });
  cluster.apply({ type: 'hostSet', name: 'n1', cordoned: true });
  cluster.create('a', { failover: 'restart' });
  cluster.create('b', { failover: 'stay' });
  pass(cluster);
  t.match(cluster.state.vm('a')?.status, { phase: 'pending', message: /n2.*switch/ });
  t.equal(cluster.state.vm('b')?.assignment?.hostId, 2);
  t.end();
});

t.test('only VMs that are to run are placed', (t) => {
  const cluster = hosts(1);
  cluster.create('web');
  cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  t.same(schedule(cluster.state, 1), []);
  t.end();
});

t.test('the oldest comes first', (t) => {
  const cluster = hosts(1);
  for (const name of ['z', 'm', 'a']) cluster.create(name);
  t.same(
    schedule(cluster.state, 1).map((command) => command.name),
    ['z', 'm', 'a'],
  );
  t.end();
});

t.test('why a VM has no host is said host by host, and once', (t) => {
  const cluster = hosts(4, 8192);
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  cluster.create('web', { memoryMib: 65_536, vcpu: 12, placement: { requireLabels: { zone: 'even' } } });
  cluster.create('first', { memoryMib: 1536, placement: { host: 'n4' } });
  pass(cluster);
  t.equal(
    cluster.state.vm('web')?.status.message,
    'needs 64G of memory and 12 vcpu; ' +
      'n1 lacks the label zone=even and has 8 vcpu free of 8 and has 16G of memory free of 16G; ' +
      'n2 is not reachable and has 8 vcpu free of 8 and has 8G of memory free of 8G; ' +
      'n3 lacks the label zone=even and has 8 vcpu free of 8 and has 8G of memory free of 8G; ' +
      // What `first` takes in the same pass counts.
      'n4 has 7 vcpu free of 8 and has 6.5G of memory free of 8G. To make it fit: ' +
      'ask for 4 vcpu less, or add a host as large and ask for 56G of memory less, or add a host as large',
  );
  t.equal(pass(cluster), 0);
  t.end();
});

t.test('a VM for one host is told about that one only', (t) => {
  const cluster = hosts(3);
  cluster.create('web', { placement: { host: 'n2' } });
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  pass(cluster);
  t.match(cluster.state.vm('web')?.status, {
    reason: 'HostUnavailable',
    message: 'n2 is not reachable. To make it fit: bring n2 back',
  });
  cluster.apply({ type: 'hostLeave', name: 'n2' });
  cluster.apply({ type: 'hostRemoved', hostId: 2 });
  pass(cluster);
  t.match(cluster.state.vm('web')?.status, { reason: 'HostUnavailable', message: /^the cluster has no host n2\. / });
  t.end();
});

t.test('explanations and passes are bounded', (t) => {
  const cluster = hosts(60, 4096);
  cluster.create('web', { memoryMib: 65_536 });
  pass(cluster);
  const message = cluster.state.vm('web')?.status.message ?? '';
  t.ok(message.length <= 1024);
  t.match(message, /; and \d+ more hosts\. To make it fit: /);
  for (let i = 0; i < 10; i++) cluster.create(`v${i}`);
  for (let i = 0; i < 10; i++) cluster.create(`big${i}`, { memoryMib: 65_536 });
  const commands = schedule(cluster.state, 1, { assignments: 4, explanations: 3, preemptions: 1 });
  // The fifth tells web anew.
  t.equal(commands.length, 5);
  t.equal(pass(cluster), 21);
  t.equal(schedule(cluster.state, 1, { assignments: 4, explanations: 3, preemptions: 1 }).length, 0);
  t.end();
});

t.test('whatever is asked for, apply accepts what the scheduler decides, and the second pass decides nothing', (t) => {
  const size = fc.record({
    memoryMib: fc.constantFrom(512, 2048, 6000, 20_000),
    vcpu: fc.integer({ min: 1, max: 9 }),
    zone: fc.constantFrom(undefined, 'even', 'odd'),
    port: fc.constantFrom(undefined, 8080, 8081),
  });
  fc.assert(
    fc.property(fc.array(size, { maxLength: 20, size: 'max' }), fc.integer({ min: 1, max: 4 }), (sizes, count) => {
      const cluster = hosts(count);
      sizes.forEach(({ memoryMib, vcpu, zone, port }, i) => {
        const forwards = port === undefined ? [] : [{ guestPort: 80, hostPort: port }];
        cluster.create(`v${i}`, {
          memoryMib,
          vcpu,
          placement: { requireLabels: zone === undefined ? {} : { zone } },
          source: { kind: 'inline', interfaces: [{ type: 'user' }], forwards },
        });
      });
      pass(cluster);
      // A reason given early in the pass may name what was free then.
      pass(cluster);
      t.equal(pass(cluster), 0);
      t.same(checkInvariants(cluster.state), []);
    }),
    { numRuns: 60 },
  );
  t.end();
});

t.test("a host without a dead-man's switch is for VMs that need none, whoever waits beside them", (t) => {
  const cluster = new SampleCluster();
  const host = cluster.state.host(1);
  if (host?.facts === undefined) throw new Error('the first host');
  const { addresses, settings } = host;
  const facts = { ...host.facts, fence: { works: false, message: 'no systemd' } };
  cluster.apply({ type: 'hostReport', hostId: 1, addresses, settings, facts });
  cluster.create('fenced');
  cluster.create('stays', { failover: 'stay' });
  for (const command of schedule(cluster.state, 1)) cluster.apply(command);
  t.equal(cluster.state.vm('stays')?.assignment?.hostId, 1);
  t.match(cluster.state.vm('fenced'), {
    assignment: null,
    status: { message: /^n1 has no dead-man's switch that works/ },
  });
  t.end();
});
