import type { DrainView } from '@n3x/core/api/move-routes';
import { DRAIN_DEADLINE_MAX_SECONDS, DRAIN_PARALLEL_MAX } from '@n3x/core/model/drain';
import t from 'tap';
import { ApiDouble } from '../testing/api-double.ts';
import { EPOCH_MS, makeHost, makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const DRAIN = { mode: 'drain', parallel: 4, index: 7, startedAtMs: EPOCH_MS, total: 3 } as const;

function view(change: Partial<DrainView> = {}): DrainView {
  return {
    ...{ host: 'n1', drain: DRAIN, moved: 1, moving: 1, waiting: 0, stuck: 1, index: 9, stale: false },
    volumes: [],
    vms: [
      { name: 'db', state: 'stuck', to: null, text: 'has volumes, and their data is on its host' },
      { name: 'web', state: 'moving', to: 'n2', text: 'runs on until n2 has built it' },
    ],
    ...change,
  };
}

async function double(t: Parameters<typeof ApiDouble.start>[0], views: readonly DrainView[]) {
  const api = await ApiDouble.start(t);
  const left = [...views];
  api.on('drainHost', () => ({ changed: true, index: 8 }));
  api.on('getDrain', () => (left.length > 1 ? left.shift() : left[0]) ?? view());
  return { api, ctl: (...args: string[]) => runCli([...args, '--socket', api.socket]) };
}

t.test('a drain is waited for until the host is empty', async (t) => {
  const { api, ctl } = await double(t, [
    view(),
    view({ drain: { ...DRAIN, outcome: 'drained', message: 'is empty' }, moved: 3, moving: 0, stuck: 0, vms: [] }),
  ]);
  const done = await ctl('host', 'drain', 'n1', '--parallel', '2', '--deadline', '10m');
  t.match(done, {
    code: 0,
    stderr: '',
    stdout: 'host n1: drained (3 VMs moved); it takes none until it is undrained\n',
  });
  t.same(api.seen('drainHost')[0]?.body, { mode: 'drain', parallel: 2, deadlineSeconds: 600 });
  const left = view({
    drain: { ...DRAIN, outcome: 'drained', message: 'is empty' },
    vms: [],
    volumes: ['v4-0', 'v5-0'],
  });
  api.on('getDrain', () => left);
  t.match(
    (await ctl('host', 'drain', 'n1')).stdout,
    /\n2 volumes of no VM stay on it \(v4-0, v5-0\): n3xctl volume move takes them along\n$/,
  );
  api.on('getDrain', () => ({ ...left, volumes: [] }));
  t.equal((await ctl('host', 'evacuate', 'n1', '-q')).stdout, 'n1\n');
  t.same(api.seen('drainHost').at(-1)?.body, { mode: 'evacuate' });
  t.match(JSON.parse((await ctl('host', 'drain', 'n1', '-o', 'json')).stdout), { host: 'n1', changed: true });
});

t.test('what stays is named with its reason', async (t) => {
  const stuck = view({
    drain: { ...DRAIN, outcome: 'stuck', message: 'x' },
    moving: 0,
    moved: 2,
    vms: view().vms.slice(0, 1),
  });
  const { ctl } = await double(t, [stuck]);
  const ended = await ctl('host', 'drain', 'n1');
  t.equal(ended.code, 7);
  t.equal(
    ended.stderr,
    '  db: has volumes, and their data is on its host\n' +
      'n3xctl: host n1 is not empty: nothing more can be moved, 2 of 3 moved, 1 stuck\n' +
      'hint: it goes on by itself once there is room; n3xctl host undrain n1 gives it up\n',
  );
  const late = await double(t, [view({ drain: { ...DRAIN, outcome: 'expired', message: 'x' } })]);
  t.match(await late.ctl('host', 'drain', 'n1', '--deadline', '1s'), {
    code: 7,
    stderr: /\nn3xctl: host n1 is not empty: the deadline passed, 1 of 3 moved, 1 moving, 1 stuck\n/,
  });
  const ended2 = await double(t, [view({ drain: null })]);
  t.match(await ended2.ctl('host', 'drain', 'n1'), {
    code: 4,
    stderr: /the drain of host n1 was ended by somebody else/,
  });
  const slow = await double(t, [view()]);
  t.match(await slow.ctl('host', 'drain', 'n1', '--timeout', '1500ms'), {
    code: 6,
    stderr: /^n3xctl: host n1 is not empty: 1 of 3 moved, 1 moving, 1 stuck after 1.5 s\nhint: it goes on without you/,
  });
});

t.test('a drain may be begun and left to the cluster', async (t) => {
  const { ctl } = await double(t, [view()]);
  const begun = await ctl('host', 'drain', 'n1', '--no-wait');
  t.match(
    begun.stdout,
    /^host n1: drain begun \(1 of 3 moved, 1 moving, 1 stuck\)\nVM +STATE +TO +WHY\ndb +stuck +- +has volumes/,
  );
  const wrong: [string[], RegExp][] = [
    [['--parallel', '0'], /^n3xctl: --parallel: "0" is not a whole number from 1 to 256\n$/],
    [['--parallel', String(DRAIN_PARALLEL_MAX + 1)], /is not a whole number from 1 to 256\n$/],
    [
      ['--deadline', `${DRAIN_DEADLINE_MAX_SECONDS + 1}s`],
      /^n3xctl: --deadline: "604801s" is out of range: 1s to 7d\n$/,
    ],
    [['--deadline', 'soon'], /^n3xctl: --deadline: "soon" is not a duration/],
    [['--stale'], /^n3xctl: --stale is for reads/],
  ];
  for (const [args, text] of wrong) t.match(await ctl('host', 'drain', 'n1', ...args), { code: 2, stderr: text });
});

t.test('a host shows that it is drained, and takes VMs again', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli([...args, '--socket', api.socket]);
  const outcomes = [undefined, 'drained', 'stuck', 'expired'] as const;
  const hosts = outcomes.map((outcome, at) =>
    makeHost({
      name: `n${at}`,
      vms: 1,
      drain: { ...DRAIN, ...(outcome === undefined ? {} : { outcome, message: 'so' }) },
    }),
  );
  api.on('listHosts', () => ({ items: hosts, index: 9, stale: false }));
  const { stdout } = await ctl('host', 'list');
  t.match(stdout, /n0 +draining 2\/3[\s\S]*n1 +drained [\s\S]*n2 +stuck 2\/3[\s\S]*n3 +expired 2\/3/);
  api.on('getHost', () => hosts[2] ?? makeHost());
  api.on('getDrain', () => view());
  t.match(
    (await ctl('host', 'show', 'n2')).stdout,
    /Drain: +stuck, 2 of 3 moved, at most 4 at a time, for \w+\nDrain says: +so\n[\s\S]*\nVM +STATE +TO +WHY\ndb +stuck/,
  );
  let changed = true;
  api.on('undrainHost', () => ({ changed, index: 9 }));
  t.equal((await ctl('host', 'undrain', 'n1')).stdout, 'host n1: takes VMs again\n');
  changed = false;
  t.equal((await ctl('host', 'undrain', 'n1')).stdout, 'host n1: unchanged\n');
});

