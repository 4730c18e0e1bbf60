import fc from 'fast-check';
import t from 'tap';
import type { DriverAction } from '../ports/driver.ts';
import { Backoff } from './backoff.ts';
import { Host } from './model-host.test-data.ts';

t.test('built, started, ready', (t) => {
  const host = new Host();
  host.run();
  t.same(host.settle(), ['build web', 'start web']);
  t.match(host.vm().status, { phase: 'starting', pid: 101, currentRunner: '/nix/store/web-1', observedGeneration: 1 });
  host.driver.boot();
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'running', reason: '', bootedRunner: '/nix/store/web-1' });
  t.end();
});

t.test('what is under way is reported and not doubled', (t) => {
  const host = new Host();
  host.run();
  const [build] = host.look().actions;
  if (build === undefined) throw new Error('a build');
  host.inFlight.set('web', build);
  t.match(host.look(), { actions: [], reports: [{ status: { phase: 'building', reason: '' } }] });
  t.end();
});

t.test('stopped and started again, without a build', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  t.same(host.settle(), ['stop web']);
  t.match(host.vm().status, { phase: 'stopped', observedGeneration: 2 });
  t.equal(host.vm().status.pid, undefined);
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.same(host.settle(), ['start web']);
  t.end();
});

t.test('restarted', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.cluster.apply({ type: 'vmRestart', name: 'web' });
  t.same(host.settle(), ['stop web', 'start web']);
  t.match(host.vm().status, { observedRestarts: 1, pid: 102 });
  t.end();
});

t.test('deleted: stopped, removed, gone', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.cluster.apply({ type: 'vmDelete', name: 'web' });
  t.same(host.settle(), ['stop web', 'remove web']);
  t.equal(host.cluster.state.vm('web'), undefined);
  t.equal(host.driver.vms.size, 0);
  t.end();
});

t.test('a VM that does not run is stopped as well before it is removed: its unit may be about to restart it', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  host.settle();
  host.backoff = new Backoff();
  host.cluster.apply({ type: 'vmDelete', name: 'web' });
  t.same(host.settle(), ['stop web', 'remove web']);
  t.end();
});

t.test('deleted before anything was built', (t) => {
  const host = new Host();
  host.run();
  host.cluster.apply({ type: 'vmDelete', name: 'web' });
  t.same(host.settle(), []);
  t.equal(host.cluster.state.vm('web'), undefined);
  t.end();
});

t.test('a process that ends by itself is started again, later each time', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.driver.crash('web', host.nowMs);
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'failed', reason: 'Exited', message: /ended with code 1; started again 1 s/ });
  host.nowMs += 1000;
  t.same(host.settle(), ['start web']);
  t.match(host.vm().status, { phase: 'starting', reason: '' });
  host.driver.crash('web', host.nowMs);
  host.nowMs += 1999;
  t.same(host.settle(), []);
  host.nowMs += 1;
  t.same(host.settle(), ['start web']);
  host.nowMs += 70_000;
  host.settle();
  host.driver.crash('web', host.nowMs);
  t.same(host.settle(), ['start web'], 'at once after it ran for a minute');
  t.end();
});

t.test('a crash while the daemon was away is mended at once', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.driver.crash('web', host.nowMs);
  host.backoff = new Backoff();
  t.same(host.settle(), ['start web']);
  t.end();
});

t.test('a restarted daemon finds its VM and does nothing', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.driver.boot();
  host.settle();
  host.backoff = new Backoff();
  t.same(host.settle(), []);
  t.equal(host.vm().status.phase, 'running');
  t.end();
});

t.test('a failed build is shown, and tried again if that may help', (t) => {
  const host = new Host();
  host.run();
  host.driver.failing.set('build', { ok: false, reason: 'BuildFailed', message: 'no network', retriable: true });
  t.same(host.settle(), ['build web']);
  t.match(host.vm().status, { phase: 'failed', reason: 'BuildFailed', message: 'no network' });
  host.nowMs += 1000;
  t.same(host.settle(), ['build web']);
  host.driver.failing.clear();
  host.nowMs += 2000;
  t.same(host.settle(), ['build web', 'start web']);
  t.match(host.vm().status, { phase: 'starting', reason: '' });
  t.end();
});

t.test('a build that cannot succeed waits for a change', (t) => {
  const host = new Host();
  host.run();
  host.driver.failing.set('build', { ok: false, reason: 'AttributeMissing', message: 'no such VM', retriable: false });
  t.same(host.settle(), ['build web']);
  host.nowMs += 1e9;
  t.same(host.settle(), []);
  host.driver.failing.clear();
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  t.same(host.settle(), []);
  t.equal(host.vm().status.phase, 'stopped');
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.same(host.settle(), ['build web', 'start web']);
  t.end();
});

