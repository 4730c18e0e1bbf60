import fc from 'fast-check';
import t from 'tap';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster, sampleSpec } from '../machine/sample.ts';
import { setProgress, whatSetWaitsFor } from '../machine/set-progress.ts';
import type { Vm } from '../model/vm.ts';
import { memberName, type VmSet } from '../model/vm-set.ts';
import { nextSteps, planSets } from './vm-sets.ts';

/** A template whose guests get ready, unless its memory is odd. */
function template(memoryMib: number) {
  return sampleSpec({ memoryMib, vcpu: 1, source: { kind: 'inline' } });
}

/** A cluster of one large host whose VMs do what is asked as soon as one lets them. */
class Lab {
  readonly cluster = new SampleCluster();

  constructor() {
    const host = this.cluster.state.host(1);
    if (host?.facts === undefined) throw new Error('the first host');
    const { addresses, settings } = host;
    this.apply({
      type: 'hostReport',
      hostId: 1,
      addresses,
      settings,
      facts: { ...host.facts, vcpu: 999, memoryMib: 999_999 },
    });
  }

  apply(command: Command): CommandResult {
    const result = this.cluster.apply(command);
    const { state, last } = this.cluster;
    const wrong = [...checkStep(state, last.objectChanges), ...checkInvariants(state)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  get set(): VmSet {
    const set = this.cluster.state.vmSet('web');
    if (set === undefined) throw new Error('the set is missing');
    return set;
  }

  vm(ordinal: number): Vm | undefined {
    return this.cluster.state.vm(memberName('web', ordinal));
  }

  make(replicas = 3, changes: Partial<Extract<Command, { type: 'vmSetCreate' }>> = {}): CommandResult {
    const base = { type: 'vmSetCreate', name: 'web', uid: 'set-1', template: template(64), replicas } as const;
    return this.apply({ ...base, maxUnavailable: 1, onFailure: 'rollback', ...changes });
  }

  update(memoryMib: number, changes: Partial<Extract<Command, { type: 'vmSetUpdate' }>> = {}): CommandResult {
    return this.apply({ type: 'vmSetUpdate', name: 'web', template: template(memoryMib), rebuild: false, ...changes });
  }

  /** The leader's next steps, carried out. */
  lead(): number {
    const decisions = planSets(this.cluster.state);
    for (const decision of decisions) if (decision.type === 'command') this.apply(decision.command);
    return decisions.length;
  }

  /** What its host does about one member next; whether there was anything. */
  work(vm: Vm): boolean {
    const { name, uid, modifiedIndex, assignment, status, revision } = vm;
    if (assignment === null) {
      if (vm.power !== 'running') return false;
      this.apply({ type: 'vmAssign', name, uid, hostId: 1, baseIndex: modifiedIndex });
      return true;
    }
    const { epoch } = assignment;
    if (vm.deleting) {
      this.apply({ type: 'vmRemoved', hostId: 1, name, uid, epoch });
      return true;
    }
    const isGood = vm.spec.memoryMib % 2 === 0;
    const isOpen = revision?.state === 'pending';
    const isRestarted = status.observedRestarts === vm.restarts;
    if (vm.power === 'stopped') {
      if (status.phase === 'stopped') return false;
      const stopped = { ...status, phase: 'stopped' as const };
      this.apply({ type: 'vmReport', hostId: 1, reports: [{ name, uid, epoch, status: stopped }] });
      return true;
    }
    if (status.phase === (isGood ? 'running' : 'unhealthy') && !isOpen && isRestarted) return false;
    const runner = `/nix/store/${revision?.generation ?? 1}-${vm.spec.memoryMib}`;
    const gate = {
      generation: revision?.generation ?? 1,
      outcome: isGood ? 'ready' : 'failed',
      message: 'not ready in time',
    } as const;
    const shown = {
      ...status,
      phase: isGood ? 'running' : 'unhealthy',
      bootedRunner: runner,
      currentRunner: runner,
      observedRestarts: vm.restarts,
    } as const;
    this.apply({
      type: 'vmReport',
      hostId: 1,
      reports: [{ name, uid, epoch, status: shown, ...(isOpen ? { gate } : {}) }],
    });
    return true;
  }

  /** Until nothing is left to do. */
  settle(): void {
    for (let round = 0; round < 500; round++) {
      let done = this.lead();
      for (const vm of [...this.cluster.state.vms()]) if (this.work(vm)) done += 1;
      if (done === 0) return;
    }
    throw new Error(`no rest: ${whatSetWaitsFor(this.set, setProgress(this.cluster.state, this.set))}`);
  }

  get memory(): (number | undefined)[] {
    return [...this.cluster.state.vms()].map(({ spec }) => spec.memoryMib);
  }

  get waitsFor(): string {
    return whatSetWaitsFor(this.set, setProgress(this.cluster.state, this.set));
  }
}

t.test('a set gets as many VMs as are asked for, and makes one anew that was deleted', (t) => {
  const lab = new Lab();
  t.ok(lab.make().ok);
  t.match(lab.make(), { ok: true, changed: false });
  lab.settle();
  t.same(
    [...lab.cluster.state.vms()].map(({ name }) => name),
    ['web-0', 'web-1', 'web-2'],
  );
  t.match(lab.vm(0), { spec: { labels: { 'n3x/set': 'web' }, placement: { spread: [{ label: 'n3x/set=web' }] } } });
  t.match(lab.set, { revisions: [{ number: 1, outcome: 'ready' }] });
  t.equal(lab.waitsFor, '');
  const before = lab.vm(1)?.uid;
  lab.apply({ type: 'vmDelete', name: 'web-1' });
  lab.settle();
  t.ok(lab.vm(1));
  t.not(lab.vm(1)?.uid, before);
  t.end();
});

t.test('of too many those with the highest numbers go; a deleted set goes with all', (t) => {
  const lab = new Lab();
  lab.make();
  lab.settle();
  lab.apply({ type: 'vmSetScale', name: 'web', replicas: 1 });
  t.same(nextSteps(lab.cluster.state, lab.set), [
    { type: 'remove', ordinal: 1 },
    { type: 'remove', ordinal: 2 },
  ]);
  lab.settle();
  t.match(lab.set, { replicas: 1, span: 1 });
  t.equal(lab.cluster.state.vmCount, 1);
  lab.apply({ type: 'vmSetScale', name: 'web', replicas: 2 });
  lab.settle();
  t.equal(lab.cluster.state.vmCount, 2);
  lab.apply({ type: 'vmSetDelete', name: 'web' });
  lab.settle();
  t.equal(lab.cluster.state.vmCount, 0);
  t.equal(lab.cluster.state.vmSet('web'), undefined);
  t.end();
});

t.test('an update takes one VM down after the other, the highest number first', (t) => {
  const lab = new Lab();
  lab.make();
  lab.settle();
  lab.update(128);
  t.same(nextSteps(lab.cluster.state, lab.set), [{ type: 'update', ordinal: 2, template: 2 }]);
  lab.lead();
  t.same(nextSteps(lab.cluster.state, lab.set), []);
  t.equal(lab.waitsFor, 'web-2 has to get ready first');
  t.match(
    lab.apply({ type: 'vmSetStep', name: 'web', uid: 'set-1', step: { type: 'update', ordinal: 0, template: 2 } }),
    {
      ok: false,
      error: { message: 'a step of the set web is void: web-2 has to get ready first' },
    },
  );
  lab.settle();
  t.same(lab.memory, [128, 128, 128]);
  t.match(lab.set, { current: 2, good: 2, revisions: [{}, { number: 2, outcome: 'ready' }] });
  t.end();
});

t.test('who is down already is updated first, and keeps the others up', (t) => {
  const lab = new Lab();
  lab.make();
  lab.settle();
  lab.apply({ type: 'vmSetPower', name: 'web-0', power: 'stopped' });
  lab.update(128);
  t.same(nextSteps(lab.cluster.state, lab.set), [{ type: 'update', ordinal: 0, template: 2 }]);
  lab.lead();
  t.equal(lab.waitsFor, 'web-0 is unavailable, and at most 1 may be at once');
  lab.apply({ type: 'vmSetPower', name: 'web-0', power: 'running' });
  lab.settle();
  t.same(lab.memory, [128, 128, 128]);
  t.end();
});

t.test('a bad revision stops at the first VM, and all go back', (t) => {
  const lab = new Lab();
  lab.make();
  lab.settle();
  lab.update(128);
  lab.settle();
  lab.update(65);
  lab.settle();
  t.same(lab.memory, [128, 128, 128]);
  t.match(lab.set, {
    current: 2,
    revisions: [{}, {}, { number: 3, outcome: 'failed', message: 'web-2: not ready in time' }],
  });
  t.match(lab.vm(2)?.revisions?.at(-1), { outcome: 'failed' });
  t.equal(lab.vm(1)?.revisions?.length, 1);
  t.end();
});

t.test('with pause nothing more happens until somebody decides', (t) => {
  const lab = new Lab();
  lab.make(3, { onFailure: 'pause', maxUnavailable: 2 });
  lab.settle();
  lab.update(65);
  lab.settle();
  t.same(lab.memory, [64, 64, 64]);
  t.match(lab.set, { current: 2, good: 1 });
  t.match(
    lab.waitsFor,
    /^revision 2 has failed \(web-[12]: not ready in time\); 3 of 3 stay as they were: update the set again/,
  );
  lab.apply({ type: 'vmDelete', name: 'web-0' });
  lab.settle();
  t.same(lab.memory, [64, 64, 64]);
  t.ok(lab.apply({ type: 'vmSetRollback', name: 'web' }).ok);
  lab.settle();
  t.equal(lab.waitsFor, '');
  t.end();
});

t.test('a set goes back by hand, with the builds that its VMs had', (t) => {
  const lab = new Lab();
  lab.make();
  t.match(lab.apply({ type: 'vmSetRollback', name: 'web' }), {
    error: { message: 'the set web cannot go back: no other one was ready on all its VMs' },
  });
  lab.settle();
  lab.update(128);
  lab.settle();
  t.match(lab.apply({ type: 'vmSetRollback', name: 'web', to: 7 }), {
    error: { message: 'the set web cannot go back to revision 7: ready on all its VMs were 1' },
  });
  t.match(lab.apply({ type: 'vmSetRollback', name: 'web' }), { ok: true, values: { revision: 1 } });
  lab.lead();
  t.match(lab.vm(2)?.revision, { state: 'pending', restores: 1 });
  lab.settle();
  t.same(lab.memory, [64, 64, 64]);
  t.match(lab.set, { current: 1, good: 1 });
  t.end();
});

t.test('what needs no other build reaches all at once, and a first revision that is bad can be replaced', (t) => {
  const lab = new Lab();
  lab.make(2, { template: template(65) });
  lab.settle();
  t.equal(lab.waitsFor, 'web-0, web-1 are not ready');
  lab.update(64);
  lab.settle();
  t.same(lab.memory, [64, 64]);
  lab.apply({ type: 'vmSetUpdate', name: 'web', template: { ...template(64), labels: { app: 'a' } }, rebuild: false });
  while (lab.lead() > 0);
  t.match(lab.vm(0), { spec: { labels: { app: 'a', 'n3x/set': 'web' } }, status: { phase: 'running' } });
  t.equal(lab.waitsFor, '');
  t.end();
});

const run = (action: 'start' | 'stop' | 'restart') => ({ type: 'vmSetRun', name: 'web', action }) as const;

t.test('a set stops and starts as a whole, and what it gets meanwhile stays stopped', (t) => {
  const lab = new Lab();
  lab.make(2);
  lab.settle();
  t.match(lab.apply(run('start')), { ok: true, changed: false });
  t.ok(lab.apply(run('stop')).ok);
  t.equal(lab.waitsFor, 'web-0, web-1 are not stopped');
  lab.settle();
  t.equal(lab.waitsFor, '');
  t.match(lab.apply(run('stop')), { ok: true, changed: false });
  lab.apply({ type: 'vmSetScale', name: 'web', replicas: 3 });
  lab.settle();
  t.match(lab.vm(2), { power: 'stopped', assignment: null, status: { phase: 'stopped' } });
  t.match(lab.apply(run('restart')), {
    error: { code: 'N3X_REFUSED', message: 'the set web is stopped: start it with `n3xctl vm start web`' },
  });
  lab.update(128);
  lab.settle();
  t.same(lab.memory, [128, 128, 128], 'an update reaches those that are stopped');
  t.match(lab.set, { revisions: [{}, { outcome: 'pending' }] });
  lab.apply({ type: 'vmSetPower', name: 'web-0', power: 'running' });
  lab.settle();
  t.equal(lab.waitsFor, 'web-0 is not stopped');
  t.ok(lab.apply(run('start')).ok);
  t.equal(lab.set.power, undefined);
  lab.settle();
  t.equal(lab.waitsFor, '');
  t.match(lab.set, { good: 2, revisions: [{}, { outcome: 'ready' }] });
  t.match(lab.apply({ ...run('stop'), ifGeneration: 1 }), { error: { code: 'N3X_CONFLICT' } });
  t.match(lab.apply({ ...run('stop'), name: 'wbe' }), { error: { message: /^set wbe does not exist/ } });
  t.end();
});

t.test('a set that is not to start makes VMs that do not', (t) => {
  const lab = new Lab();
  t.ok(lab.make(2, { power: 'stopped' }).ok);
  t.match(lab.make(2, { power: 'stopped' }), { ok: true, changed: false });
  t.match(lab.make(2), { error: { code: 'N3X_CONFLICT' } });
  lab.settle();
  t.same(
    [...lab.cluster.state.vms()].map(({ power }) => power),
    ['stopped', 'stopped'],
  );
  t.equal(lab.waitsFor, '');
  t.end();
});

t.test('a restart goes from VM to VM, the highest number first', (t) => {
  const lab = new Lab();
  lab.make();
  lab.settle();
  t.ok(lab.apply(run('restart')).ok);
  t.equal(lab.waitsFor, '3 of 3 are still to be restarted');
  t.same(nextSteps(lab.cluster.state, lab.set), [{ type: 'restart', ordinal: 2 }]);
  lab.lead();
  t.match(lab.vm(2), { restarts: 1, status: { observedRestarts: 0 } });
  t.same(nextSteps(lab.cluster.state, lab.set), []);
  t.match(lab.apply({ type: 'vmSetStep', name: 'web', uid: 'set-1', step: { type: 'restart', ordinal: 1 } }), {
    error: { message: 'a step of the set web is void: web-2 has to get ready first' },
  });
  lab.apply({ type: 'vmSetPower', name: 'web-0', power: 'stopped' });
  lab.settle();
  t.equal(lab.vm(0)?.restarts, 0, 'what is stopped begins anew by itself');
  t.equal(lab.vm(1)?.restarts, 0, 'and counts as unavailable');
  t.equal(lab.waitsFor, 'web-0 is not ready');
  lab.apply({ type: 'vmSetPower', name: 'web-0', power: 'running' });
  lab.settle();
  t.same(
    [lab.vm(0), lab.vm(1), lab.vm(2)].map((vm) => vm?.restarts),
    [0, 1, 1],
  );
  t.equal(lab.waitsFor, '');
  lab.apply({ type: 'vmSetScale', name: 'web', replicas: 4 });
  lab.settle();
  t.equal(lab.vm(3)?.restarts, 0, 'who comes later need not be restarted');
  t.end();
});

t.test('of a set that is deleted the volumes may stay', (t) => {
  const lab = new Lab();
  const volumes = [{ name: 'data', sizeMib: 64, mountPoint: '/data' }];
  const withData = sampleSpec({ memoryMib: 64, vcpu: 1, source: { kind: 'inline', volumes } });
  lab.make(2, { template: withData });
  lab.lead();
  lab.apply({ type: 'vmSetDelete', name: 'web' });
  t.equal(lab.vm(0), undefined);
  lab.settle();
  lab.make(2, { template: withData, uid: 'set-2' });
  lab.settle();
  t.ok(lab.apply({ type: 'vmSetDelete', name: 'web' }).ok);
  t.ok(lab.apply({ type: 'vmSetDelete', name: 'web', keepVolumes: true }).ok, 'never too late to keep something');
  t.match(lab.apply({ type: 'vmSetDelete', name: 'web', keepVolumes: true }), { ok: true, changed: false });
  t.match(lab.vm(1)?.volumes, [{ keep: true }]);
  t.end();
});

t.test('names, members and generations are looked after', (t) => {
  const lab = new Lab();
  lab.cluster.create('db');
  const refused = (result: CommandResult, message: RegExp): void =>
    void t.match(result, { ok: false, error: { message } });
  refused(lab.make(1, { name: 'db' }), /^there is a VM db, and sets share their names with VMs/);
  refused(lab.make(1, { name: 'a'.repeat(60) }), /at most 59 characters/);
  lab.cluster.create('web-1');
  lab.make(2);
  refused(lab.cluster.create('web'), /^there is a set web, and VMs share their names with sets/);
  refused(lab.make(3), /exists with other wishes/);
  lab.settle();
  t.match(lab.waitsFor, /^there is a VM web-1 that is not of this set/);
  refused(lab.update(128, { ifGeneration: 9 }), /it is at generation 1, the request was made for 9/);
  refused(
    lab.apply({ type: 'vmUpdate', name: 'web-0', spec: template(16), rebuild: false }),
    /^VM web-0 belongs to the set web, whose VMs are all alike/,
  );
  refused(lab.apply({ type: 'vmSetScale', name: 'wbe', replicas: 1 }), /^set wbe does not exist/);
  lab.apply({ type: 'vmSetDelete', name: 'web' });
  refused(lab.apply({ type: 'vmSetScale', name: 'web', replicas: 1 }), /is being deleted/);
  refused(lab.make(2), /is being deleted/);
  t.match(lab.apply({ type: 'vmSetDelete', name: 'web' }), { ok: true, changed: false });
  t.end();
});

t.test('whatever is asked in whatever order, a set ends as asked', (t) => {
  const wish = fc.oneof(
    fc.record({ kind: fc.constant('scale' as const), n: fc.nat(4) }),
    fc.record({ kind: fc.constant('update' as const), n: fc.constantFrom(64, 65, 66, 67, 68) }),
    fc.record({ kind: fc.constant('delete' as const), n: fc.nat(4) }),
    fc.record({ kind: fc.constant('lead' as const), n: fc.nat(4) }),
    fc.record({ kind: fc.constant('work' as const), n: fc.nat(4) }),
    fc.record({ kind: fc.constant('run' as const), n: fc.nat(2) }),
  );
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (wishes, maxUnavailable) => {
      const lab = new Lab();
      lab.make(3, { maxUnavailable });
      lab.settle();
      for (const { kind, n } of wishes) {
        const vm = lab.vm(n);
        if (kind === 'scale') lab.apply({ type: 'vmSetScale', name: 'web', replicas: n });
        else if (kind === 'update') lab.update(n);
        else if (kind === 'delete') lab.apply({ type: 'vmDelete', name: memberName('web', n) });
        else if (kind === 'lead') lab.lead();
        else if (kind === 'run') lab.apply(run((['start', 'stop', 'restart'] as const)[n] ?? 'start'));
        else if (vm !== undefined) lab.work(vm);
      }
      lab.settle();
      lab.apply(run('start'));
      lab.settle();
      const { replicas, current, revisions } = lab.set;
      const wanted = revisions.find(({ number }) => number === current);
      return lab.memory.length === replicas && lab.memory.every((memory) => memory === wanted?.template.memoryMib);
    }),
    { numRuns: 60 },
  );
  t.end();
});
