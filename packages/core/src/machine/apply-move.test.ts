import t from 'tap';
import type { MoveCause } from '../model/move.ts';
import type { VmSpecInput } from '../model/vm.ts';
import { applyConfState } from './apply.ts';
import type { CommandResult } from './command.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster } from './sample.ts';

/** n1, n2 and n3, all in the group, with what a test does to them; the invariants hold after every command. */
class Lab extends SampleCluster {
  constructor() {
    super();
    this.join('n2');
    this.join('n3');
    const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    applyConfState(this.state, this.state.index + 1, confState);
  }

  override apply(...args: Parameters<SampleCluster['apply']>): CommandResult {
    const result = super.apply(...args);
    const wrong = [...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  vm(name = 'web') {
    const vm = this.state.vm(name);
    if (vm === undefined) throw new Error(`${name} is missing`);
    return vm;
  }

  /** A VM on a host. */
  put(name: string, hostId: number, changes: Partial<VmSpecInput> = {}): void {
    this.create(name, changes);
    const result = this.assign(name, hostId);
    if (!result.ok) throw new Error(result.error.message);
  }

  move(name: string, targetId: number | undefined, cause: MoveCause = 'migrate', epoch?: number): CommandResult {
    const { uid, assignment } = this.vm(name);
    const target = targetId === undefined ? {} : { targetId };
    return this.apply({ type: 'vmMove', name, uid, epoch: epoch ?? assignment?.epoch ?? 1, cause, ...target });
  }

  index(name = 'web'): number {
    const { moving } = this.vm(name);
    return moving === undefined || moving.cause === 'preempted' ? 0 : moving.index;
  }

  built(hostId: number, failure?: string): CommandResult {
    const told = { type: 'vmMoveBuilt', hostId, name: 'web', uid: this.vm().uid, index: this.index() } as const;
    return this.apply(failure === undefined ? told : { ...told, failure });
  }

  removed(name = 'web'): CommandResult {
    const { uid, assignment } = this.vm(name);
    const { hostId, epoch } = assignment ?? { hostId: 1, epoch: 1 };
    const moveIndex = this.vm(name).deleting ? 0 : this.index(name);
    const told = { type: 'vmRemoved', hostId, name, uid, epoch } as const;
    return this.apply(moveIndex === 0 ? told : { ...told, moveIndex });
  }
}

const refusal = (message: RegExp, code = 'N3X_REFUSED') => ({ ok: false, error: { code, message } });

t.test('a move: built ahead, stopped, and only then another host has it', (t) => {
  const lab = new Lab();
  lab.put('web', 1, { memoryMib: 4096 });
  const { epoch } = lab.vm().assignment ?? {};
  t.match(lab.move('web', 2), { ok: true, changed: true, values: { hostId: 2 } });
  t.match(lab.vm(), { assignment: { hostId: 1, epoch }, moving: { cause: 'migrate', step: 'prepare', targetId: 2 } });
  t.equal(lab.state.load(2).memoryMib, 4096, 'its room is held');
  t.same(
    [...lab.state.vmsMovingTo(2)].map(({ name }) => name),
    ['web'],
  );
  t.match(lab.move('web', 2), { ok: true, changed: false }, 'the same again changes nothing');
  t.match(lab.move('web', 3), refusal(/^VM web moves to n2 already: wait until it has$/));
  t.match(lab.removed(), refusal(/its host must not remove it/), 'not while it runs on');
  t.match(lab.built(3), { ok: true, changed: false }, 'only its target has a say');
  t.match(lab.built(2), { ok: true, changed: true });
  t.match(lab.vm(), {
    moving: { step: 'leave' },
    status: { reason: 'Moving', message: 'moves off n1 to n2 as asked for' },
  });
  t.match(lab.removed(), { ok: true, values: { hostId: 2 } });
  t.match(lab.vm(), { assignment: { hostId: 2, epoch: lab.state.index }, status: { phase: 'building' } });
  t.notOk('moving' in lab.vm());
  t.equal(lab.state.load(1).memoryMib, 0);
  t.equal(lab.state.load(2).memoryMib, 4096, 'counted once');
  t.match(lab.removed(), { ok: false }, 'the old host has nothing more to say');
  t.same(
    [...lab.state.events()].filter(({ about }) => about.name === 'web').map(({ reason }) => reason),
    ['Created', 'Assigned', 'MovePlanned', 'Moving', 'Assigned'],
  );
  t.end();
});

t.test('what a target holds nobody else gets', (t) => {
  const lab = new Lab();
  lab.put('web', 1, { memoryMib: 16_384, labels: { app: 'a' } });
  lab.create('other', { memoryMib: 16_384 });
  lab.create('shy', { placement: { apart: ['app=a'] } });
  lab.move('web', 2);
  t.match(lab.assign('other', 2), refusal(/n2: it has nothing of memory free of 16G/));
  t.match(lab.assign('shy', 2), refusal(/has a VM with app=a, which it keeps apart from/));
  t.match(lab.assign('other', 3), { ok: true });
  t.end();
});

t.test('a move that is given up leaves the VM where it was', (t) => {
  const lab = new Lab();
  lab.put('web', 1);
  const epoch = lab.vm().assignment?.epoch;
  lab.move('web', 2);
  t.match(lab.built(2, 'BuildFailed: no such attribute'), { ok: true });
  t.match(lab.vm(), { moveFailure: { hostId: 2, message: /^n2 cannot build it: BuildFailed: no such attribute$/ } });
  t.notOk('moving' in lab.vm());
  t.equal(lab.state.load(2).memoryMib, 0);
  lab.move('web', 3);
  t.notOk('moveFailure' in lab.vm(), 'another try, another outcome');
  lab.built(3);
  const index = lab.index();
  const cancel = {
    type: 'vmMoveCancel',
    name: 'web',
    uid: lab.vm().uid,
    index,
    reason: 'n3 is not reachable',
  } as const;
  t.match(lab.apply(cancel), { ok: true, changed: true }, 'also while it stops');
  t.match(lab.apply(cancel), { ok: true, changed: false });
  t.equal(lab.vm().assignment?.epoch, epoch, 'it is still of the same host, which starts it again if need be');
  t.match(lab.removed(), refusal(/must not remove it/), 'a word of the old host that came too late');
  t.match(lab.state.lastEvent, { reason: 'MoveCancelled', message: 'stays on n1: n3 is not reachable' });
  t.end();
});

t.test('a word about an earlier move is not believed', (t) => {
  const lab = new Lab();
  lab.put('web', 1);
  lab.move('web', 2);
  lab.built(2);
  const { uid, assignment } = lab.vm();
  const late = { type: 'vmRemoved', hostId: 1, name: 'web', uid, epoch: assignment?.epoch ?? 1 } as const;
  const first = lab.index();
  lab.apply({ type: 'vmMoveCancel', name: 'web', uid, index: first, reason: 'n2 is cordoned' });
  lab.move('web', 3);
  lab.built(3);
  // The host has started the VM again in between, at the same epoch.
  const gone = /^VM web was removed for a move that was given up since: it is not gone$/;
  t.match(lab.apply({ ...late, moveIndex: first }), refusal(gone, 'N3X_CONFLICT'));
  t.match(lab.apply(late), refusal(gone, 'N3X_CONFLICT'));
  t.match(lab.apply({ ...late, moveIndex: lab.index() }), { ok: true, values: { hostId: 3 } });
  t.end();
});

t.test('a target that falls away at the last moment leaves the VM to the scheduler', (t) => {
  const lab = new Lab();
  lab.put('web', 1);
  lab.move('web', 2);
  lab.built(2);
  lab.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  t.match(lab.removed(), { ok: true });
  t.match(lab.vm(), { assignment: null, status: { phase: 'pending', message: 'left n1, and waits for a host' } });
  t.ok(lab.state.waiting.has('web'));
  t.match(lab.state.lastEvent, { reason: 'TargetLost', message: /n2 does not take it any more: .* is not reachable/ });

  lab.apply({ type: 'hostReachable', hostId: 2, reachable: true });
  lab.put('db', 1);
  lab.move('db', 3);
  lab.apply({ type: 'hostLeave', name: 'n3' });
  lab.apply({ type: 'hostRemoved', hostId: 3 });
  t.notOk('moving' in lab.vm('db'), 'nor is anything held on a host that has left');
  t.match(lab.state.lastEvent, { reason: 'Left' });
  t.end();
});

t.test('why a VM does not move', (t) => {
  const lab = new Lab();
  lab.put('web', 1);
  t.match(lab.move('web', 1), refusal(/^VM web is on n1 already$/));
  t.match(lab.move('web', 9), refusal(/^host 9 does not exist/, 'N3X_NOT_FOUND'));
  t.match(lab.move('web', undefined), refusal(/^VM web runs: its move needs a target$/));
  t.match(
    lab.move('web', 2, 'migrate', 1),
    refusal(/^VM web has moved on since .*: it is on n1 since/, 'N3X_CONFLICT'),
  );
  t.match(lab.move('web', 2, 'drain'), refusal(/^VM web stays: host n1 is not to be emptied any more$/));
  lab.apply({ type: 'hostSet', name: 'n2', cordoned: true });
  t.match(lab.move('web', 2), refusal(/^VM web cannot go to n2: it is cordoned\. `n3xctl vm explain web` shows/));
  lab.put('data', 1, { source: { kind: 'inline', volumes: [{ name: 'd', sizeMib: 10 }] } });
  t.match(
    lab.move('data', 3, 'rebalance'),
    refusal(/^VM data stays on n1: it has volumes, and no data is copied to even/),
  );
  lab.put('flake', 1, { source: { kind: 'flake', ref: 'path:/vms', attribute: 'web' } });
  t.match(lab.move('flake', 3), refusal(/^VM flake stays on n1: it is from a flake of its own, which may keep data/));
  lab.put('stays', 1, { failover: 'stay' });
  t.match(lab.move('stays', 3, 'rebalance'), refusal(/^VM stays stays on n1: it is to stay on its host/));
  t.match(lab.move('stays', 3), { ok: true }, 'a user may still say so');
  lab.apply({ type: 'vmDelete', name: 'web' });
  t.match(lab.move('web', 3), refusal(/^VM web is being deleted: it moves nowhere$/));
  lab.create('homeless');
  t.match(lab.move('homeless', 2), refusal(/^VM homeless has moved on since .*: it has no host now/, 'N3X_CONFLICT'));
  lab.put('far', 3);
  lab.apply({ type: 'hostReachable', hostId: 3, reachable: false });
  t.match(lab.move('far', 1), refusal(/^VM far cannot leave n3 in good order: the host is not heard from/));
  const stale = {
    type: 'vmMove',
    name: 'far',
    uid: 'uid-far',
    epoch: 1,
    cause: 'migrate',
    ifModifiedIndex: 1,
  } as const;
  t.match(lab.apply(stale), refusal(/^VM far has changed: it is at index/, 'N3X_CONFLICT'));
  t.match(lab.apply({ ...stale, name: 'nobody' }), refusal(/^VM nobody does not exist/, 'N3X_NOT_FOUND'));
  t.end();
});

t.test('a stopped VM goes without a target, and an evacuated one without being built ahead', (t) => {
  const lab = new Lab();
  lab.put('web', 1);
  lab.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  t.match(lab.move('web', undefined), { ok: true });
  t.match(lab.vm(), { moving: { step: 'leave' } });
  t.match(lab.removed(), { ok: true });
  t.match(lab.vm(), { assignment: null, status: { phase: 'stopped', reason: 'Moving', message: 'left n1' } });
  lab.put('db', 1);
  lab.apply({ type: 'hostDrain', name: 'n1', mode: 'evacuate', parallel: 8 });
  t.match(lab.move('db', 2, 'evacuate'), { ok: true });
  t.match(lab.vm('db'), { moving: { step: 'leave', targetId: 2 } });
  t.end();
});

t.test('a plan: what has moved on is left out', (t) => {
  const lab = new Lab();
  for (const name of ['a', 'b', 'c']) lab.put(name, 1);
  const moves = ['a', 'b', 'c'].map((name) => {
    const { uid, assignment } = lab.vm(name);
    return { name, uid, epoch: assignment?.epoch ?? 1, targetId: 2 };
  });
  lab.apply({ type: 'vmDelete', name: 'b' });
  lab.move('c', 2);
  const result = lab.apply({ type: 'clusterRebalance', moves });
  t.match(result, { ok: true, values: { moved: 1, left: 1, reason: /^VM b is being deleted/ } });
  t.match(lab.vm('a').moving, { cause: 'rebalance', step: 'prepare' });
  const stale = moves.map((move) => ({ ...move, epoch: 1 }));
  t.match(lab.apply({ type: 'clusterRebalance', moves: stale }), refusal(/has moved on/, 'N3X_CONFLICT'));
  t.end();
});