t.test('a stop that fails is tried again, and nothing is removed before it succeeds', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.driver.failing.set('stop', { ok: false, reason: 'StopFailed', message: 'stuck', retriable: true });
  host.cluster.apply({ type: 'vmDelete', name: 'web' });
  t.same(host.settle(), ['stop web']);
  t.match(host.vm().status, { phase: 'stopping', reason: 'StopFailed', message: 'stuck' });
  host.driver.failing.clear();
  host.nowMs += 1000;
  t.same(host.settle(), ['stop web', 'remove web']);
  t.end();
});

t.test('what n3x does not manage is left alone', (t) => {
  const host = new Host();
  const process = { pid: 7, startedAtMs: 0 };
  host.driver.vms.set('web', { managed: undefined, ready: false, process });
  host.driver.vms.set('other', { managed: undefined, ready: false, process });
  host.run();
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'failed', reason: 'NotManaged' });
  host.cluster.apply({ type: 'vmDelete', name: 'web' });
  t.same(host.settle(), []);
  t.equal(host.cluster.state.vm('web'), undefined);
  t.equal(host.driver.vms.size, 2);
  t.same(host.driver.breaches, []);
  t.end();
});

t.test('an earlier VM of the same name goes first', (t) => {
  const host = new Host();
  const managed = { uid: 'older', epoch: 1, builtGeneration: 1, restarts: 0 };
  host.driver.vms.set('web', { managed, ready: true, process: { pid: 7, startedAtMs: 0 }, currentRunner: '/old' });
  host.run();
  t.same(host.settle(), ['stop web', 'remove web', 'build web', 'start web']);
  t.same(host.driver.breaches, []);
  t.end();
});

t.test('an orphan goes, unless the state is older than its assignment', (t) => {
  const host = new Host();
  const managed = { uid: 'orphan', epoch: 50, builtGeneration: 1, restarts: 0 };
  host.driver.vms.set('orphan', { managed, ready: true, process: { pid: 7, startedAtMs: 0 } });
  t.ok(host.cluster.state.index < 50);
  t.same(host.settle(), []);
  while (host.cluster.state.index < 50) host.cluster.apply({ type: 'vmDelete', name: 'nothing' });
  t.same(host.settle(), ['stop orphan', 'remove orphan']);
  t.end();
});

t.test('a process of an earlier epoch ends before the VM is started at its own', (t) => {
  const host = new Host();
  const managed = { uid: 'uid-web', epoch: 1, builtGeneration: 1, restarts: 0 };
  host.driver.vms.set('web', { managed, ready: true, process: { pid: 7, startedAtMs: 0 }, currentRunner: '/old' });
  host.run();
  t.same(host.settle(), ['stop web', 'build web', 'start web'], 'and its data is kept');
  t.same(host.driver.breaches, []);
  t.end();
});

t.test('reports are made once', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  t.same(host.look(), { actions: [], reports: [], removed: [], built: [] });
  t.end();
});

