import t from 'tap';
import type { VmPhase, VmSpecInput } from '../model/vm.ts';
import { renamed, type VmVolume } from '../model/volume.ts';
import { applyConfState } from './apply.ts';
import type { Command, CommandResult } from './command.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster } from './sample.ts';

type InlineInput = Extract<VmSpecInput['source'], { kind: 'inline' }>;

const inline = (...volumes: NonNullable<InlineInput['volumes']>): Partial<VmSpecInput> => ({
  source: { kind: 'inline', volumes },
});
const DATA = { name: 'data', sizeMib: 1024 };

/** Three hosts, of which two have a pool of 4 GiB each; each step keeps every invariant. */
class Lab extends SampleCluster {
  constructor() {
    super();
    this.join('n2');
    this.join('n3');
    const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    applyConfState(this.state, this.state.index + 1, confState);
    for (const hostId of [1, 2]) this.describe(hostId);
  }

  /** Tells of a host's pools. */
  describe(hostId: number, works = true): void {
    const host = this.state.host(hostId);
    if (host?.facts === undefined) throw new Error('no host');
    const { addresses } = host;
    const pool = { path: '/srv', reserveMib: 0 };
    const pools = [
      { ...pool, name: 'default', capacityMib: 4096 },
      { ...pool, name: 'fast', capacityMib: 512 },
    ];
    const settings = { ...host.settings, pools };
    const facts = { ...host.facts, fence: { works, message: works ? 'armed' : 'no systemd' } };
    this.apply({ type: 'hostReport', hostId, addresses, settings, facts });
  }

