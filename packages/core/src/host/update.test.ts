import t from 'tap';
import { checkInvariants } from '../machine/invariants.ts';
import { SampleCluster, sampleSpec } from '../machine/sample.ts';
import type { Vm, VmSpecInput } from '../model/vm.ts';
import type { DriverAction } from '../ports/driver.ts';
import { Backoff } from './backoff.ts';
import { ModelDriver } from './model-driver.test-data.ts';
import { type Reconciliation, reconcile } from './reconcile.ts';

/** One host that has `web`, and carries out what is decided at once. */
class Host {
  readonly cluster = new SampleCluster();
  readonly driver = new ModelDriver();
  readonly backoff = new Backoff();
  readonly inFlight = new Map<string, DriverAction>();
  nowMs = 1_000_000;

  constructor(changes: Partial<VmSpecInput> = {}) {
    this.cluster.create('web', changes);
    this.cluster.assign('web');
    this.settle();
    this.driver.boot();
    this.settle();
  }

  get vm(): Vm {
    const vm = this.cluster.state.vm('web');
    if (vm === undefined) throw new Error('web is missing');
    return vm;
  }

  look(): Reconciliation {
    const { state } = this.cluster;
    const observed = this.driver.observe();
    this.backoff.observed(observed, this.nowMs);
    const { backoff, inFlight, nowMs } = this;
    const lease = { nowMs, untilMs: nowMs + 60_000, problem: null, ended: new Set<string>() };
    const volumes = { observed: new Map(), copies: new Map(), failure: () => undefined };
    return reconcile({ state, hostId: 1, observed, inFlight, backoff, volumes, nowMs, wallMs: nowMs, lease });
  }

  /** One look and what follows from it; undefined when that is nothing. */
  round(): string[] | undefined {
    const { actions, reports } = this.look();
    if (reports.length > 0) this.cluster.apply({ type: 'vmReport', hostId: 1, reports: [...reports] });
    for (const action of actions) this.backoff.ended(action, this.driver.perform(action, this.nowMs), this.nowMs);
    return actions.length + reports.length === 0 ? undefined : actions.map(({ type }) => type);
  }

  /** Rounds until nothing is done; hands over what was. */
  settle(): string[] {
    const log: string[] = [];
    for (let i = 0; i < 50; i++) {
      const done = this.round();
      if (done === undefined) return log;
      log.push(...done);
    }
    throw new Error(`no rest: ${log.slice(-6).join(', ')}`);
  }

  update(changes: Partial<VmSpecInput>, rebuild = false) {
    return this.cluster.apply({ type: 'vmUpdate', name: 'web', spec: sampleSpec(changes), rebuild });
  }

  /** Reasons of the events, newest last. */
  events(): string[] {
    return [...this.cluster.state.events()].map(({ reason }) => reason);
  }
}

t.test('another build is made beside the process, which then makes way for it', (t) => {
  const host = new Host();
  t.match(host.update({ memoryMib: 1024 }), { ok: true, changed: true, values: { generation: 2 } });
  const [build] = host.look().actions;
  t.match(build, { type: 'build', vm: { generation: 2 } });
  if (build === undefined) throw new Error('a build');
  host.inFlight.set('web', build);
  t.match(host.look().reports[0]?.status, { phase: 'running', reason: 'Updating' });
  host.inFlight.clear();
  t.same(host.settle(), ['build', 'stop', 'start']);
  t.match(host.vm, { revision: { generation: 2, state: 'pending', held: { memoryMib: 512 } } });
  host.driver.boot();
  t.same(host.settle(), []);
  t.match(host.vm, {
    revision: { generation: 2, state: 'ready', runner: '/nix/store/web-2' },
    revisions: [{ generation: 1, outcome: 'ready', runner: '/nix/store/web-1' }],
  });
  t.equal(host.vm.revision?.held, undefined);
  t.same(checkInvariants(host.cluster.state), []);
  t.end();
});

t.test('what needs no other build changes without a restart', (t) => {
  const host = new Host();
  t.ok(host.update({ labels: { app: 'web' }, priority: 3, readyTimeoutSeconds: 9 }).ok);
  t.same(host.settle(), []);
  t.match(host.vm, { generation: 2, status: { phase: 'running', pid: 101, observedGeneration: 2 } });
  t.equal(host.vm.revision, undefined);
  t.end();
});

t.test('a build anew with the same result is no reason to restart', (t) => {
  const host = new Host();
  host.driver.same = true;
  t.ok(host.update({}, true).ok);
  t.same(host.settle(), ['build']);
  t.match(host.vm, { revision: { state: 'ready', rebuilds: 1 }, status: { pid: 101 } });
  t.end();
});

