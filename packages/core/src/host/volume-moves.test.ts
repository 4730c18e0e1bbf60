/** Volumes of no VM that go from host to host: the entries of the log and what the hosts make of them. */
import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster } from '../machine/sample.ts';
import type { StoredVolume } from '../model/volume.ts';
import type { ObservedVm } from '../ports/driver.ts';
import type { ObservedCopy, ObservedVolume, VolumeAction } from '../ports/volumes.ts';
import { COPY_ATTEMPTS, type CopyTrouble } from './volume-copies.ts';
import { servedVolume } from './volume-serving.ts';
import { reconcileVolumes } from './volumes.ts';

const MIB = 1_048_576;
const FAILURE = { ok: false, reason: 'SourceUnreachable', message: 'n1 cannot be reached', retriable: true } as const;

/** Three hosts, and a volume `data` on the first that `db` has left there; the invariants hold after every command. */
class Lab extends SampleCluster {
  readonly uid: string;
  readonly epoch: number;
  readonly volumes = new Map<number, Map<string, ObservedVolume>>([1, 2, 3].map((id) => [id, new Map()]));
  readonly copies = new Map<number, Map<string, ObservedCopy>>([1, 2, 3].map((id) => [id, new Map()]));
  trouble: CopyTrouble | undefined;

  constructor(keep = true) {
    super();
    this.join('n2');
    this.join('n3');
    const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    applyConfState(this.state, this.state.index + 1, confState);
    this.create('db', { source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 100 }] } });
    this.must(this.assign('db', 1));
    const vm = this.state.vm('db');
    this.uid = vm?.volumes?.[0]?.uid ?? '';
    this.epoch = vm?.assignment?.epoch ?? 0;
    this.found(1, 0);
    this.look(1);
    this.found(1, this.epoch);
    this.look(1);
    if (!keep) return;
    this.must(this.apply({ type: 'vmDelete', name: 'db', keepVolumes: true }));
    this.must(this.apply({ type: 'vmRemoved', hostId: 1, name: 'db', uid: 'uid-db', epoch: this.epoch }));
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

  get volume(): StoredVolume {
    const volume = this.state.stored.get(this.uid);
    if (volume === undefined) throw new Error('it is gone');
    return volume;
  }

  /** Raft index at which the move began. */
  get index(): number {
    return this.volume.moving?.index ?? 0;
  }

  move(host: string): CommandResult {
    return this.apply({ type: 'volumeMove', uid: this.uid, host });
  }

  found(hostId: number, epoch: number): void {
    this.volumes.get(hostId)?.set(this.uid, { uid: this.uid, pool: 'default', epoch, usedBytes: 4096 });
  }

  copied(hostId: number, copiedBytes: number, epoch = this.epoch): void {
    const { uid, index: move } = this;
    const isWhole = copiedBytes === 100 * MIB;
    this.copies.get(hostId)?.set(uid, { uid, pool: 'default', move, epoch, copiedBytes, isWhole });
  }

  /** One look of a host; what it tells is applied. */
  look(hostId: number): readonly VolumeAction[] {
    const { actions, proposals } = reconcileVolumes({
      ...{ state: this.state, hostId, observed: this.volumes.get(hostId) ?? new Map() },
      copies: this.copies.get(hostId) ?? new Map(),
      ...{ isBusy: () => false, trouble: () => this.trouble, mayTell: () => true, mayReport: () => false },
    });
    for (const { command } of proposals) this.must(this.apply(command));
    return actions;
  }

  serve(hostId: number, readerId: number, observed: readonly ObservedVm[] | null = [], move = this.index) {
    return servedVolume({ hostId, state: this.state, observed }, readerId, { uid: this.uid, move });
  }

  taken(hostId: number): number {
    return this.state.indexes.stored(hostId, 'default');
  }
}