t.test('whatever happens, it comes to rest where the cluster wants it', (t) => {
  const name = fc.constantFrom('a', 'b', 'c');
  const disturbance = fc.oneof(
    fc.record({
      do: fc.constantFrom('create', 'stop', 'start', 'restart', 'delete', 'crash', 'lose', 'foreign'),
      name,
    }),
    fc.record({
      do: fc.constantFrom('fail build', 'fail start', 'fail stop', 'fail remove', 'mend', 'amnesia', 'round'),
      name,
    }),
    fc.record({ do: fc.constant('wait'), name }),
  );
  let uid = 0;
  const disturb = (host: Host, what: string, vm: string): void => {
    const { cluster, driver } = host;
    const [verb, type] = what.split(' ');
    if (verb === 'create') {
      uid += 1;
      const spec = cluster.state.vm(vm)?.spec;
      if (spec === undefined) {
        cluster.create(vm);
        const created = host.vm(vm);
        cluster.state.put({ ...created, uid: `uid-${uid}` });
        cluster.assign(vm);
      }
    } else if (verb === 'stop') cluster.apply({ type: 'vmSetPower', name: vm, power: 'stopped' });
    else if (verb === 'start') cluster.apply({ type: 'vmSetPower', name: vm, power: 'running' });
    else if (verb === 'restart') cluster.apply({ type: 'vmRestart', name: vm });
    else if (verb === 'delete') cluster.apply({ type: 'vmDelete', name: vm });
    else if (verb === 'crash') driver.crash(vm, host.nowMs);
    else if (verb === 'lose') driver.vms.delete(vm);
    else if (verb === 'foreign' && !driver.vms.has(vm)) {
      const managed = { uid: 'foreign', epoch: 1, builtGeneration: 1, restarts: 0 };
      driver.vms.set(vm, { managed, ready: true, process: { pid: 5, startedAtMs: 0 } });
    } else if (verb === 'fail') {
      const failing = type as DriverAction['type'];
      driver.failing.set(failing, { ok: false, reason: 'Broken', message: 'planted', retriable: true });
    } else if (verb === 'mend') driver.failing.clear();
    else if (verb === 'amnesia') host.backoff = new Backoff();
    else if (verb === 'wait') host.nowMs += 3000;
    else if (verb === 'round') host.round();
  };
  fc.assert(
    fc.property(fc.array(disturbance, { maxLength: 40, size: 'max' }), (disturbances) => {
      const host = new Host();
      for (const { do: what, name: vm } of disturbances) {
        disturb(host, what, vm);
        host.round();
      }
      host.driver.failing.clear();
      // Back-off may hold for up to a minute between two steps, and there are at most four.
      for (let i = 0; i < 5; i++) {
        host.nowMs += 61_000;
        host.settle();
      }
      host.driver.boot();
      host.settle();
      if (host.driver.breaches.length > 0) throw new Error(host.driver.breaches.join('; '));
      const wanted = [...host.cluster.state.vms()].map((vm) => [vm.name, vm.power === 'running', vm.uid]);
      for (const vm of host.cluster.state.vms()) {
        if (vm.status.phase !== vm.power) throw new Error(`${vm.name} is ${vm.status.phase}, wanted ${vm.power}`);
      }
      const found = new Map([...host.driver.vms].map(([vm, model]) => [vm, model]));
      for (const [vm, running, id] of wanted) {
        const model = found.get(String(vm));
        found.delete(String(vm));
        if (running !== (model?.process !== undefined)) throw new Error(`${vm} runs: ${!running}`);
        if (model !== undefined && model.managed?.uid !== id) throw new Error(`${vm} is another`);
      }
      if (found.size > 0) throw new Error(`left over: ${[...found.keys()].join()}`);
    }),
    { numRuns: 150 },
  );
  t.end();
});

/** Makes the cluster of a host one that was recovered: everything after `lastIndex` is a time that it knows nothing of. */
function recovered(host: Host, lastIndex: number): void {
  const { state } = host.cluster;
  const { cluster } = state;
  if (cluster === undefined) throw new Error('a cluster');
  const index = lastIndex + 1000;
  const fromClusterId = cluster.id;
  state.put({ ...cluster, recoveries: [{ fromClusterId, atMs: 0, cause: 'quorumLost', lastIndex, index }] });
  state.advance(index);
}

t.test('after a recovery: what was decided in the time that is lost is never removed', (t) => {
  const host = new Host();
  host.run();
  host.settle();
  host.driver.boot();
  host.settle();
  const { index } = host.cluster.state;
  // Made after the point of recovery: the cluster has never heard of it.
  host.driver.vms.set('unknown', {
    managed: { uid: 'u-unknown', epoch: index + 5, builtGeneration: 1, restarts: 0 },
    process: { pid: 7, startedAtMs: 0 },
    ready: true,
  });
  recovered(host, index);
  t.same(host.settle(), [], 'neither the VM that is known nor the one that is not is touched');
  t.equal(host.vm().status.phase, 'running');
  t.ok(host.driver.vms.get('unknown')?.process);

  // What came before that point, and is nobody's any more, goes as ever.
  host.driver.vms.set('old', {
    managed: { uid: 'u-old', epoch: 2, builtGeneration: 1, restarts: 0 },
    ready: false,
  });
  t.same(host.settle(), ['stop old', 'remove old']);
  t.end();
});

t.test('after a recovery: a VM that had moved here meanwhile is stopped, and its files stay', (t) => {
  const host = new Host();
  host.cluster.create('web');
  const { index } = host.cluster.state;
  host.driver.vms.set('web', {
    managed: { uid: host.vm().uid, epoch: index + 3, builtGeneration: 1, restarts: 0 },
    process: { pid: 7, startedAtMs: 0 },
    ready: true,
  });
  recovered(host, index);
  t.same(host.settle(), ['stop web']);
  t.ok(host.driver.vms.has('web'));
  t.end();
});

t.test('after a recovery: a VM whose name is taken by what is left over says so', (t) => {
  const host = new Host();
  const { index } = host.cluster.state;
  host.driver.vms.set('web', {
    managed: { uid: 'u-other', epoch: index + 3, builtGeneration: 1, restarts: 0 },
    process: { pid: 7, startedAtMs: 0 },
    ready: true,
  });
  recovered(host, index);
  host.run();
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'failed', reason: 'LeftOver', message: /another VM of this name/ });
  t.end();
});
