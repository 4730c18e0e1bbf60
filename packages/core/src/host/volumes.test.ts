import t from 'tap';
import { SampleCluster } from '../machine/sample.ts';
import { volumeOf } from '../machine/volume-of.ts';
import type { VmSpecInput } from '../model/vm.ts';
import type { ObservedCopy, ObservedVolume, VolumeAction } from '../ports/volumes.ts';
import { volumeHold } from './volume-gate.ts';
import { reconcileVolumes } from './volumes.ts';

const DATA: Partial<VmSpecInput> = { source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 100 }] } };

/** One host with the disks of a test. */
class Disks {
  readonly cluster = new SampleCluster();
  readonly found = new Map<string, ObservedVolume>();
  readonly copies = new Map<string, ObservedCopy>();
  readonly busy = new Set<string>();

  constructor(changes = DATA) {
    this.cluster.create('db', changes);
    const result = this.cluster.assign('db');
    if (!result.ok) throw new Error(result.error.message);
  }

  get vm() {
    const vm = this.cluster.state.vm('db');
    if (vm === undefined) throw new Error('db is missing');
    return vm;
  }

  get volume() {
    const [volume] = this.vm.volumes ?? [];
    if (volume === undefined) throw new Error('data is missing');
    return volume;
  }

  put(uid: string, epoch: number, usedBytes = 4096): void {
    this.found.set(uid, { uid, pool: 'default', epoch, usedBytes });
  }

  hold(found: ReadonlyMap<string, ObservedVolume> | null = this.found) {
    return volumeHold(this.vm, 1, { observed: found, copies: this.copies, failure: () => undefined });
  }

  /** One look; what is to be told is applied. */
  look(): readonly VolumeAction[] {
    const { actions, proposals } = reconcileVolumes({
      state: this.cluster.state,
      hostId: 1,
      observed: this.found,
      copies: this.copies,
      trouble: () => undefined,
      mayTell: () => true,
      isBusy: (uid) => this.busy.has(uid),
      mayReport: () => false,
    });
    for (const { command } of proposals) {
      const result = this.cluster.apply(command);
      if (!result.ok) throw new Error(result.error.message);
    }
    return actions;
  }
}

t.test('a volume is made, known to the log as made, and only then may its VM start', (t) => {
  const disks = new Disks();
  t.match(disks.hold(), { phase: 'building', reason: 'CreatingVolumes', message: 'makes its volume data' });
  t.match(disks.look(), [{ type: 'create', volume: { name: 'data', sizeMib: 100, pool: 'default' } }]);
  disks.put(disks.volume.uid, 0);
  t.match(disks.hold(), { reason: 'CreatingVolumes' }, 'the log does not know of it yet');
  t.same(disks.look(), []);
  t.match(disks.volume, { created: true, writer: 0, place: { host: 'n1' } });
  t.equal(disks.hold(), undefined);
  t.match(disks.hold(null), { reason: 'CreatingVolumes', message: 'looks for its volumes' });
  t.end();
});

t.test('what was made is never made again, and its VM does not start without it', (t) => {
  const disks = new Disks();
  disks.put(disks.volume.uid, 0);
  disks.look();
  disks.put(disks.volume.uid, 7);
  disks.look();
  t.equal(disks.volume.writer, 7);
  disks.found.clear();
  t.same(disks.look(), [], 'nothing is made in its place');
  t.match(disks.hold(), {
    phase: 'failed',
    reason: 'VolumeMissing',
    message:
      /^volume data \(v\d+-0\) is not on n1, which is to have its data: bring its disk back, or, to begin with an empty one, stop it, and: n3xctl vm recreate-volumes db --volume data$/,
  });
  disks.put(disks.volume.uid, 5);
  t.match(disks.hold(), {
    phase: 'failed',
    reason: 'VolumeStale',
    message: /was last written at epoch 5, its newest data at 7/,
  });
  disks.put(disks.volume.uid, 7);
  t.equal(disks.hold(), undefined);
  t.end();
});

