/** Sets of VMs as a whole between real daemons: asked about, stopped, started, restarted; and VMs that move as one. */
import t from 'tap';
import { Cluster, until } from './cluster.ts';

/** Time that a busy machine may take over what needs several builds and starts of processes, in ms. */
const WORK_MS = 150_000;

interface SetSeen {
  readonly state: string;
  readonly power?: string;
  readonly members: { readonly name: string; readonly phase: string; readonly hostName: string | null }[];
}

interface VmSeen {
  readonly phase: string;
  readonly power: string;
  readonly hostName: string | null;
  readonly moving?: object;
  readonly status: { readonly pid?: number };
}

const cluster = await Cluster.create(3);
t.teardown(() => cluster.destroy());
for (const host of cluster.hosts) await host.configure('[capacity]\nvcpu = 8\nmemory = "2G"\n');
await cluster.form();
const n1 = cluster.host(0);

const WAIT = ['--wait', '--timeout', `${WORK_MS}ms`];
const FLAGS = ['--memory', '128M', '--ready', 'process', '--stop-timeout', '2s'];

/** What n3xctl prints; throws with what it said when it fails. */
async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await n1.ctl(args, { timeoutMs: WORK_MS + 30_000 });
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

const show = (name: string): Promise<VmSeen> => n1.json<VmSeen>(['vm', 'show', name]);
const set = (): Promise<SetSeen> => n1.json<SetSeen>(['vm', 'show', 'web']);
const pids = async (names: readonly string[]): Promise<(number | undefined)[]> =>
  await Promise.all(names.map(async (name) => (await show(name)).status.pid));

await t.test('a set is asked about, made, and not started', async (t) => {
  const plan = await ok('vm', 'create', 'web', '--replicas', '3', ...FLAGS, '--dry-run');
  t.match(plan, /^set web: 0 of 3 VMs have a host, 3 would get one\n/);
  t.equal(new Set(plan.match(/\(n\d\)/g)).size, 3, 'each on a host of its own');
  t.match(plan, /nothing was changed\n$/);
  t.equal(await ok('vm', 'list', '-q'), '');
  await ok('vm', 'create', 'web', '--replicas', '2', ...FLAGS, '--no-start', ...WAIT);
  t.match(await set(), { state: 'stopped', power: 'stopped', members: [{ phase: 'stopped' }, { phase: 'stopped' }] });
  t.match(await ok('vm', 'explain', 'web'), /web-1 +\(n\d\) +would go to n\d, if it were started/);
  t.match(await n1.ctl(['vm', 'restart', 'web']), {
    code: 7,
    stderr: /is stopped: start it with `n3xctl vm start web`/,
  });
});

await t.test('it starts, restarts one by one, and stops as a whole', async (t) => {
  const names = ['web-0', 'web-1'];
  t.match(await ok('vm', 'start', 'web', ...WAIT), /^set web: start requested \(2 of 2 ready/);
  const first = await pids(names);
  t.ok(first.every((pid) => pid !== undefined));
  t.match(await ok('vm', 'explain', 'web'), /^set web: 2 of 2 VMs have a host\n/);
  t.match(await ok('vm', 'restart', 'web', ...WAIT), /^set web: restart requested \(2 of 2 ready/);
  const second = await pids(names);
  t.ok(second.every((pid, at) => pid !== undefined && pid !== first[at]));
  await ok('vm', 'stop', 'web', ...WAIT);
  t.same(await pids(names), [undefined, undefined]);
  await ok('vm', 'scale', 'web', '--replicas', '3', ...WAIT);
  t.match(await show('web-2'), { power: 'stopped', phase: 'stopped' });
  await ok('vm', 'start', 'web', ...WAIT);
  t.match(await show('web-2'), { power: 'running', phase: 'running' });
  await ok('vm', 'delete', 'web', ...WAIT);
});

await t.test('VMs that are near each other move as one, and a move is taken back', async (t) => {
  const near = ['--label', 'app=pair', '--near', 'app=pair'];
  await ok('vm', 'create', 'a', ...FLAGS, ...near, ...WAIT);
  await ok('vm', 'create', 'b', ...FLAGS, ...near, ...WAIT);
  const from = (await show('a')).hostName;
  t.equal((await show('b')).hostName, from);
  t.match(await n1.ctl(['vm', 'migrate', 'a']), {
    code: 7,
    stderr: /goes only together with b \(near app=pair\): `n3xctl vm migrate a --together` moves them all/,
  });
  t.match(await ok('vm', 'migrate', 'a', '--together', ...WAIT), /^vm a: moved \(running on n\d\)/);
  const to = (await show('a')).hostName;
  t.not(to, from);
  await until('b has come along', WORK_MS, async () => {
    const b = await show('b');
    return b.hostName === to && b.phase === 'running';
  });
  t.match(
    await n1.ctl(['host', 'drain', to ?? '', '--parallel', '1', '--timeout', `${WORK_MS}ms`], { timeoutMs: WORK_MS }),
    {
      code: 0,
      stdout: /drained/,
    },
  );
  t.equal((await show('a')).hostName, (await show('b')).hostName);
  await ok('vm', 'create', 'c', ...FLAGS, ...WAIT);
  await ok('vm', 'migrate', 'c');
  await ok('vm', 'migrate', 'c', '--cancel', ...WAIT);
  const c = await show('c');
  t.equal(c.moving, undefined);
  t.equal(c.phase, 'running');
  t.match(await ok('vm', 'migrate', 'c', '--cancel'), /^vm c: unchanged, it does not move/);
});