t.test('a volume of no VM is copied, is then the target’s, and its old copy goes once the target has it', (t) => {
  const lab = new Lab();
  const { uid } = lab;
  t.match(lab.move('n2'), { ok: true, changed: true, values: { hostId: 2 } });
  t.match(lab.move('n2'), { ok: true, changed: false });
  const { index } = lab;
  t.match(lab.volume, { place: { hostId: 1 }, moving: { targetId: 2 } });
  t.same([lab.taken(1), lab.taken(2)], [100, 100], 'room is held for it');
  t.same(lab.look(1), [], 'its host has nothing to do');
  t.match(lab.look(2), [{ type: 'copy', volume: { uid, sizeMib: 100 }, move: index, sourceId: 1 }]);
  lab.copied(2, 50 * MIB);
  t.match(lab.look(2), [{ type: 'copy' }], 'until it is whole');
  t.equal(lab.volume.moving?.copiedBytes, 50 * MIB);
  lab.copied(2, 100 * MIB);
  lab.look(2);
  t.match(lab.volume, {
    place: { hostId: 2, move: index },
    former: { hostId: 1 },
    writer: lab.epoch,
    moving: undefined,
  });
  t.match(lab.look(2), [{ type: 'accept', volume: { uid }, move: index }]);
  t.same(lab.look(1), [], 'what it was copied from stays');
  lab.copies.get(2)?.clear();
  lab.found(2, lab.epoch);
  lab.look(2);
  t.match(lab.look(1), [{ type: 'remove', volume: { uid } }], 'until its new host has found it under its own name');
  lab.volumes.get(1)?.clear();
  lab.look(1);
  t.equal(lab.volume.former, undefined);
  t.same([lab.taken(1), lab.taken(2)], [0, 100]);
  const volumes = [{ name: 'data', sizeMib: 100, from: uid }];
  t.match(lab.create('web', { source: { kind: 'inline', volumes } }), { ok: true });
  t.match(lab.assign('web', 1), { ok: false, error: { message: /its data|data .* on n2|n2/ } });
  t.match(lab.assign('web', 2), { ok: true }, 'and is of use there');
  t.end();
});

t.test('only its target reads it, and only while nobody may write on it', (t) => {
  const lab = new Lab();
  t.match(lab.serve(1, 2), { ok: false, message: /does not move to host 2$/ });
  lab.move('n2');
  t.match(lab.serve(1, 2), { ok: true, volume: { uid: lab.uid, pool: 'default', sizeMib: 100 } });
  t.match(lab.serve(1, 3), { ok: false, message: /does not move to host 3$/ });
  t.match(lab.serve(1, 2, [], lab.index - 1), { ok: false }, 'another move');
  t.match(lab.serve(3, 2), { ok: false }, 'who does not have it says no');
  t.match(lab.serve(1, 2, null), { ok: false, message: /has not looked yet/ });
  const managed = { uid: 'uid-db', epoch: lab.epoch, builtGeneration: 1, restarts: 0 };
  const stopped: ObservedVm = { name: 'db', ready: false, managed };
  const stray: ObservedVm = { ...stopped, process: { pid: 7, startedAtMs: 1 } };
  t.match(lab.serve(1, 2, [stray]), { ok: false, message: /^VM db still runs on this host, which it is not of/ });
  t.match(lab.serve(1, 2, [stopped]), { ok: true });
  t.end();
});

t.test('a move is taken back, by a user or because it cannot be had, and its copy counts for nothing', (t) => {
  const lab = new Lab();
  lab.move('n2');
  const { index, uid, epoch } = lab;
  lab.copied(2, 100 * MIB);
  t.match(lab.apply({ type: 'volumeMoveCancel', uid }), { ok: true, changed: true });
  t.match(lab.apply({ type: 'volumeMoveCancel', uid }), { ok: true, changed: false });
  t.match(lab.look(2), [{ type: 'discard', volume: { uid } }]);
  const told: Command = { type: 'volumeMoveCopied', hostId: 2, uid, index, epoch };
  t.match(lab.apply(told), { ok: true, changed: false }, 'too late');
  t.match(lab.volume, { place: { hostId: 1 }, moving: undefined, moveFailure: undefined });
  t.same([lab.taken(1), lab.taken(2)], [100, 0]);
  lab.move('n2');
  t.match(lab.apply(told), { ok: true, changed: false }, 'that was for another move');
  lab.trouble = { failure: FAILURE, attempts: 1, retriable: true };
  t.match(lab.look(2), [{ type: 'copy' }]);
  t.match(lab.volume.moving, { problem: 'SourceUnreachable: n1 cannot be reached' });
  const before = lab.state.index;
  lab.look(2);
  t.equal(lab.state.index, before, 'told once');
  lab.trouble = { failure: FAILURE, attempts: COPY_ATTEMPTS, retriable: true };
  lab.look(2);
  t.match(lab.volume, {
    moving: undefined,
    moveFailure: { hostId: 2, message: 'n2 cannot copy it: SourceUnreachable: n1 cannot be reached' },
  });
  t.end();
});

