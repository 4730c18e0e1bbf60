/** Moves from end to end without a log between: the leader's plans, the state machine and the hosts' reconcilers. */
import fc from 'fast-check';
import t from 'tap';
import { drainProgress } from '../control/drain-progress.ts';
import type { VmSpecInput } from '../model/vm.ts';
import { planRebalance } from '../scheduler/rebalance.ts';
import { Fleet } from './test-fleet.ts';

t.test('a drained host ends empty, with every VM running elsewhere', (t) => {
  const fleet = new Fleet();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) fleet.create(name);
  fleet.settle();
  t.same(
    [fleet.running(1), fleet.running(2), fleet.running(3)].map(({ length }) => length),
    [2, 2, 2],
  );
  fleet.drain('n1', 1);
  fleet.lead();
  const progress = drainProgress(fleet.cluster.state, fleet.cluster.state.hostByName('n1') ?? never(), fleet.wallMs);
  t.match(progress, { moved: 0, moving: 1, waiting: 1, stuck: 0 });
  t.match(progress.vms, [{ state: 'moving', text: /runs on until n. has built it/ }, { state: 'waiting' }]);
  fleet.settle();
  t.equal(fleet.outcome('n1'), 'drained');
  t.same(fleet.running(1), []);
  t.equal(fleet.running(2).length + fleet.running(3).length, 6);
  t.same(fleet.drivers.get(1)?.driver.observe(), [], 'nothing is left behind');
  t.same(fleet.twice, []);
  fleet.apply({ type: 'hostUndrain', name: 'n1' });
  fleet.create('g');
  fleet.settle();
  t.equal(fleet.hostOf('g'), 'n1', 'it takes VMs again');
  t.end();
});

t.test('the target builds while the VM runs on', (t) => {
  const fleet = new Fleet();
  fleet.create('web');
  fleet.settle();
  const from = fleet.vm().assignment?.hostId ?? 0;
  const to = from === 1 ? 2 : 1;
  const { uid, assignment } = fleet.vm();
  fleet.apply({ type: 'vmMove', name: 'web', uid, epoch: assignment?.epoch ?? 0, cause: 'migrate', targetId: to });
  t.ok(fleet.host(to), 'it builds');
  t.same(fleet.running(from), ['web']);
  t.match(fleet.drivers.get(to)?.driver.observe(), [{ name: 'web', process: undefined, currentRunner: String }]);
  t.ok(fleet.host(to), 'and says so');
  t.match(fleet.vm().moving, { step: 'leave' });
  t.notOk(fleet.host(to), 'then it waits');
  fleet.settle();
  t.same(fleet.running(to), ['web']);
  t.same([fleet.twice, fleet.running(from)], [[], []]);
  t.end();
});

t.test('what can go nowhere stays, runs, and says why', (t) => {
  const fleet = new Fleet();
  const on1 = (changes: Partial<VmSpecInput>) => ({ ...changes, placement: { ...changes.placement, host: 'n1' } });
  fleet.create('pinned', on1({}));
  fleet.create('data', on1({ source: { kind: 'inline', volumes: [{ name: 'd', sizeMib: 8 }] } }));
  fleet.create('stays', on1({ failover: 'stay' }));
  fleet.create('big', { vcpu: 8, placement: { requireLabels: {} } });
  fleet.settle();
  const big = fleet.hostOf('big') ?? '';
  for (const name of ['n1', 'n2', 'n3'].filter((host) => host !== big))
    fleet.apply({ type: 'hostSet', name, cordoned: true });
  fleet.drain(big);
  fleet.settle();
  t.equal(fleet.outcome(big), 'stuck');
  t.match(
    fleet.cluster.state.hostByName(big)?.drain?.message,
    /^1 VM stays: big fits nowhere else: .*n1 .* is cordoned/,
  );
  fleet.apply({ type: 'hostSet', name: big === 'n2' ? 'n3' : 'n2', cordoned: false });
  fleet.settle();
  t.equal(fleet.outcome(big), 'drained', 'it goes on once there is room');
  fleet.apply({ type: 'hostUndrain', name: big });
  fleet.drain('n1');
  fleet.settle();
  const said = fleet.cluster.state.hostByName('n1')?.drain?.message ?? '';
  t.match(said, /3 VMs stay: data may run on n1 only, as its spec says; pinned may run on n1 only/);
  t.match(said, /stays is to stay on its host \(failover: stay\)/);
  t.same(fleet.running(1), ['data', 'pinned', 'stays']);
  const view = drainProgress(fleet.cluster.state, fleet.cluster.state.hostByName('n1') ?? never(), fleet.wallMs);
  t.match(view, { stuck: 3, moving: 0, waiting: 0 });
  t.end();
});