  override apply(command: Command): CommandResult {
    const result = super.apply(command);
    const wrong = [...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  vm(name: string) {
    const vm = this.state.vm(name);
    if (vm === undefined) throw new Error(`${name} is missing`);
    return vm;
  }

  /** The uid of a VM's volume. */
  uid(name: string, volume = 'data'): string {
    return this.vm(name).volumes?.find((one) => one.name === volume)?.uid ?? '';
  }

  made(name: string): void {
    const { uid, assignment, volumes = [] } = this.vm(name);
    const { hostId = 0, epoch = 0 } = assignment ?? {};
    if (volumes.length === 0) return;
    this.apply({ type: 'volumesCreated', hostId, name, uid, epoch, volumes: volumes.map((volume) => volume.uid) });
  }

  /** What the host of a VM says of it, having seen it as it is. */
  report(name: string, phase: VmPhase, generation = this.vm(name).generation): void {
    const { uid, assignment, status } = this.vm(name);
    const { hostId = 0, epoch = 0 } = assignment ?? {};
    const seen = { reason: '', message: '', observedGeneration: generation, currentRunner: '/nix/store/runner' };
    const next = { ...status, phase, ...seen };
    this.apply({ type: 'vmReport', hostId, reports: [{ name, uid, epoch, status: next }] });
  }

  /** A VM on a host, which has run with what it has and written on it. */
  put(name: string, changes: Partial<VmSpecInput>, hostId = 1): void {
    this.create(name, changes);
    this.assign(name, hostId);
    this.made(name);
    this.report(name, 'running');
    const { epoch = 0 } = this.vm(name).assignment ?? {};
    for (const { uid } of this.vm(name).volumes ?? []) {
      this.apply({ type: 'volumeReport', hostId, reports: [{ uid, epoch, usedBytes: 4096 }] });
    }
  }

  stop(name: string): void {
    this.apply({ type: 'vmSetPower', name, power: 'stopped' });
    this.report(name, 'stopped');
  }

  start(name: string): void {
    this.apply({ type: 'vmSetPower', name, power: 'running' });
    this.report(name, 'running');
  }

  attach(uid: string, name: string, more: { as?: string; mountPoint?: string } = {}): CommandResult {
    return this.apply({ type: 'volumeAttach', name, uid, ...more });
  }

  detach(uid: string): CommandResult {
    return this.apply({ type: 'volumeDetach', uid });
  }

  more(name: string, volume: { name: string; sizeMib: number; pool?: string; mountPoint?: string }): CommandResult {
    return this.apply({ type: 'volumeCreate', name, volume: { fsType: 'ext4', ...volume } });
  }
}

const refusal = (message: RegExp | string) => ({ ok: false, error: { message } });

t.test('a volume goes from one VM to another, with who wrote on it last', (t) => {
  const lab = new Lab();
  lab.put('web', {});
  lab.put('db', inline({ ...DATA, mountPoint: '/data' }));
  const uid = lab.uid('db');
  const writer = lab.vm('db').volumes?.[0]?.writer ?? 0;
  t.ok(writer > (lab.vm('web').assignment?.epoch ?? 0));
  lab.stop('db');
  lab.stop('web');
  const { generation } = lab.vm('db');
  t.match(lab.detach(uid), { ok: true, changed: true });
  t.match(lab.vm('db'), {
    generation: generation + 1,
    spec: { source: { volumes: [] } },
    revision: { state: 'pending' },
  });
  t.equal(lab.vm('db').volumes, undefined);
  t.match(lab.state.stored.get(uid), { name: 'data', formerVm: 'db', created: true, writer, place: { host: 'n1' } });
  t.match(lab.detach(uid), { ok: true, changed: false }, 'twice is fine');
  t.equal(lab.state.indexes.stored(1, 'default'), 1024, 'it takes the room that it took');

  t.match(lab.attach(uid, 'web', { as: 'old', mountPoint: '/old' }), { ok: true, changed: true });
  const web = lab.vm('web');
  t.match(web.spec.source, { volumes: [{ name: 'old', sizeMib: 1024, mountPoint: '/old', from: uid }] });
  t.match(web.volumes, [
    { uid, name: 'old', madeAs: 'data', created: true, keep: true, writer, place: { host: 'n1' } },
  ]);
  t.equal(lab.state.stored.size, 0);
  t.ok((web.assignment?.epoch ?? 0) > writer, 'its next writer has a later epoch than the last');
  t.equal(lab.state.indexes.stored(1, 'default'), 1024);
  t.match(lab.attach(uid, 'web'), { ok: true, changed: false }, 'twice is fine');
  t.match(
    lab.attach(uid, 'web', { as: 'data' }),
    refusal(`volume ${uid} is old of VM web already, mounted at /old: detach it before it is attached otherwise`),
  );
  t.match(
    lab.attach(uid, 'db'),
    refusal(
      `volume ${uid} cannot become old of VM db: it belongs to VM web: detach it there first, \`n3xctl volume detach ${uid}\``,
    ),
  );
  t.match(lab.detach(uid), { ok: true, changed: true }, 'and away again, at once');
  t.match(lab.attach(uid, 'db', { as: 'data' }), { ok: true, changed: true });
  t.equal(lab.vm('db').volumes?.[0]?.madeAs, undefined, 'under the name that it was made with');
  t.end();
});

t.test('nothing changes while something of the VM may write', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA));
  const uid = lab.uid('db');
  t.match(lab.detach(uid), refusal('VM db is running: stop it before its volumes are changed'));
  t.match(lab.more('db', { name: 'logs', sizeMib: 1 }), refusal(/^VM db is running/));
  lab.report('db', 'failed');
  t.match(
    lab.detach(uid),
    refusal('VM db is failed and shall run: stop it before its volumes are changed, `n3xctl vm stop db`'),
  );
  lab.apply({ type: 'vmSetPower', name: 'db', power: 'stopped' });
  t.match(
    lab.detach(uid),
    refusal('VM db is to be stopped, and n1 has not said yet that it is: its volumes can be changed then'),
    'a start may be under way',
  );
  lab.report('db', 'stopped', lab.vm('db').generation - 1);
  t.match(lab.detach(uid), refusal(/has not said yet/), 'said of what was before');
  lab.report('db', 'stopped');
  lab.apply({ type: 'hostReachable', hostId: 1, reachable: false });
  t.match(lab.detach(uid), refusal(/^VM db may run, as n1 is not heard from: stop it before/));
  lab.apply({ type: 'hostReachable', hostId: 1, reachable: true });
  const { assignment, uid: vmUid } = lab.vm('db');
  const move = { name: 'db', uid: vmUid, epoch: assignment?.epoch ?? 0, cause: 'migrate' } as const;
  t.match(lab.apply({ type: 'vmMove', ...move, targetId: 2 }), { ok: true });
  t.match(lab.detach(uid), refusal('VM db is changing hosts: its volumes can be changed once it has'));
  lab.apply({ type: 'vmMigrateCancel', name: 'db' });
  t.match(lab.detach(uid), { ok: true, changed: true });
  lab.apply({ type: 'vmDelete', name: 'db' });
  t.match(lab.attach(uid, 'db'), refusal('VM db is being deleted'));
  t.end();
});

