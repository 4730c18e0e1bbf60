import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster } from '../machine/sample.ts';
import { moveOf } from '../model/move.ts';
import type { Vm, VmSpecInput } from '../model/vm.ts';
import type { ObservedCopy, ObservedVolume, VolumeAction } from '../ports/volumes.ts';
import { COPY_ATTEMPTS, type CopyTrouble } from './volume-copies.ts';
import { volumeHold } from './volume-gate.ts';
import { servedVolume, type VolumeRequest } from './volume-serving.ts';
import { reconcileVolumes } from './volumes.ts';

const FAILURE = { ok: false, reason: 'SourceUnreachable', message: 'n1 cannot be reached', retriable: true } as const;

/** The disks of one host. */
class Disks {
  readonly volumes = new Map<string, ObservedVolume>();
  readonly copies = new Map<string, ObservedCopy>();
  trouble: CopyTrouble | undefined;

  volume(uid: string, epoch: number): void {
    this.volumes.set(uid, { uid, pool: 'default', epoch, usedBytes: 4096 });
  }

  copy(uid: string, move: number, epoch: number, isWhole = true): void {
    this.copies.set(uid, {
      uid,
      pool: 'default',
      move,
      epoch,
      copiedBytes: isWhole ? 104_857_600 : 52_428_800,
      isWhole,
    });
  }
}

/** Three hosts, and a VM `db` on the first that has run there at its epoch; the invariants hold after every command. */
class Lab extends SampleCluster {
  readonly disks = new Map([1, 2, 3].map((id) => [id, new Disks()]));