t.test('an old copy is refused, and so is one for a host that is on its way out', (t) => {
  const lab = new Lab();
  lab.move('n2');
  const { index, uid, epoch } = lab;
  lab.must(lab.apply({ type: 'volumeMoveCopied', hostId: 2, uid, index, epoch: epoch - 1 }));
  t.match(lab.volume.moveFailure?.message, /^it was copied as of epoch \d+, its newest data is of \d+$/);
  t.match(lab.volume, { place: { hostId: 1 }, moving: undefined });
  lab.move('n2');
  lab.must(lab.apply({ type: 'hostLeave', name: 'n2' }));
  lab.must(lab.apply({ type: 'volumeMoveCopied', hostId: 2, uid, index: lab.index, epoch }));
  t.equal(lab.volume.moveFailure?.message, 'host n2 is leaving');
  t.match(lab.move('n2'), { ok: false, error: { message: /n2 is leaving$/ } });
  lab.move('n3');
  lab.must(lab.apply({ type: 'hostLeave', name: 'n3' }));
  lab.must(lab.apply({ type: 'hostRemoved', hostId: 3 }));
  t.equal(lab.volume.moveFailure?.message, 'host n3 has left the cluster');
  t.end();
});

t.test('what cannot be moved says why', (t) => {
  const lab = new Lab();
  const { uid } = lab;
  const refusals: [Command[], Command, RegExp][] = [
    [[], { type: 'volumeMove', uid: 'v9-9', host: 'n2' }, /^volume v9-9 does not exist/],
    [[], { type: 'volumeMove', uid, host: 'n9' }, /^host n9 does not exist/],
    [[], { type: 'volumeMoveCancel', uid: 'v9-9' }, /^volume v9-9 does not exist/],
    [
      [{ type: 'hostSet', name: 'n2', cordoned: true }],
      { type: 'volumeMove', uid, host: 'n2' },
      /^volume v\d+-0 cannot be moved to n2: n2 is cordoned$/,
    ],
    [
      [{ type: 'hostReachable', hostId: 2, reachable: false }],
      { type: 'volumeMove', uid, host: 'n2' },
      /: n2 is not heard from$/,
    ],
    [
      [{ type: 'volumeMove', uid, host: 'n3' }],
      { type: 'volumeMove', uid, host: 'n2' },
      /: it moves to n3 already: wait until it is there, or take that back with --cancel$/,
    ],
    [
      [{ type: 'hostReachable', hostId: 1, reachable: false }],
      { type: 'volumeMove', uid, host: 'n2' },
      /: n1, which has it, is not heard from$/,
    ],
    [[{ type: 'volumeDelete', uid }], { type: 'volumeMove', uid, host: 'n2' }, /: it is being deleted$/],
  ];
  for (const [before, command, message] of refusals) {
    const one = new Lab();
    for (const first of before) one.must(one.apply(first));
    t.match(one.apply(command), { ok: false, error: { message } });
  }
  const owned = new Lab(false);
  t.match(owned.move('n2'), {
    ok: false,
    error: { message: /it is data of VM db, and moves with it: `n3xctl vm migrate db`$/ },
  });
  t.match(lab.move('n1'), { ok: true, changed: false }, 'it is there');
  t.match(lab.apply({ type: 'hostLeave', name: 'n1' }), {
    ok: false,
    error: {
      message: /still has the volumes v\d+-0: move them with `n3xctl volume move`, or delete them, before it leaves$/,
    },
  });
  lab.move('n2');
  const volumes = [{ name: 'data', sizeMib: 100, from: uid }];
  t.match(lab.create('web', { source: { kind: 'inline', volumes } }), {
    ok: false,
    error: { message: /it moves to another host: wait until it is there$/ },
  });
  lab.must(lab.apply({ type: 'volumeDelete', uid }));
  t.match(lab.volume, { moving: undefined, deleting: true }, 'what is deleted moves nowhere');
  t.end();
});

t.test('a pool that is not there or has no room', (t) => {
  const lab = new Lab();
  const settings = (capacityMib: number, name = 'default') => ({
    ...{ role: 'server' as const, labels: {}, capacity: {}, reserve: { vcpu: 0, memoryMib: 0 } },
    pools: [{ name, path: '/pool', capacityMib, reserveMib: 0 }],
  });
  const facts = lab.state.host(2)?.facts;
  if (facts === undefined) throw new Error('n2 has said nothing');
  const report = (capacityMib: number, name?: string) =>
    lab.must(lab.apply({ type: 'hostReport', hostId: 2, addresses: [], facts, settings: settings(capacityMib, name) }));
  report(99);
  t.match(lab.move('n2'), {
    ok: false,
    error: { message: /: n2 has 99M free of 99M in its pool default, and 100M are needed$/ },
  });
  report(1000, 'ssd');
  t.match(lab.move('n2'), { ok: false, error: { message: /: n2 has no pool default, but ssd$/ } });
  report(100);
  t.match(lab.move('n2'), { ok: true });
  t.end();
});