t.test('what is refused, and why', (t) => {
  const lab = new Lab();
  lab.put('db', inline({ ...DATA, mountPoint: '/data' }));
  lab.put('far', inline(DATA), 2);
  lab.put('web', inline({ name: 'logs', sizeMib: 1024, mountPoint: '/logs' }));
  for (const name of ['db', 'far', 'web']) lab.stop(name);
  const [uid, far] = [lab.uid('db'), lab.uid('far')];
  t.match(lab.attach('v1-9', 'web'), refusal('volume v1-9 does not exist: `n3xctl volume list` shows those that do'));
  t.match(lab.detach('v1-9'), refusal(/^volume v1-9 does not exist/));
  t.match(lab.attach(uid, 'nope'), refusal(/^VM nope does not exist/));
  t.match(lab.attach(uid, 'web'), refusal(/it belongs to VM db: detach it there first/));
  lab.detach(far);
  t.match(
    lab.attach(far, 'web'),
    refusal(`volume ${far} is on n2, and VM web on n1: move the VM there first, \`n3xctl vm migrate web --to n2\``),
  );
  lab.detach(uid);
  t.match(
    lab.attach(uid, 'web', { as: 'logs' }),
    refusal('VM web has a volume logs already: give this one another name'),
  );
  t.match(
    lab.attach(uid, 'web', { mountPoint: '/logs' }),
    refusal('VM web mounts its volume logs at /logs: mount this one elsewhere'),
  );
  t.match(lab.apply({ type: 'volumeAttach', name: 'web', uid, ifModifiedIndex: 1 }), refusal(/^VM web has changed/));
  t.match(lab.apply({ type: 'volumeDetach', uid: lab.uid('web', 'logs'), ifModifiedIndex: 1 }), refusal(/^VM web has/));

  t.match(lab.more('web', { name: 'logs', sizeMib: 1024, mountPoint: '/logs' }), { ok: true, changed: false });
  t.match(
    lab.more('web', { name: 'logs', sizeMib: 2048 }),
    refusal(
      'VM web has a volume logs already: mountPoint is /logs, asked for none; sizeMib is 1024, asked for 2048. Give this one another name',
    ),
  );
  t.match(
    lab.more('web', { name: 'big', sizeMib: 4096 }),
    refusal('VM web cannot have volume big on n1, where it is: that host has 2G free of 4G in its pool default'),
  );
  t.match(
    lab.more('web', { name: 'big', sizeMib: 1, pool: 'slow' }),
    refusal('VM web cannot have volume big on n1, where it is: that host has no pool slow, but default, fast'),
  );
  for (let i = 1; i < 16; i++) t.ok(lab.more('web', { name: `v${i}`, sizeMib: 1 }).ok);
  t.match(lab.more('web', { name: 'v16', sizeMib: 1 }), refusal('VM web has 16 volumes, and no VM has more'));
  lab.apply({ type: 'volumeDelete', uid: far });
  t.match(lab.attach(far, 'far'), refusal(`volume ${far} cannot become data of VM far: it is being deleted`));
  t.end();
});

t.test('sets, flakes of users and disposable VMs have their volumes otherwise', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA));
  lab.stop('db');
  const uid = lab.uid('db');
  lab.detach(uid);
  lab.create('flaky', { source: { kind: 'flake', ref: 'github:me/vms', attribute: 'flaky' } });
  t.match(
    lab.attach(uid, 'flaky'),
    refusal('VM flaky is made from a flake of yours, which says what disks it has: change it there'),
  );
  lab.create('cheap', { ...inline(DATA), disposable: true });
  t.match(
    lab.attach(uid, 'cheap', { as: 'old' }),
    refusal(
      `VM cheap is disposable, and its volumes go with it when it makes room: volume ${uid} has data. Change that first, \`n3xctl vm edit cheap\``,
    ),
  );
  const set = { name: 'pack', uid: 'set-1' };
  const more = { template: lab.vm('db').spec, replicas: 1, maxUnavailable: 1, onFailure: 'pause' } as const;
  lab.apply({ type: 'vmSetCreate', ...set, ...more });
  lab.apply({ type: 'vmSetStep', ...set, step: { type: 'create', ordinal: 0 } });
  t.match(
    lab.attach(uid, 'pack-0'),
    refusal('VM pack-0 belongs to the set pack, whose VMs are all alike: its volumes are those of the set'),
  );
  t.end();
});