t.test(
  'a guest that does not get ready in time goes back by itself to the build before, which is not made again',
  (t) => {
    const host = new Host();
    host.update({ memoryMib: 1024 });
    host.settle();
    host.nowMs += 120_000;
    t.same(host.settle(), ['build', 'stop', 'start']);
    t.match(host.vm, {
      spec: { memoryMib: 512 },
      revision: { generation: 3, state: 'pending', restores: 1, runner: '/nix/store/web-1' },
      revisions: [
        { generation: 1, outcome: 'ready' },
        { generation: 2, outcome: 'failed', message: /not ready 120 s/ },
      ],
    });
    host.driver.boot();
    t.same(host.settle(), []);
    t.match(host.vm, { revision: { state: 'ready' }, status: { phase: 'running', bootedRunner: '/nix/store/web-1' } });
    t.ok(host.events().includes('RolledBack'));
    t.end();
  },
);

t.test('a build that cannot be made leaves the process alone', (t) => {
  const host = new Host();
  host.driver.failing.set('build', { ok: false, reason: 'BuildFailed', message: 'no', retriable: false });
  host.update({ memoryMib: 1024 });
  t.same(host.round(), ['build']);
  host.driver.failing.clear();
  t.same(host.settle(), ['build']);
  t.match(host.vm, {
    spec: { memoryMib: 512 },
    status: { phase: 'running', pid: 101 },
    revision: { state: 'ready', restores: 1 },
    revisions: [{ generation: 1 }, { generation: 2, outcome: 'failed', message: 'BuildFailed: no' }],
  });
  t.end();
});

t.test('a build that may yet succeed is waited for', (t) => {
  const host = new Host();
  host.driver.failing.set('build', { ok: false, reason: 'FlakeNotFound', message: 'no network', retriable: true });
  host.update({ memoryMib: 1024 });
  host.settle();
  t.match(host.vm, {
    revision: { state: 'pending' },
    status: { phase: 'running', reason: 'FlakeNotFound', message: 'runs on; its next build: no network' },
  });
  host.driver.failing.clear();
  host.nowMs += 2000;
  t.same(host.settle(), ['build', 'stop', 'start']);
  t.end();
});

t.test('a process that ends before its guest is ready fails its build; so do starts that fail', (t) => {
  const host = new Host();
  host.update({ memoryMib: 1024 });
  host.settle();
  host.driver.crash('web', host.nowMs);
  t.same(host.settle(), ['build', 'start']);
  t.match(host.vm, { revision: { restores: 1 }, revisions: [{}, { generation: 2, outcome: 'failed' }] });
  host.driver.boot();
  host.settle();
  host.update({ memoryMib: 2048 });
  host.driver.failing.set('start', { ok: false, reason: 'StartFailed', message: 'no', retriable: true });
  for (let i = 0; i < 3; i++) {
    host.nowMs += 5000;
    host.settle();
  }
  host.driver.failing.clear();
  host.nowMs += 5000;
  host.settle();
  host.driver.boot();
  host.settle();
  t.match(host.vm, {
    spec: { memoryMib: 512 },
    revision: { state: 'ready', restores: 3 },
    revisions: [{ generation: 1 }, { generation: 2 }, { generation: 3 }, { generation: 4, message: 'StartFailed: no' }],
  });
  t.end();
});

t.test('by hand one goes back too, to any kept build', (t) => {
  const host = new Host();
  t.match(host.cluster.apply({ type: 'vmRollback', name: 'web' }), {
    ok: false,
    error: { message: 'VM web has no earlier build that was ready: `n3xctl vm history web` shows what there was' },
  });
  for (const memoryMib of [600, 700]) {
    host.update({ memoryMib });
    host.settle();
    host.driver.boot();
    host.settle();
  }
  t.match(host.cluster.apply({ type: 'vmRollback', name: 'web', to: 9 }), {
    error: { message: 'VM web cannot go back to generation 9: kept are 1, 2' },
  });
  t.ok(host.cluster.apply({ type: 'vmRollback', name: 'web', to: 1 }).ok);
  t.same(host.settle(), ['build', 'stop', 'start']);
  t.match(host.vm, { spec: { memoryMib: 512 }, status: { bootedRunner: '/nix/store/web-1' } });
  host.driver.boot();
  host.settle();
  t.ok(host.cluster.apply({ type: 'vmRollback', name: 'web' }).ok);
  t.match(host.vm, { spec: { memoryMib: 700 }, revision: { restores: 3 } });
  t.end();
});

t.test('the history is bounded, and keeps the last build that was ready', (t) => {
  const host = new Host();
  host.driver.failing.set('build', { ok: false, reason: 'BuildFailed', message: 'no', retriable: true });
  for (let i = 0; i < 9; i++) host.update({ memoryMib: 600 + i });
  t.equal(host.vm.revisions?.length, 5);
  t.match(host.vm.revisions?.[0], { generation: 1, outcome: 'ready' });
  t.match(host.vm.revisions?.at(-1), { generation: 9, outcome: 'replaced' });
  t.end();
});
