/** Moves from end to end without a log between: the leader's plans, the state machine and the hosts' reconcilers. */
import fc from 'fast-check';
import t from 'tap';
import { drainProgress } from '../control/drain-progress.ts';
import { plan } from '../control/plan.ts';
import { MembershipLab, NOW } from '../control/test-lab.ts';
import { Backoff } from '../host/backoff.ts';
import { ModelDriver } from '../host/model-driver.test-data.ts';
import { reconcile } from '../host/reconcile.ts';
import type { VolumeView } from '../host/volume-gate.ts';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SAMPLE_START_MS, type SampleCluster } from '../machine/sample.ts';
import type { Vm, VmSpecInput } from '../model/vm.ts';
import type { ObservedVolume } from '../ports/volumes.ts';
import { planRebalance } from '../scheduler/rebalance.ts';

/** Three hosts with drivers, and a leader that is asked when a test says so. */
class Fleet {
  readonly lab = new MembershipLab([{}, {}, {}], { ...CONF });
  readonly cluster: SampleCluster = this.lab.cluster;
  readonly drivers = new Map([1, 2, 3].map((id) => [id, { driver: new ModelDriver(), backoff: new Backoff() }]));
  wallMs = SAMPLE_START_MS;
  /** VMs that were seen to run on two hosts at once. */
  readonly twice: string[] = [];

  apply(command: Command): CommandResult {
    this.wallMs += 1000;
    const result = this.cluster.apply(command, { atMs: this.wallMs });
    const wrong = [
      ...checkInvariants(this.cluster.state),
      ...checkStep(this.cluster.state, this.cluster.last.objectChanges),
    ];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  vm(name = 'web'): Vm {
    const vm = this.cluster.state.vm(name);
    if (vm === undefined) throw new Error(`${name} is missing`);
    return vm;
  }

  hostOf(name = 'web'): string | undefined {
    return this.cluster.state.host(this.vm(name).assignment?.hostId ?? 0)?.name;
  }

  create(name: string, changes: Partial<VmSpecInput> = {}): void {
    this.cluster.create(name, changes);
  }

  /** The leader looks once: whether it decided anything. */
  lead(): boolean {
    const view = this.lab.view({}, { wallMs: this.wallMs });
    let did = false;
    for (const decision of plan(this.cluster.state, view, NOW)) {
      if (decision.type !== 'command') continue;
      this.apply(decision.command);
      did = true;
    }
    return did;
  }

  /** Every volume that is to be on a host is there, and the cluster knows it. */
  volumes(hostId: number): VolumeView {
    const observed = new Map<string, ObservedVolume>();
    for (const { name, uid, assignment, volumes = [] } of [...this.cluster.state.vmsOnHost(hostId)]) {
      const uids = volumes.map((volume) => volume.uid);
      for (const one of uids)
        observed.set(one, { uid: one, pool: 'default', epoch: assignment?.epoch ?? 0, usedBytes: 0 });
      if (volumes.every((volume) => volume.created)) continue;
      this.apply({ type: 'volumesCreated', hostId, name, uid, epoch: assignment?.epoch ?? 1, volumes: uids });
    }
    return { observed, failure: () => undefined };
  }

  /** One host looks once, and all that it does succeeds at once, unless its driver is told to fail. */
  host(hostId: number): boolean {
    const { state } = this.cluster;
    const own = this.drivers.get(hostId);
    if (own === undefined || state.host(hostId)?.reachable !== true) return false;
    const { driver, backoff } = own;
    const observed = driver.observe();
    backoff.observed(observed, this.wallMs);
    const lease = { nowMs: 0, untilMs: 1, problem: null, ended: new Set<string>() };
    const clocks = { nowMs: this.wallMs, wallMs: this.wallMs, lease };
    const volumes = this.volumes(hostId);
    const found = reconcile({ state, hostId, observed, inFlight: new Map(), backoff, volumes, ...clocks });
    if (found.reports.length > 0) this.apply({ type: 'vmReport', hostId, reports: [...found.reports] });
    for (const command of [...found.removed, ...found.built]) this.apply(command);
    for (const action of found.actions) {
      backoff.ended(action, driver.perform(action, this.wallMs), this.wallMs);
      driver.boot();
      this.#look();
    }
    return found.actions.length + found.reports.length + found.removed.length + found.built.length > 0;
  }

  #look(): void {
    const seen = new Set<string>();
    for (const { driver } of this.drivers.values()) {
      for (const { name, process } of driver.observe()) {
        if (process === undefined) continue;
        if (seen.has(name)) this.twice.push(name);
        seen.add(name);
      }
    }
  }

  /** Until nobody has anything to do. */
  settle(rounds = 200): void {
    for (let round = 0; round < rounds; round++) {
      let did = this.lead();
      for (const hostId of this.drivers.keys()) did = this.host(hostId) || did;
      this.wallMs += 61_000;
      if (!did) return;
    }
    throw new Error('no rest');
  }

  running(hostId: number): string[] {
    const observed = this.drivers.get(hostId)?.driver.observe() ?? [];
    return observed
      .filter(({ process }) => process !== undefined)
      .map(({ name }) => name)
      .sort();
  }

  drain(name: string, parallel = 2, mode: 'drain' | 'evacuate' = 'drain', deadlineMs?: number): CommandResult {
    const deadline = deadlineMs === undefined ? {} : { deadlineMs };
    return this.apply({ type: 'hostDrain', name, mode, parallel, ...deadline });
  }

  outcome(name: string) {
    return this.cluster.state.hostByName(name)?.drain?.outcome;
  }
}

const CONF = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

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