t.test('a VM without a host takes volumes that can be in one place only', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA));
  lab.put('far', inline(DATA), 2);
  for (const name of ['db', 'far']) lab.stop(name);
  const [uid, far] = [lab.uid('db'), lab.uid('far')];
  for (const one of [uid, far]) lab.detach(one);
  lab.create('new', { ...inline(), placement: { strategy: 'manual' } });
  t.match(lab.attach(uid, 'new'), { ok: true, changed: true });
  t.match(lab.vm('new'), { assignment: null, status: { phase: 'pending', reason: 'VolumesChanged' } });
  t.match(
    lab.attach(far, 'new', { as: 'far' }),
    refusal(
      `volume ${far} is on n2, and volume data of VM new on n1: a VM finds all its volumes on one host. Once it has its host, move it, \`n3xctl vm migrate new --to n2\``,
    ),
  );
  t.ok(lab.more('new', { name: 'logs', sizeMib: 64 }).ok);
  t.match(lab.vm('new').volumes, [{ uid }, { name: 'logs', created: false }]);
  t.equal(lab.vm('new').volumes?.[1]?.place, undefined, 'it is made where the VM goes');
  t.match(lab.assign('new', 2), { ok: false });
  t.match(lab.assign('new', 1), { ok: true });
  lab.create('pinned', { ...inline(), placement: { host: 'n1' } });
  t.match(
    lab.attach(far, 'pinned'),
    refusal(
      `volume ${far} is on n2, and VM pinned is to run on n1 alone: say \`n3xctl vm update pinned --host n2\` first`,
    ),
  );
  t.end();
});

t.test('a new volume is made where the VM is, and one that was never made just goes', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA));
  lab.stop('db');
  const { epoch = 0 } = lab.vm('db').assignment ?? {};
  t.match(lab.more('db', { name: 'logs', sizeMib: 1024 }), { ok: true, changed: true });
  t.match(lab.vm('db').volumes, [{ name: 'data' }, { name: 'logs', created: false, writer: 0, place: { host: 'n1' } }]);
  t.match(lab.vm('db').assignment, { hostId: 1, epoch }, 'nobody wrote on it: the epoch may stay');
  t.match(
    lab.more('db', { name: 'more', sizeMib: 3072 }),
    refusal(/has 3G free of 4G in its pool default/),
    'room for what has yet to be made is counted',
  );
  const uid = lab.uid('db', 'logs');
  t.match(lab.detach(uid), { ok: true, changed: true });
  t.match(lab.state.stored.get(uid), { deleting: true, created: false }, 'an empty image may be there');
  lab.apply({ type: 'volumeRemoved', hostId: 1, uid });
  t.equal(lab.state.stored.get(uid), undefined);
  t.equal(lab.state.indexes.stored(1, 'default'), 1024);
  t.end();
});

t.test('quotas count what comes', (t) => {
  const lab = new Lab();
  lab.apply({ type: 'projectCreate', name: 'shop', quotas: { diskMib: { maximum: 1024 } } });
  lab.put('db', inline(DATA));
  lab.put('shop.web', inline({ name: 'logs', sizeMib: 512 }));
  for (const name of ['db', 'shop.web']) lab.stop(name);
  const uid = lab.uid('db');
  lab.detach(uid);
  t.match(
    lab.attach(uid, 'shop.web'),
    refusal(
      /^VM shop\.web cannot be given volume data: project shop may have 1G of disk at most, has 512M, and 1G more are asked for/,
    ),
  );
  t.match(lab.more('shop.web', { name: 'tmp', sizeMib: 1024 }), refusal(/^VM shop\.web cannot be given volume tmp/));
  lab.detach(lab.uid('shop.web', 'logs'));
  t.match(lab.attach(uid, 'shop.web'), { ok: true, changed: true });
  t.equal(lab.state.indexes.projectUse('shop').used.diskMib, 1024);
  t.end();
});