t.test('a build that fails on the target keeps the VM where it is, and is tried again', (t) => {
  const fleet = new Fleet();
  fleet.create('web');
  fleet.settle();
  const from = fleet.hostOf() ?? '';
  const failure = { ok: false, reason: 'BuildFailed', message: 'no disk', retriable: true } as const;
  for (const { driver } of fleet.drivers.values()) driver.failing.set('build', failure);
  fleet.drain(from);
  for (let i = 0; i < 3; i++) {
    fleet.lead();
    for (const id of [1, 2, 3]) fleet.host(id);
    for (const id of [1, 2, 3]) fleet.host(id);
  }
  t.equal(fleet.hostOf(), from);
  t.match(fleet.vm().moveFailure?.message, /cannot build it: BuildFailed: no disk$/);
  t.equal(fleet.outcome(from), 'stuck');
  const host = fleet.cluster.state.hostByName(from) ?? never();
  t.match(drainProgress(fleet.cluster.state, host, fleet.wallMs).vms, [{ state: 'stuck', text: /^tried in vain/ }]);
  for (const { driver } of fleet.drivers.values()) driver.failing.clear();
  fleet.wallMs += 61_000;
  fleet.settle();
  t.equal(fleet.outcome(from), 'drained');
  t.end();
});

t.test('a VM that takes its time to stop is reported once', (t) => {
  const fleet = new Fleet();
  fleet.create('web');
  fleet.settle();
  const { hostId } = fleet.vm().assignment ?? never();
  const failure = { ok: false, reason: 'StopFailed', message: 'still there', retriable: true } as const;
  fleet.drivers.get(hostId)?.driver.failing.set('stop', failure);
  fleet.drain(`n${hostId}`, 1, 'evacuate');
  fleet.lead();
  for (let look = 0; look < 3; look++) fleet.host(hostId);
  t.notOk(fleet.host(hostId), 'there is nothing more to say');
  t.match(fleet.vm().status, {
    phase: 'stopping',
    reason: 'Moving',
    message: /^moves off n. to n. because its host is/,
  });
  fleet.drivers.get(hostId)?.driver.failing.clear();
  fleet.wallMs += 61_000;
  fleet.settle();
  t.not(fleet.vm().assignment?.hostId, hostId);
  t.end();
});

t.test('a deadline ends a drain with what it has achieved', (t) => {
  const fleet = new Fleet();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) fleet.create(name, { vcpu: 3 });
  fleet.settle();
  fleet.drain('n1', 1, 'drain', fleet.wallMs + 10_000);
  fleet.lead();
  fleet.wallMs += 20_000;
  fleet.lead();
  t.equal(fleet.outcome('n1'), 'expired');
  t.match(fleet.cluster.state.hostByName('n1')?.drain?.message, /^the deadline passed with 2 of 2 VMs left/);
  fleet.settle();
  t.equal(fleet.running(1).length, 2, 'they run on');
  t.end();
});

t.test('a target that is lost on the way is replaced by another', (t) => {
  const fleet = new Fleet();
  fleet.create('web');
  fleet.settle();
  const from = fleet.hostOf() ?? '';
  fleet.drain(from);
  fleet.lead();
  const { moving } = fleet.vm();
  const targetId = moving?.cause === 'drain' ? (moving.targetId ?? 0) : 0;
  fleet.apply({ type: 'hostSet', name: `n${targetId}`, cordoned: true });
  fleet.settle();
  const last = [1, 2, 3].find((id) => `n${id}` !== from && id !== targetId) ?? 0;
  t.equal(fleet.hostOf(), `n${last}`);
  t.same([fleet.twice, fleet.drivers.get(targetId)?.driver.observe()], [[], []], 'what it had built is gone');
  t.end();
});

t.test('an evacuation moves all at once', (t) => {
  const fleet = new Fleet();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) fleet.create(name);
  fleet.settle();
  fleet.drain('n2', 256, 'evacuate');
  fleet.lead();
  const leaving = [...fleet.cluster.state.vmsOnHost(2)].map(({ moving }) => moving);
  t.match(leaving, [
    { cause: 'evacuate', step: 'leave' },
    { cause: 'evacuate', step: 'leave' },
  ]);
  fleet.settle();
  t.equal(fleet.outcome('n2'), 'drained');
  t.same([fleet.running(2), fleet.twice], [[], []]);
  t.end();
});