t.test('VMs that are to be near each other leave together', (t) => {
  const fleet = new Fleet();
  const app = (label: string, near: string) => ({ labels: { app: label }, placement: { near: [`app=${near}`] } });
  fleet.create('db', { labels: { app: 'db' } });
  fleet.settle();
  fleet.create('web', app('web', 'db'));
  fleet.settle();
  const from = fleet.hostOf('db') ?? '';
  t.equal(fleet.hostOf('web'), from);
  const { uid, assignment } = fleet.vm('web');
  const alone = { type: 'vmMove', name: 'web', uid, epoch: assignment?.epoch ?? 0, cause: 'migrate' } as const;
  t.match(fleet.apply({ ...alone, targetId: from === 'n1' ? 2 : 1 }), {
    error: { message: /has no VM with app=db\. .* it moves by `n3xctl vm migrate web --together`$/ },
  });
  // A third that is near the second follows by itself; a limit of one at a time holds two that cannot be parted no less.
  fleet.create('cache', { ...app('cache', 'web') });
  fleet.settle();
  fleet.drain(from, 1);
  const host = fleet.cluster.state.hostByName(from) ?? never();
  const { vms } = drainProgress(fleet.cluster.state, host, fleet.wallMs);
  t.match(vms, [
    { name: 'cache', text: 'waits for its turn, together with web, db (near app=web, app=db)' },
    { name: 'db', text: 'waits for its turn' },
    { name: 'web', text: 'waits for its turn, together with db (near app=db)' },
  ]);
  t.ok(fleet.lead());
  t.same(
    ['cache', 'web', 'db'].map((name) => fleet.vm(name).moving?.cause),
    ['drain', 'drain', 'drain'],
  );
  fleet.settle();
  t.equal(fleet.outcome(from), 'drained');
  t.equal(fleet.hostOf('web'), fleet.hostOf('db'));
  t.equal(fleet.hostOf('web'), fleet.hostOf('cache'));
  t.not(fleet.hostOf('web'), from);
  t.same(fleet.twice, []);
  t.end();
});

t.test('VMs that can only leave together stay together when they cannot, and say why', (t) => {
  const fleet = new Fleet();
  const near = (label: string) => ({ placement: { near: [`app=${label}`] } });
  fleet.create('db', { labels: { app: 'db' }, vcpu: 4, ...near('db') });
  fleet.settle();
  fleet.create('web', { labels: { app: 'db' }, vcpu: 4, ...near('db') });
  fleet.settle();
  const from = fleet.hostOf('db') ?? '';
  const others = ['n1', 'n2', 'n3'].filter((name) => name !== from);
  for (const name of others) fleet.create(`fill-${name}`, { vcpu: 2, placement: { host: name } });
  fleet.settle();
  fleet.drain(from, 2);
  fleet.settle();
  t.equal(fleet.outcome(from), 'stuck');
  t.match(
    fleet.cluster.state.hostByName(from)?.drain?.message,
    /2 VMs stay: db goes only together with web \(near app=db\), and no other host takes them: n\d has 2 vcpu free of 8 \(for db\); .*To make them fit: free 2 vcpu on n\d/,
  );
  fleet.apply({ type: 'vmDelete', name: `fill-${others[1]}` });
  fleet.settle();
  t.equal(fleet.outcome(from), 'drained');
  t.same([fleet.hostOf('db'), fleet.hostOf('web')], [others[1], others[1]]);
  t.same(fleet.twice, []);
  t.end();
});

t.test('who is to stay keeps those that are near it', (t) => {
  const fleet = new Fleet();
  fleet.create('stays', { labels: { app: 'old' }, failover: 'stay' });
  fleet.settle();
  fleet.create('guest', { placement: { near: ['app=old'] } });
  fleet.settle();
  const now = fleet.hostOf('stays') ?? '';
  fleet.drain(now, 4, 'evacuate');
  fleet.settle();
  t.match(
    fleet.cluster.state.hostByName(now)?.drain?.message,
    /guest goes only together with stays \(near app=old\), and stays is to stay on its host \(failover: stay\)/,
  );
  t.end();
});

t.test('several are moved as one or not at all', (t) => {
  const fleet = new Fleet();
  fleet.create('a', { placement: { host: 'n1' } });
  fleet.create('b');
  fleet.settle();
  const of = (name: string, uid = fleet.vm(name).uid) => ({ name, uid, epoch: fleet.vm(name).assignment?.epoch ?? 0 });
  const go = (names: readonly string[], targetId: number, changes: object = {}) =>
    fleet.apply({
      type: 'vmMoveTogether',
      cause: 'migrate',
      targetId,
      moves: names.map((name) => of(name)),
      ...changes,
    });
  t.match(go(['a', 'b'], 3), { error: { code: 'N3X_CONFLICT', message: /^VM b is not on one host with the others/ } });
  t.match(go(['a', 'a'], 3), { error: { code: 'N3X_INVALID' } });
  t.match(go(['a', 'b'], 3, { moves: [of('a'), { ...of('b'), name: 'c' }] }), { error: { code: 'N3X_NOT_FOUND' } });
  fleet.create('c', { placement: { requireLabels: {} } });
  fleet.settle();
  const host = fleet.vm('c').assignment?.hostId ?? 0;
  fleet.create('d', { placement: { host: `n${host}` } });
  fleet.settle();
  t.match(go(['c', 'd'], host === 3 ? 2 : 3), {
    error: { message: /^VM d cannot go to n\d: it is not n\d, the one host/ },
  });
  t.equal(fleet.vm('c').moving, undefined, 'and none has set out');
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
  t.match(said, /3 VMs stay: data has volumes, and their data is on its host; pinned may run on n1 only/);
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