t.test('a deleted VM takes its volumes with it, unless they are kept', (t) => {
  const disks = new Disks();
  disks.put(disks.volume.uid, 0);
  disks.look();
  const { uid } = disks.volume;
  const { uid: vmUid, assignment } = disks.vm;
  disks.cluster.apply({ type: 'vmDelete', name: 'db' });
  const epoch = assignment?.epoch ?? 0;
  disks.cluster.apply({ type: 'vmRemoved', hostId: 1, name: 'db', uid: vmUid, epoch });
  t.match(disks.cluster.state.stored.get(uid), { deleting: true, formerVm: 'db' });
  t.match(disks.look(), [{ type: 'remove', volume: { uid } }]);
  disks.found.clear();
  disks.look();
  t.equal(volumeOf(disks.cluster.state, uid), undefined);
  t.end();
});

t.test('a kept volume stays, goes to a new VM, and draws it to its host', (t) => {
  const disks = new Disks();
  disks.put(disks.volume.uid, 0);
  disks.look();
  const { uid } = disks.volume;
  const { uid: vmUid, assignment } = disks.vm;
  disks.cluster.apply({ type: 'vmDelete', name: 'db', keepVolumes: true });
  disks.cluster.apply({ type: 'vmRemoved', hostId: 1, name: 'db', uid: vmUid, epoch: assignment?.epoch ?? 0 });
  t.same(disks.look(), []);
  const from = (sizeMib: number) =>
    disks.cluster.create('db2', { source: { kind: 'inline', volumes: [{ name: 'old', sizeMib, from: uid }] } });
  t.match(from(50), { ok: false, error: { message: /cannot become old of VM db2: its size is 100M, not 50M/ } });
  t.match(from(100), { ok: true });
  t.match(disks.cluster.state.vm('db2')?.volumes, [{ uid, name: 'old', created: true, keep: true }]);
  t.equal(disks.cluster.state.stored.get(uid), undefined);
  t.match(disks.cluster.apply({ type: 'volumeDelete', uid }), { ok: false, error: { message: /is old of VM db2/ } });
  t.end();
});

t.test('begun anew, what there was stays as a volume of no VM', (t) => {
  const disks = new Disks();
  disks.put(disks.volume.uid, 0);
  disks.look();
  const { uid } = disks.volume;
  t.match(disks.cluster.apply({ type: 'volumeRecreate', name: 'db', volumes: ['log'] }), {
    ok: false,
    error: { message: 'VM db has no volume log: it has data' },
  });
  const { cluster } = disks;
  cluster.apply({ type: 'vmSetPower', name: 'db', power: 'stopped' });
  const vm = cluster.state.vm('db');
  if (vm === undefined || vm.assignment === null) throw new Error('db has no host');
  const { hostId, epoch } = vm.assignment;
  const status = {
    ...vm.status,
    phase: 'stopped',
    reason: '',
    message: '',
    observedGeneration: vm.generation,
  } as const;
  cluster.apply({ type: 'vmReport', hostId, reports: [{ name: 'db', uid: vm.uid, epoch, status }] });
  t.match(cluster.apply({ type: 'volumeRecreate', name: 'db' }), { ok: true, changed: true });
  t.not(disks.volume.uid, uid);
  t.match(disks.volume, { created: false, writer: 0 });
  t.match(disks.cluster.state.stored.get(uid), { name: 'data', formerVm: 'db', created: true });
  t.match(disks.look(), [{ type: 'create' }], 'and the old one is left alone');
  t.match(disks.cluster.apply({ type: 'hostLeave', name: 'n1' }), { ok: false });
  t.end();
});

t.test('an image that nobody wrote on and nobody knows is cleared away; one with data is left', (t) => {
  const disks = new Disks();
  disks.busy.add(disks.volume.uid);
  disks.put('v1-7', 0);
  disks.put('v1-8', 3);
  t.match(disks.look(), [{ type: 'remove', volume: { uid: 'v1-7' } }]);
  t.equal(disks.look().length, 1);
  t.end();
});