const MOVING = { cause: 'migrate', step: 'prepare', index: 8, targetId: 2, sinceMs: EPOCH_MS } as const;

t.test('a VM is moved, and waited for', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli([...args, '--socket', api.socket]);
  const moving = makeVm({ moving: MOVING, movingTo: 'n2' });
  api.on('migrateVm', () => ({ vm: moving, changed: true, index: 8, together: ['db'] }));
  t.equal(
    (await ctl('vm', 'migrate', 'web', '--together')).stdout,
    'vm web: moves to n2 together with db (running on n1)\n',
  );
  t.same(api.seen('migrateVm')[0]?.body, { together: true });
  api.on('migrateVm', () => ({ vm: moving, changed: true, index: 8, together: [] }));
  t.equal((await ctl('vm', 'migrate', 'web', '--to', 'n2')).stdout, 'vm web: moves to n2 (running on n1)\n');
  t.same(api.seen('migrateVm')[1]?.body, { host: 'n2', together: false });
  const arrived = makeVm({ hostName: 'n2', assignment: { hostId: 2, epoch: 12 } });
  const states = [moving, makeVm({ phase: 'pending', hostName: null, assignment: null }), arrived];
  api.on('getVm', () => states.shift() ?? arrived);
  t.match(await ctl('vm', 'migrate', 'web', '--wait'), { code: 0, stdout: 'vm web: moved (running on n2)\n' });
  api.on('listVms', () => ({ items: [moving], index: 9, stale: false }));
  t.match((await ctl('vm', 'list')).stdout, /web +running +n1 -> n2/);
  const failed = makeVm({ moveFailure: { hostId: 2, message: 'n2 cannot build it: BuildFailed: no', atMs: EPOCH_MS } });
  api.on('getVm', () => failed);
  t.match(await ctl('vm', 'migrate', 'web', '--wait'), {
    code: 7,
    stderr:
      /^n3xctl: vm web stays on n1: n2 cannot build it: BuildFailed: no\nhint: n3xctl events --kind vm --name web/,
  });
  t.match((await ctl('vm', 'show', 'web')).stdout, /Last move: +failed: n2 cannot build it: BuildFailed: no\n/);
  api.on('getVm', () => makeVm({ uid: 'other' }));
  t.match(await ctl('vm', 'migrate', 'web', '--wait'), { code: 4, stderr: /was deleted by somebody else/ });
  api.on('getVm', () => makeVm({ assignment: { hostId: 2, epoch: 12 }, hostName: 'n2', phase: 'failed' }));
  t.match(await ctl('vm', 'migrate', 'web', '--wait'), { code: 1, stderr: /^n3xctl: vm web failed: failed on n2/ });
  api.on('getVm', () => moving);
  t.match(await ctl('vm', 'migrate', 'web', '--wait', '--timeout', '1500ms'), {
    code: 6,
    stderr: /vm web has not arrived/,
  });
});