t.test('a plan evens out the hosts, and a second one finds nothing to gain', (t) => {
  const fleet = new Fleet();
  for (const name of ['n2', 'n3']) fleet.apply({ type: 'hostSet', name, cordoned: true });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) fleet.create(name);
  fleet.create('pinned', { placement: { host: 'n1' } });
  fleet.settle();
  for (const name of ['n2', 'n3']) fleet.apply({ type: 'hostSet', name, cordoned: false });
  t.equal(planRebalance(fleet.cluster.state, 2).moves.length, 2, 'no more than asked for');
  const { moves, considered } = planRebalance(fleet.cluster.state, 64);
  t.equal(considered, 6);
  t.ok(moves.every(({ from, gain }) => from === 'n1' && gain >= 10));
  const asked = moves.map(({ name, uid, epoch, targetId }) => ({ name, uid, epoch, targetId }));
  t.match(fleet.apply({ type: 'clusterRebalance', moves: asked }), { ok: true, values: { moved: moves.length } });
  fleet.settle();
  t.same([1, 2, 3].map((id) => fleet.running(id).length).sort(), [2, 2, 3]);
  t.same(planRebalance(fleet.cluster.state, 64).moves, []);
  t.same(fleet.twice, []);
  t.end();
});

t.test('whatever happens on the way, no VM runs twice, and all come to rest', (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('lead', 'host', 'host', 'host', 'wait'), id: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      do: fc.constantFrom('drain', 'evacuate', 'undrain', 'lose', 'find', 'cordon'),
      id: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({
      do: fc.constantFrom('migrate', 'stop', 'start', 'rebalance', 'delete'),
      id: fc.integer({ min: 1, max: 3 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (steps) => {
      const fleet = new Fleet();
      for (const name of ['web1', 'web2', 'web3', 'web4']) fleet.create(name, { vcpu: 3 });
      for (const { do: what, id } of steps) act(fleet, what, id);
      for (const id of [1, 2, 3]) {
        fleet.apply({ type: 'hostReachable', hostId: id, reachable: true });
        fleet.apply({ type: 'hostUndrain', name: `n${id}` });
      }
      fleet.settle();
      const breaches = [...fleet.drivers.values()].flatMap(({ driver }) => driver.breaches);
      if (fleet.twice.length + breaches.length > 0) throw new Error([...fleet.twice, ...breaches].join('; '));
      for (const vm of fleet.cluster.state.vms()) {
        const on = [1, 2, 3].filter((id) => fleet.running(id).includes(vm.name));
        const wanted = vm.power === 'running' ? [vm.assignment?.hostId] : [];
        if (String(on) !== String(wanted)) throw new Error(`${vm.name} runs on [${on}], not on [${wanted}]`);
      }
    }),
    { numRuns: 60, seed: 7 },
  );
  t.end();
});

function act(fleet: Fleet, what: string, id: number): void {
  const { state } = fleet.cluster;
  const vm = state.vm(`web${id}`);
  switch (what) {
    case 'lead':
      fleet.lead();
      return;
    case 'host':
      fleet.host(id);
      return;
    case 'wait':
      fleet.wallMs += 61_000;
      return;
    case 'drain':
    case 'evacuate':
      fleet.drain(`n${id}`, id, what);
      return;
    case 'undrain':
      fleet.apply({ type: 'hostUndrain', name: `n${id}` });
      return;
    case 'lose':
    case 'find':
      fleet.apply({ type: 'hostReachable', hostId: id, reachable: what === 'find' });
      return;
    case 'cordon':
      fleet.apply({ type: 'hostSet', name: `n${id}`, cordoned: true });
      return;
    case 'stop':
    case 'start':
      fleet.apply({ type: 'vmSetPower', name: `web${id}`, power: what === 'stop' ? 'stopped' : 'running' });
      return;
    case 'delete':
      fleet.apply({ type: 'vmDelete', name: 'web4' });
      return;
    case 'rebalance': {
      const moves = planRebalance(state, 4).moves.map(({ name, uid, epoch, targetId }) => ({
        name,
        uid,
        epoch,
        targetId,
      }));
      if (moves.length > 0) fleet.apply({ type: 'clusterRebalance', moves });
      return;
    }
    default: {
      const { uid, assignment } = vm ?? {};
      if (uid === undefined || assignment === null || assignment === undefined) return;
      const targetId = (assignment.hostId % 3) + 1;
      fleet.apply({ type: 'vmMove', name: `web${id}`, uid, epoch: assignment.epoch, cause: 'migrate', targetId });
    }
  }
}

function never(): never {
  throw new Error('it is there');
}
