/** n3xd is stopped as for an upgrade: its fenced VMs run on until it is back, and go elsewhere when it does not come back in time. */
import t, { type Test } from 'tap';
import { Cluster, type Host, until } from './cluster.ts';
import { processOf } from './processes.ts';

const MOVED_MS = 90_000;
/** Longer than anything here is waited for: a host that holds such a lease loses no VM in this test. */
const RESTART_LEASE = '10m';
/** Twice as long as a host without n3xd holds an ordinary lease. */
const DOWN_MS = 10_000;

interface VmSeen {
  readonly hostName: string | null;
  readonly phase: string;
  readonly status: { readonly pid?: number; readonly reason: string; readonly message: string };
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];

function show(name: string): Promise<VmSeen> {
  return n1.json<VmSeen>(['vm', 'show', name]);
}

function runningOn(name: string, hosts: readonly Host[]): Promise<number> {
  return until(`${name} runs on ${hosts.map((host) => host.name).join(' or ')}`, MOVED_MS, async () => {
    const { phase, hostName, status } = await show(name);
    return phase === 'running' && hosts.some((host) => host.name === hostName) ? status.pid : undefined;
  });
}

/** Ends n3xd of a host in order; when that fails, its last words are told. */
async function stopped(t: Test, host: Host): Promise<void> {
  const code = await host.kill('SIGTERM');
  t.equal(code, 0, code === 0 ? 'n3xd ends in order' : (await host.log()).slice(-3_000));
}

/** Whether n3 is in the middle of a restart, as the cluster knows. */
async function restarting(): Promise<boolean> {
  return (await n1.json<{ restarting?: unknown }>(['host', 'show', 'n3'])).restarting !== undefined;
}

await t.test('a VM runs on while n3xd of its host is away for longer than a lease lasts', async (t) => {
  await until('all switches work', 60_000, async () => {
    const { items } = await n1.json<{ items: { facts?: { fence?: { works: boolean } } }[] }>(['host', 'list']);
    return items.every(({ facts }) => facts?.fence?.works === true);
  });
  t.match((await n1.ctl(['cluster', 'status'])).stdout, /Restarts: +n3xd may be away for \S+ while fenced VMs run on/);
  await n1.json(['host', 'cordon', 'n1']);
  await n1.json(['host', 'cordon', 'n2']);
  await n1.json(['vm', 'create', 'web', '--memory', '96M', '--ready', 'process']);
  const pid = await runningOn('web', [n3]);
  await n1.json(['host', 'uncordon', 'n1']);
  await n1.json(['host', 'uncordon', 'n2']);

  await n1.json(['cluster', 'set', `restart-lease=${RESTART_LEASE}`]);
  await stopped(t, n3);
  const stoppedAt = performance.now();
  t.match(await n3.log(), /restart\.leaseHeld/);
  t.ok(await restarting());
  await until('the host is not heard from', 60_000, async () => (await show('web')).phase === 'lost');
  t.match(await show('web'), {
    hostName: 'n3',
    status: { reason: 'HostRestarting', message: /^host n3 restarts its n3xd/ },
  });
  t.match(
    (await n1.ctl(['host', 'show', 'n3'])).stdout,
    /Restart: +n3xd was stopped .*go elsewhere if it is not back by/,
  );
  t.match((await n1.ctl(['host', 'list'])).stdout, /^n3 +restarting/m);
  await until('it was away for long enough', 60_000, async () => performance.now() - stoppedAt >= DOWN_MS);
  t.ok(await processOf(pid), 'it runs without n3xd');
  await n3.start();
  t.equal(await runningOn('web', [n3]), pid, 'the same process');
  await until('the restart is over', 60_000, async () => !(await restarting()));
  const { stdout } = await n1.ctl(['events', '--kind', 'host', '--lines', '50']);
  t.match(stdout, /n3 +Restarting: n3xd stops.*\n(.*\n)*.*n3 +Restarted: n3xd is back/);
});

await t.test('after that its lease is as short as ever', async (t) => {
  const { status } = await show('web');
  await n3.kill('SIGKILL');
  t.not(await runningOn('web', [n1, n2]), status.pid, 'long before the lease of a restart would be over');
  await n3.start();
});

await t.test('a host whose n3xd does not come back loses its VMs once the longer lease has run out', async (t) => {
  t.match(await n1.ctl(['cluster', 'set', 'restart-lease=5s']), {
    code: 2,
    stderr: /^n3xctl: a restart lease of 5 s is no longer than the 6 s that a lease lasts anyhow: raise restart-lease/,
  });
  await n1.json(['cluster', 'set', 'restart-lease=15s']);
  await until('n3 is back', 60_000, async () => {
    const { items } = await n1.json<{ items: { reachable: boolean; facts?: { fence?: { works: boolean } } }[] }>([
      'host',
      'list',
    ]);
    return items.every(({ reachable, facts }) => reachable && facts?.fence?.works === true);
  });
  await n1.json(['host', 'cordon', 'n1']);
  await n1.json(['host', 'cordon', 'n2']);
  await n1.json(['vm', 'create', 'db', '--memory', '96M', '--ready', 'process']);
  const pid = await runningOn('db', [n3]);
  await n1.json(['host', 'uncordon', 'n1']);
  await n1.json(['host', 'uncordon', 'n2']);
  await stopped(t, n3);
  const moved = await runningOn('db', [n1, n2]);
  t.not(moved, pid);
  t.equal(await processOf(pid), undefined, 'the switch has ended it');
  const { stdout } = await n1.ctl(['events', '--kind', 'host', '--name', 'n3', '--lines', '50']);
  t.match(stdout, /RestartOverdue: n3xd was to be back within 16 s/);
});

await t.test('without a quorum n3xd stops all the same, soon, and says what will come of it', async (t) => {
  const home = (await show('db')).hostName;
  const [last, other] = home === 'n1' ? [n1, n2] : [n2, n1];
  await other.kill('SIGKILL');
  await stopped(t, last);
  t.match(await last.log(), /no lease for the restart was granted within 3 s.*restart\.leaseNotHeld/);
});