  constructor(changes: Partial<VmSpecInput> = {}) {
    super();
    this.join('n2');
    this.join('n3');
    const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    applyConfState(this.state, this.state.index + 1, confState);
    this.create('db', { source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 100 }] }, ...changes });
    this.must(this.assign('db', 1));
    this.disk(1).volume(this.uid, 0);
    this.look(1);
    this.runs();
  }

  override apply(...args: Parameters<SampleCluster['apply']>): CommandResult {
    const result = super.apply(...args);
    const wrong = [...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  must(result: CommandResult): void {
    if (!result.ok) throw new Error(result.error.message);
  }

  get vm(): Vm {
    const vm = this.state.vm('db');
    if (vm === undefined) throw new Error('db is missing');
    return vm;
  }

  get volume() {
    const [volume] = this.vm.volumes ?? [];
    if (volume === undefined) throw new Error('data is missing');
    return volume;
  }

  get uid(): string {
    return this.volume.uid;
  }

  get move() {
    const move = moveOf(this.vm);
    if (move === undefined) throw new Error('db does not move');
    return move;
  }

  disk(hostId: number): Disks {
    const disks = this.disks.get(hostId);
    if (disks === undefined) throw new Error(`there is no host ${hostId}`);
    return disks;
  }

  hold(hostId: number) {
    const { volumes, copies } = this.disk(hostId);
    return volumeHold(this.vm, hostId, { observed: volumes, copies, failure: () => undefined });
  }

  /** Whether a host lets another one read. */
  serve(hostId: number, readerId: number, request: VolumeRequest) {
    return servedVolume({ hostId, state: this.state, observed: [] }, readerId, request);
  }

  /** One look of a host; what it tells is applied. */
  look(hostId: number): readonly VolumeAction[] {
    const { volumes, copies, trouble } = this.disk(hostId);
    const { actions, proposals } = reconcileVolumes({
      ...{ state: this.state, hostId, observed: volumes, copies },
      ...{ isBusy: () => false, trouble: () => trouble, mayTell: () => true, mayReport: () => false },
    });
    for (const { command } of proposals) this.must(this.apply(command));
    return actions;
  }

  /** The VM has started where it is, which stamps its volume, and runs. */
  runs(): void {
    const { hostId, epoch } = this.vm.assignment ?? { hostId: 1, epoch: 1 };
    this.disk(hostId).volume(this.uid, epoch);
    this.look(hostId);
    const status = { ...this.vm.status, phase: 'running' as const, reason: '', message: '' };
    this.apply({ type: 'vmReport', hostId, reports: [{ name: 'db', uid: this.vm.uid, epoch, status }] });
  }

  /** The VM is asked to move, is built, and stops: it is to be copied. */
  leaves(targetId: number): void {
    const { uid, assignment } = this.vm;
    const { hostId = 1, epoch = 1 } = assignment ?? {};
    this.must(this.apply({ type: 'vmMove', name: 'db', uid, epoch, cause: 'migrate', targetId }));
    const { index } = this.move;
    this.must(this.apply({ type: 'vmMoveBuilt', hostId: targetId, name: 'db', uid, index }));
    this.must(this.apply({ type: 'vmRemoved', hostId, name: 'db', uid, epoch, moveIndex: index }));
  }

  cancel(): void {
    const { uid } = this.vm;
    this.must(this.apply({ type: 'vmMoveCancel', name: 'db', uid, index: this.move.index, reason: 'n2 is cordoned' }));
  }
}

t.test('a VM moves with its data: stopped, copied, and only then its target is its host', (t) => {
  const lab = new Lab();
  const { epoch } = lab.vm.assignment ?? { epoch: 0 };
  const { uid } = lab;
  t.same(lab.look(2), [], 'nothing to copy while it stays');
  lab.leaves(2);
  t.match(lab.vm, {
    assignment: { hostId: 1, epoch },
    moving: { step: 'copy', targetId: 2 },
    status: { phase: 'building', reason: 'CopyingVolumes', message: 'copies data from n1 to n2' },
  });
  t.match(lab.look(2), [{ type: 'copy', volume: { uid, sizeMib: 100 }, move: lab.move.index, sourceId: 1 }]);
  lab.disk(2).copy(uid, lab.move.index, epoch, false);
  t.match(lab.look(2), [{ type: 'copy' }], 'until it is whole');
  t.match(lab.vm.status.message, /^copies its volumes from n1 to n2: 50M of 100M$/);
  const move = lab.move.index;
  lab.disk(2).copy(uid, move, epoch);
  lab.look(2);
  t.match(lab.vm, { moving: undefined, assignment: { hostId: 2 }, status: { phase: 'building', reason: 'Assigned' } });
  t.match(lab.volume, { place: { hostId: 2, move }, former: { hostId: 1 }, writer: epoch });
  t.match(lab.hold(2), {
    phase: 'building',
    reason: 'CopyingVolumes',
    message: 'puts the copy of its volume data in its place',
  });
  t.match(lab.look(2), [{ type: 'accept', volume: { uid }, move }]);
  t.same(lab.look(1), [], 'what it was copied from stays');
  lab.disk(2).copies.clear();
  lab.disk(2).volume(uid, epoch);
  t.equal(lab.hold(2), undefined, 'now it may start');
  lab.runs();
  t.match(lab.look(1), [{ type: 'remove', volume: { uid } }], 'until it has run with the copy');
  lab.disk(1).volumes.clear();
  lab.look(1);
  t.equal(lab.volume.former, undefined);
  t.equal(lab.state.indexes.stored(1, 'default'), 0);
  t.equal(lab.state.indexes.stored(2, 'default'), 100);
  t.end();
});

t.test('only the target of a move reads a volume, and only once its VM is gone', (t) => {
  const lab = new Lab();
  const { uid } = lab;
  t.match(lab.serve(1, 2, { uid: 'v9-9', move: 1 }), {
    ok: false,
    message: 'volume v9-9 is not known here',
  });
  t.match(lab.serve(1, 2, { uid, move: 1 }), { ok: false, message: /does not move to host 2/ });
  const { uid: vmUid, assignment } = lab.vm;
  lab.apply({ type: 'vmMove', name: 'db', uid: vmUid, epoch: assignment?.epoch ?? 0, cause: 'migrate', targetId: 2 });
  const move = lab.move.index;
  t.match(lab.serve(1, 2, { uid, move }), { ok: false, message: /^VM db, .* may still run$/ });
  lab.cancel();
  lab.leaves(2);
  const request = { uid, move: lab.move.index };
  t.match(lab.serve(1, 2, { uid, move }), { ok: false }, 'that move was given up');
  t.match(lab.serve(1, 2, request), { ok: true, volume: { uid, pool: 'default', sizeMib: 100 } });
  t.match(lab.serve(1, 3, request), { ok: false, message: /does not move to host 3/ });
  t.match(lab.serve(3, 2, request), { ok: false }, 'who does not have it says no');
  t.end();
});

t.test('a move that is given up leaves the data where it is, and its copy counts for nothing', (t) => {
  const lab = new Lab();
  const { epoch } = lab.vm.assignment ?? { epoch: 0 };
  const { uid } = lab;
  lab.leaves(2);
  const first = lab.move.index;
  lab.disk(2).copy(uid, first, epoch);
  lab.cancel();
  t.match(lab.vm, { moving: undefined, assignment: { hostId: 1, epoch } });
  t.match(lab.look(2), [{ type: 'discard', volume: { uid } }]);
  const told: Command = {
    type: 'vmMoveCopied',
    hostId: 2,
    name: 'db',
    uid: lab.vm.uid,
    index: first,
    volumes: [{ uid, epoch }],
  };
  t.match(lab.apply(told), { ok: true, changed: false }, 'too late');
  t.equal(lab.volume.place?.hostId, 1);
  t.equal(lab.hold(1), undefined, 'it starts again where it was');
  lab.leaves(2);
  t.strictSame(
    lab.look(2).map(({ type }) => type),
    ['copy'],
    'the next move begins anew, and nothing else is done to the volume meanwhile',
  );
  t.match(lab.apply(told), { ok: true, changed: false });
  t.end();
});

t.test('a copy that does not get on is given up, and says why', (t) => {
  const lab = new Lab();
  lab.leaves(2);
  const disk = lab.disk(2);
  disk.trouble = { failure: FAILURE, attempts: 1, retriable: true };
  t.match(lab.look(2), [{ type: 'copy' }]);
  t.match(lab.vm.status.message, /: 0M of 100M; tries again: SourceUnreachable: n1 cannot be reached$/);
  const { index } = lab.state;
  lab.look(2);
  t.equal(lab.state.index, index, 'told once');
  disk.trouble = { failure: FAILURE, attempts: COPY_ATTEMPTS, retriable: true };
  lab.look(2);
  t.match(lab.vm, { moving: undefined, assignment: { hostId: 1 } });
  t.match(lab.vm.moveFailure?.message, /^n2 cannot copy its data: SourceUnreachable: n1 cannot be reached$/);
  t.end();
});

t.test(
  'with a copy that is missing or older than what was written last, the VM stays; so it does when its target lost its room',
  (t) => {
    for (const [age, why] of [
      [undefined, /^volume data \(v\d+-0\) was not copied$/],
      [1, /^volume data \(v\d+-0\) was copied as of epoch \d+, its newest data is of \d+$/],
      [0, /n2.*is cordoned/],
    ] as const) {
      const lab = new Lab();
      const { epoch } = lab.vm.assignment ?? { epoch: 0 };
      const { uid } = lab;
      lab.leaves(2);
      if (age === 0) lab.apply({ type: 'hostSet', name: 'n2', cordoned: true });
      const volumes = age === undefined ? [] : [{ uid, epoch: epoch - age }];
      const { index } = lab.move;
      t.match(lab.apply({ type: 'vmMoveCopied', hostId: 2, name: 'db', uid: lab.vm.uid, index, volumes }), {
        ok: true,
      });
      t.match(lab.vm, {
        moving: undefined,
        assignment: { hostId: 1, epoch },
        moveFailure: { hostId: 2, message: why },
      });
      t.equal(lab.volume.place?.hostId, 1);
    }
    t.end();
  },
);

t.test('moved on before it has run: what is older still goes, what it was copied from stays', (t) => {
  const lab = new Lab();
  const { epoch } = lab.vm.assignment ?? { epoch: 0 };
  const { uid } = lab;
  const arrives = (targetId: number): void => {
    lab.leaves(targetId);
    lab.disk(targetId).copy(uid, lab.move.index, epoch);
    lab.look(targetId);
    lab.disk(targetId).copies.clear();
    lab.disk(targetId).volume(uid, epoch);
  };
  arrives(2);
  arrives(3);
  t.match(lab.volume, { place: { hostId: 3 }, former: { hostId: 2 } });
  t.match(lab.look(1), [{ type: 'remove', volume: { uid } }]);
  lab.disk(1).volumes.clear();
  t.same(lab.look(2), []);
  arrives(1);
  t.match(lab.volume, { place: { hostId: 1 }, former: { hostId: 3 } });
  t.end();
});

t.test('detached before it ever ran with the copy, both are kept until a VM has', (t) => {
  const lab = new Lab({ failover: 'stay' });
  const { epoch } = lab.vm.assignment ?? { epoch: 0 };
  const { uid } = lab;
  lab.apply({ type: 'vmSetPower', name: 'db', power: 'stopped' });
  lab.leaves(2);
  const move = lab.move.index;
  lab.disk(2).copy(uid, move, epoch);
  lab.look(2);
  const { uid: vmUid, assignment, generation } = lab.vm;
  const status = {
    ...lab.vm.status,
    phase: 'stopped' as const,
    reason: '',
    message: '',
    observedGeneration: generation,
  };
  const report = { name: 'db', uid: vmUid, epoch: assignment?.epoch ?? 0, status };
  lab.apply({ type: 'vmReport', hostId: 2, reports: [report] });
  lab.must(lab.apply({ type: 'volumeDetach', uid }));
  t.match(lab.state.stored.get(uid), { place: { hostId: 2, move }, former: { hostId: 1 } });
  t.match(
    lab.look(2),
    [{ type: 'accept', volume: { uid }, move }],
    'a copy of a volume of no VM is put in its place too',
  );
  lab.disk(2).copies.clear();
  lab.disk(2).volume(uid, epoch);
  t.same(lab.look(1), [], 'what it was copied from stays');
  lab.must(lab.apply({ type: 'volumeAttach', name: 'db', uid }));
  t.same(lab.look(1), []);
  lab.apply({ type: 'vmSetPower', name: 'db', power: 'running' });
  lab.runs();
  t.match(lab.look(1), [{ type: 'remove', volume: { uid } }], 'until a VM has run with the copy');
  t.end();
});

t.test('deleted on the way or right after, nothing is left anywhere', (t) => {
  const lab = new Lab();
  const { epoch } = lab.vm.assignment ?? { epoch: 0 };
  const { uid } = lab;
  lab.leaves(2);
  lab.disk(2).copy(uid, lab.move.index, epoch);
  lab.look(2);
  const { uid: vmUid, assignment } = lab.vm;
  lab.apply({ type: 'vmDelete', name: 'db' });
  lab.apply({ type: 'vmRemoved', hostId: 2, name: 'db', uid: vmUid, epoch: assignment?.epoch ?? 0 });
  t.match(lab.state.stored.get(uid), { deleting: true, place: { hostId: 2 }, former: { hostId: 1 } });
  t.match(
    lab.look(2).map(({ type }) => type),
    ['remove'],
  );
  t.match(lab.look(1), [{ type: 'remove', volume: { uid } }]);
  lab.disk(2).copies.clear();
  lab.look(2);
  t.match(lab.state.stored.get(uid), { deleting: true, place: { hostId: 1 }, former: undefined });
  lab.disk(1).volumes.clear();
  lab.look(1);
  t.equal(lab.state.stored.get(uid), undefined);
  t.end();
});

t.test('deleted while it is copied, its copy goes', (t) => {
  const lab = new Lab();
  const { epoch } = lab.vm.assignment ?? { epoch: 0 };
  const { uid } = lab;
  lab.leaves(2);
  lab.disk(2).copy(uid, lab.move.index, epoch, false);
  const { uid: vmUid } = lab.vm;
  lab.apply({ type: 'vmDelete', name: 'db' });
  lab.must(lab.apply({ type: 'vmRemoved', hostId: 1, name: 'db', uid: vmUid, epoch }));
  t.match(lab.state.stored.get(uid), { deleting: true, place: { hostId: 1 } });
  t.match(lab.look(2), [{ type: 'discard', volume: { uid } }]);
  t.match(lab.look(1), [{ type: 'remove', volume: { uid } }]);
  t.end();
});

t.test('room for what is copied is held on the target, and a pool that lacks it refuses the move', (t) => {
  const lab = new Lab();
  lab.leaves(2);
  t.equal(lab.state.indexes.stored(2, 'default'), 100);
  lab.cancel();
  t.equal(lab.state.indexes.stored(2, 'default'), 0);
  const big = new Lab({ source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 100, pool: 'default' }] } });
  const moved = (targetId?: number) =>
    big.apply({
      ...{ type: 'vmMove', name: 'db', uid: big.vm.uid, epoch: big.vm.assignment?.epoch ?? 0, cause: 'migrate' },
      ...(targetId === undefined ? {} : { targetId }),
    });
  const host = big.state.hostByName('n2');
  if (host?.facts === undefined) throw new Error('n2 is there');
  const settings = { ...host.settings, pools: [{ name: 'default', path: '/pool', capacityMib: 50, reserveMib: 0 }] };
  big.must(big.apply({ type: 'hostReport', hostId: 2, addresses: [], settings, facts: host.facts }));
  t.match(moved(2), { ok: false, error: { message: /VM db cannot go to n2: .*default/ } });
  t.match(moved(3), { ok: true });
  t.end();
});

t.test('a stopped VM does not leave its data behind', (t) => {
  const lab = new Lab();
  lab.apply({ type: 'vmSetPower', name: 'db', power: 'stopped' });
  const { uid, assignment } = lab.vm;
  const base = { type: 'vmMove', name: 'db', uid, epoch: assignment?.epoch ?? 0, cause: 'migrate' } as const;
  t.match(lab.apply(base), {
    ok: false,
    error: { message: 'VM db has volumes: its move needs a target that takes them' },
  });
  t.match(lab.apply({ ...base, targetId: 2 }), { ok: true });
  t.match(lab.vm.moving, { step: 'leave', targetId: 2 });
  t.match(lab.apply({ type: 'volumeRecreate', name: 'db' }), {
    ok: false,
    error: { message: 'VM db is changing hosts: its volumes can be begun anew once it has' },
  });
  t.end();
});