t.test('no update, edit or rollback changes the list of volumes', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA));
  const before = lab.vm('db');
  lab.stop('db');
  const uid = lab.uid('db');
  lab.detach(uid);
  const text =
    /^the volumes of db are not changed with its spec, .*: attach, detach or create them by name, `n3xctl volume attach\|detach\|create`$/;
  t.match(lab.apply({ type: 'vmUpdate', name: 'db', spec: before.spec, rebuild: false }), refusal(text));
  t.match(lab.apply({ type: 'vmRollback', name: 'db' }), refusal(text));
  lab.apply({ type: 'vmSetPower', name: 'db', power: 'running' });
  const { uid: vmUid, assignment, status, generation, revision } = lab.vm('db');
  const gate = { generation: revision?.generation ?? 0, outcome: 'failed', message: 'it does not boot' } as const;
  const next = { ...status, phase: 'failed', observedGeneration: generation } as const;
  lab.apply({
    ...{ type: 'vmReport', hostId: 1 },
    reports: [{ name: 'db', uid: vmUid, epoch: assignment?.epoch ?? 0, status: next, gate }],
  });
  t.match(lab.vm('db'), { revision: { state: 'failed' }, spec: { source: { volumes: [] } } });
  t.equal(lab.vm('db').volumes, undefined);
  t.match(lab.state.stored.get(uid), { formerVm: 'db' });
  t.match(
    [...lab.state.events()].at(-1)?.message,
    /it does not boot\. There is nothing to go back to: the volumes of db/,
  );
  lab.stop('db');
  t.ok(lab.more('db', { name: 'data', sizeMib: 1024 }).ok);
  const empty = lab.uid('db');
  t.match(lab.apply({ type: 'vmRollback', name: 'db' }), { ok: true });
  t.equal(lab.uid('db'), empty, 'the same names: the volumes stay what they are');
  t.end();
});

t.test('the last volume that leaves a VM lets it fail over, where its host can fence it', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA));
  lab.stop('db');
  lab.describe(1, false);
  const uid = lab.uid('db');
  t.match(
    lab.detach(uid),
    refusal(
      'without a volume VM db would fail over, and on n1 no VM may run that does (no systemd): let it stay first, `n3xctl vm update db --failover stay`',
    ),
  );
  lab.describe(1);
  t.ok(lab.detach(uid).ok);
  t.end();
});

t.test('an assignment is not renewed on a host that takes none', (t) => {
  const lab = new Lab();
  lab.put('web', {});
  lab.put('db', inline(DATA));
  for (const name of ['db', 'web']) lab.stop(name);
  const uid = lab.uid('db');
  lab.detach(uid);
  lab.apply({ type: 'hostSet', name: 'n1', cordoned: true });
  t.match(lab.attach(uid, 'web'), refusal('VM web cannot have volume data on n1, where it is: that host is cordoned'));
  t.match(lab.attach(uid, 'db'), { ok: true, changed: true }, 'who wrote on it last needs no later epoch');
  t.end();
});

t.test('a host that was taken out has taken its volumes along', (t) => {
  const lab = new Lab();
  lab.put('db', inline(DATA), 2);
  lab.stop('db');
  const uid = lab.uid('db');
  lab.detach(uid);
  const { epoch = 0 } = lab.vm('db').assignment ?? {};
  lab.apply({ type: 'vmDelete', name: 'db' });
  lab.apply({ type: 'vmRemoved', hostId: 2, name: 'db', uid: 'uid-db', epoch });
  lab.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  lab.apply({ type: 'hostRemove', name: 'n2', force: true });
  const confState = { voters: [1, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(lab.state, lab.state.index + 1, confState);
  t.match(lab.apply({ type: 'hostRemoved', hostId: 2 }), { ok: true });
  lab.create('web');
  t.match(
    lab.attach(uid, 'web'),
    refusal(`volume ${uid} is on n2, which is no member any more: it can be attached once that has joined again`),
  );
  t.end();
});

t.test('a volume keeps the name that its file system bears', (t) => {
  const volume: VmVolume = {
    ...{ uid: 'v1-0', name: 'a', sizeMib: 1, fsType: 'ext4', pool: 'default', created: true, writer: 0 },
  };
  const b = renamed(volume, 'b');
  t.match(b, { name: 'b', madeAs: 'a' });
  t.match(renamed(b, 'c'), { name: 'c', madeAs: 'a' });
  t.same(renamed(b, 'a'), volume);
  t.same(renamed(volume, 'a'), volume);
  t.end();
});