t.test('a plan is shown, and carried out unless it is dry', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli([...args, '--socket', api.socket]);
  const move = { name: 'web', uid: 'uid-1', epoch: 9, from: 'n1', to: 'n2', targetId: 2, gain: 37.5 };
  let moves = [move];
  api.on('planRebalance', () => ({ moves, considered: 4, index: 9, stale: false }));
  api.on('rebalanceCluster', () => ({ changed: true, index: 10, moved: 1, left: 1, reason: 'VM db has moved on' }));
  const table = 'VM   FROM  TO  GAIN\nweb  n1    n2  37.5\n';
  t.equal((await ctl('cluster', 'rebalance', '--dry-run', '--max', '3')).stdout, table);
  t.match(api.seen('planRebalance')[0]?.query, { max: 3 });
  t.equal(api.seen('rebalanceCluster').length, 0);
  const done = await ctl('cluster', 'rebalance');
  t.equal(done.stdout, `${table}\ncluster: 1 VM on the move, 1 left out: VM db has moved on\n`);
  t.same(api.seen('rebalanceCluster')[0]?.body, { moves: [{ name: 'web', uid: 'uid-1', epoch: 9, targetId: 2 }] });
  t.match(JSON.parse((await ctl('cluster', 'rebalance', '-o', 'json')).stdout), { plan: { moves: [move] }, moved: 1 });
  moves = [];
  t.equal(
    (await ctl('cluster', 'rebalance')).stdout,
    'nothing to be gained: no VM would run better elsewhere (4 VMs weighed)\n',
  );
  t.match(await ctl('cluster', 'rebalance', '--max', '65'), { code: 2 });
});

t.test('a move is taken back', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli([...args, '--socket', api.socket]);
  api.on('cancelMigration', () => ({ vm: makeVm(), changed: true, index: 12 }));
  api.on('getVm', () => makeVm());
  t.match(await ctl('vm', 'migrate', 'web', '--cancel'), {
    code: 0,
    stdout: 'vm web: its move was taken back (running on n1)\n',
  });
  t.match(await ctl('vm', 'migrate', 'web', '--cancel', '--wait'), { code: 0, stdout: /taken back/ });
  api.on('cancelMigration', () => ({ vm: makeVm(), changed: false, index: 12 }));
  t.match(await ctl('vm', 'migrate', 'web', '--cancel'), {
    code: 0,
    stdout: 'vm web: unchanged, it does not move (running on n1)\n',
  });
  t.match(await ctl('vm', 'migrate', 'web', '--cancel', '--to', 'n2'), { code: 2, stderr: /cannot be used with/ });
});
