/** A host is lost with what it runs: fenced VMs run elsewhere, and nothing of them is left when it is back; one that stays waits. */
import { readdir } from 'node:fs/promises';
import t from 'tap';
import { Cluster, type Host, until } from './cluster.ts';
import { processOf } from './processes.ts';

const MOVED_MS = 120_000;

interface VmSeen {
  readonly hostName: string | null;
  readonly phase: string;
  readonly failover: string;
  readonly status: { readonly pid?: number; readonly reason: string };
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];

function show(name: string): Promise<VmSeen> {
  return n1.json<VmSeen>(['vm', 'show', name]);
}

/** Waits until the VM runs on one of the hosts; answers its pid. */
function runningOn(name: string, hosts: readonly Host[]): Promise<number> {
  return until(`${name} runs on ${hosts.map((host) => host.name).join(' or ')}`, MOVED_MS, async () => {
    const { phase, hostName, status } = await show(name);
    return phase === 'running' && hosts.some((host) => host.name === hostName) ? status.pid : undefined;
  });
}

function create(name: string, ...flags: string[]): Promise<unknown> {
  return n1.json(['vm', 'create', name, '--memory', '96M', '--ready', 'process', ...flags]);
}

await t.test('a host is fit for leased VMs once its dead-man’s switch was tried', async (t) => {
  await until('all switches work', 60_000, async () => {
    const { items } = await n1.json<{ items: { facts?: { fence?: { works: boolean } } }[] }>(['host', 'list']);
    return items.every(({ facts }) => facts?.fence?.works === true);
  });
  t.match((await n1.ctl(['cluster', 'status'])).stdout, /Leases: +6s, clocks wrong by up to 5 %, 500 ms/);
});

await t.test('the daemon of a host is killed and not started again', async (t) => {
  // n1 answers; what moves is on n3.
  await n1.json(['host', 'cordon', 'n1']);
  await n1.json(['host', 'cordon', 'n2']);
  await create('web');
  await create('db', '--failover', 'stay');
  const [web, db] = [await runningOn('web', [n3]), await runningOn('db', [n3])];
  t.match((await n1.ctl(['vm', 'show', 'web'])).stdout, /Failover: +restart elsewhere\n/);
  t.match((await n1.ctl(['vm', 'show', 'db'])).stdout, /Failover: +stay: it waits for its host\n/);
  await n1.json(['host', 'uncordon', 'n1']);
  await n1.json(['host', 'uncordon', 'n2']);

  await n3.kill('SIGKILL');
  const moved = await runningOn('web', [n1, n2]);
  t.not(moved, web);
  t.equal(await processOf(web), undefined, 'the switch has ended it on its lost host');
  t.ok(await processOf(db), 'what stays runs on there');
  t.match(await show('db'), { hostName: 'n3', phase: 'lost' });
  const { stdout } = await n1.ctl(['events', '--kind', 'vm', '--lines', '50']);
  t.match(stdout, /FailedOver: its lease on n3 has run out: it waits for another host/);
});

await t.test('the host comes back: it keeps what stayed, and nothing of what moved', async (t) => {
  const { status } = await show('db');
  await n3.start();
  await until('db is heard from again', 60_000, async () => (await show('db')).phase === 'running');
  t.equal((await show('db')).status.pid, status.pid, 'without a restart');
  await until('nothing of web is left on n3', 60_000, async () => {
    const [states, roots] = await Promise.all([readdir(n3.stateDirectory), readdir(n3.rootsDirectory)]);
    return ![...states, ...roots].some((entry) => entry.startsWith('web'));
  });
  t.match(await show('web'), { phase: 'running', failover: 'restart' });
});

await t.test('the daemon of a host hangs: what is fenced there ends all the same', async (t) => {
  const home = (await show('web')).hostName;
  const [from, other] = [n1, n2, n3].flatMap((host) => (host.name === home ? [host] : []));
  if (from === undefined || other !== undefined) throw new Error(`web is on ${home}`);
  const asked = from === n1 ? n2 : n1;
  const pid = (await show('web')).status.pid ?? 0;
  await from.kill('SIGSTOP');
  try {
    await until('it runs elsewhere', MOVED_MS, async () => {
      const seen = await asked.json<VmSeen>(['vm', 'show', 'web']);
      return seen.phase === 'running' && seen.hostName !== home;
    });
    t.equal(await processOf(pid), undefined, 'it was ended although its daemon is stopped');
  } finally {
    await from.kill('SIGCONT');
  }
  await until('nothing of it is left there', 60_000, async () => !(await readdir(from.stateDirectory)).includes('web'));
});

await t.test('what cannot be is refused in one line', async (t) => {
  t.match(await n1.ctl(['vm', 'create', 'x', '--memory', '96M', '--failover', 'maybe']), {
    code: 2,
    stderr: /^n3xctl: option '--failover <mode>' argument 'maybe' is invalid/,
  });
  t.match(await n1.ctl(['vm', 'create', 'x', '--memory', '96M', '--host-loss-grace', 'soon']), {
    code: 2,
    stderr: /^n3xctl: --host-loss-grace: "soon" is not a duration/,
  });
  t.match(await n1.ctl(['cluster', 'set', 'fence-margin=5s']), {
    code: 2,
    stderr: /^n3xctl: a host could hold a lease of 6000 ms for 690 ms only.*raise lease-ttl/,
  });
  t.match(await n1.ctl(['cluster', 'set', 'lease-ttl=90s']), {
    code: 2,
    stderr: /^n3xctl: lease-ttl: "90s" is out of range/,
  });
  t.match(await n1.ctl(['cluster', 'set', 'lease-ttl=10s', 'clock-error=1%']), { code: 0 });
  t.match((await n1.ctl(['cluster', 'status'])).stdout, /Leases: +10s, clocks wrong by up to 1 %/);
});
