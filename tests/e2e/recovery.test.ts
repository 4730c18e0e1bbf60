/**
 * The quorum is lost for good: the survivor goes on under a new identity, another host that was believed lost comes back,
 * fresh and old ones join, whoever still has the old identity is refused. And a backup on a bare host.
 */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testPort } from '@n3x/agent/transport/test-port';
import t from 'tap';
import { Cluster, type Host, n3xd, until } from './cluster.ts';

interface HostView {
  id: number;
  name: string;
  membership: string;
  reachable: boolean;
}

interface VmView {
  name: string;
  phase: string;
  hostName: string | null;
  assignment: { epoch: number } | null;
  status: { pid?: number; reason: string; message: string };
}

interface Status {
  cluster: { id: string; name: string };
  local: { superseded?: boolean };
  leader: { name: string } | null;
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];
const directory = cluster.directory;

const hosts = async (asked: Host): Promise<HostView[]> =>
  (await asked.json<{ items: HostView[] }>(['host', 'list'])).items;
const named = async (asked: Host, name: string): Promise<HostView | undefined> =>
  (await hosts(asked)).find((host) => host.name === name);
const vm = async (asked: Host, name: string): Promise<VmView> => asked.json<VmView>(['vm', 'show', name]);
const status = async (asked: Host): Promise<Status> => asked.json<Status>(['cluster', 'status', '--stale']);
const token = async (asked: Host): Promise<string> => (await asked.json<{ token: string }>(['token', 'create'])).token;
const offline = (host: Host, ...args: string[]) => n3xd([...args, '--config', host.config]);

let oldId = '';
let before: { n1: HostView | undefined; n2: HostView | undefined };
const pids = new Map<string, number | undefined>();
let backupIndex = 0;

await t.test('while all is well: VMs run, a backup is made', async (t) => {
  for (const [name, host] of [
    ['one', 'n1'],
    ['two', 'n2'],
    ['three', 'n3'],
  ] as const) {
    await n1.json([
      'vm',
      'create',
      name,
      '--memory',
      '112M',
      '--host',
      host,
      '--ready',
      'process',
      '--stop-timeout',
      '2s',
    ]);
  }
  for (const name of ['one', 'two', 'three']) {
    await until(`${name} runs`, 150_000, async () => (await vm(n1, name)).phase === 'running');
    pids.set(name, (await vm(n1, name)).status.pid);
  }
  oldId = (await status(n1)).cluster.id;
  before = { n1: await named(n1, 'n1'), n2: await named(n1, 'n2') };

  const file = join(directory, 'state.backup');
  const made = await n2.ctl(['cluster', 'backup', file]);
  t.equal(made.code, 0, made.stderr);
  t.match(made.stdout, /As of: +index \d+\n.*\nHolds: +3 hosts, 3 VMs/);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  const checked = await n2.json<{ clusterId: string; index: number }>(['cluster', 'verify-backup', file]);
  t.equal(checked.clusterId, oldId);
  backupIndex = checked.index;
  await n1.json(['token', 'create']);
  const bytes = await readFile(file);
  await writeFile(join(directory, 'cut.backup'), bytes.subarray(0, bytes.length - 20));
  const cut = await n2.ctl(['cluster', 'verify-backup', join(directory, 'cut.backup')]);
  t.not(cut.code, 0);
  t.match(cut.stderr, /^n3xctl: the backup \S+ is cut short \(at byte \d+\): use another one\n$/);

  const running = await offline(n1, 'recover', 'inspect');
  t.equal(running.code, 2);
  t.match(running.stderr, /^n3xd: n3xd runs on \S+ \(process \d+\): stop it first, .*\n$/);
});

await t.test('two of three are gone: the survivor answers stale reads and says what to do', async (t) => {
  await n2.kill('SIGKILL');
  // What is written now is on n1, without which there is no quorum, and not on n2: n1 knows more from here on.
  await until('n1 and n3 go on', 60_000, () => n1.json(['token', 'create']));
  await n3.kill('SIGKILL');
  const write = await n1.ctl(['vm', 'create', 'x', '--vcpu', '1', '--no-start', '--timeout', '8s']);
  t.equal(write.code, 5);
  t.match(write.stderr, /no quorum.*\nhint: .*n3xd recover --help/);
  const asked = await n1.ctl(['cluster', 'status', '--stale']);
  t.equal(asked.code, 0);
  t.match(asked.stdout, /Next: +bring the missing voters back; if they are gone for good: "n3xd recover --help"/);
  const list = await n1.json<{ items: VmView[] }>(['vm', 'list', '--stale']);
  t.equal(list.items.length, 3);
});

let newId = '';
await t.test('recovery on the survivor that knows most, and on no other', async (t) => {
  await n1.kill('SIGKILL');
  const [r1, r2] = [join(directory, 'n1.json'), join(directory, 'n2.json')];
  const shown = await offline(n1, 'recover', 'inspect', '--output', r1);
  t.equal(shown.code, 0, shown.stderr);
  t.match(shown.stdout, /Host +n1 \(id 1\)\n +Cluster +n3x /);
  t.equal((await offline(n2, 'recover', 'inspect', '--output', r2)).code, 0);

  const plan = await n3xd(['recover', 'plan', r1, r2]);
  t.equal(plan.code, 0, plan.stderr);
  t.match(plan.stdout, /n3 +- +- +no report: taken for lost/);
  t.match(plan.stdout, /LOST +Nothing that was acknowledged: n3 alone, 1 of 3 voters/);
  const best = /Recover on (n\d)/.exec(plan.stdout)?.[1];
  t.equal(best, 'n1');

  const unasked = await offline(n1, 'recover', r2);
  t.equal(unasked.code, 2);
  t.match(
    unasked.stderr,
    /^n3xd: nothing was changed: without a terminal to ask at, agree with --yes --cluster-id \w{8}\n$/,
  );
  await n3.start();
  const alive = await offline(n1, 'recover', '--yes', '--cluster-id', oldId.slice(0, 8));
  t.equal(alive.code, 1);
  t.match(alive.stderr, /nothing was changed: n3xd runs on n3 and answers/);
  await n3.kill('SIGKILL');

  const done = await offline(n1, 'recover', r2, '--yes', '--cluster-id', oldId.slice(0, 8));
  t.equal(done.code, 0, done.stderr);
  newId = /goes on as (\w{32})/.exec(done.stdout)?.[1] ?? '';
  t.not(newId, oldId);
  const kept = await readdir(n1.dataDirectory);
  t.ok(kept.includes('db') && kept.includes(`db-${newId.slice(0, 8)}`), 'the old database is kept beside the new one');
});

await t.test('the survivor goes on: same id, same VMs, nothing restarted', async (t) => {
  await n1.start();
  await until('n1 leads', 60_000, async () => (await status(n1)).leader?.name === 'n1');
  t.equal((await status(n1)).cluster.id, newId);
  t.equal((await named(n1, 'n1'))?.id, before.n1?.id);
  await until('one runs on', 60_000, async () => (await vm(n1, 'one')).phase === 'running');
  t.equal((await vm(n1, 'one')).status.pid, pids.get('one'));
  const two = await vm(n1, 'two');
  t.match(two, { phase: 'lost', hostName: 'n2', status: { reason: 'HostLost' } });
  t.match(
    two.status.message,
    /host n2 was lost when the cluster was recovered: join it again, or give it up with `n3xctl host remove n2`/,
  );
  t.match(await hosts(n1), [{ membership: 'voter' }, { membership: 'lost' }, { membership: 'lost' }]);
  t.equal((await n1.ctl(['vm', 'create', 'after', '--vcpu', '1', '--no-start'])).code, 0, 'it takes writes');
});

await t.test('an old majority comes back: refused, and told what to do', async (t) => {
  await Promise.all([n2.start(), n3.start()]);
  await until('they are a quorum of their own', 60_000, async () => (await status(n2)).leader !== null);
  await until('n2 knows', 60_000, async () => (await status(n2)).local.superseded === true);
  const said = await n2.ctl(['cluster', 'status', '--stale']);
  t.match(said.stdout, /Next: +this cluster was recovered without this host: join it again/);
  t.match(await n2.log(), /"event":"cluster.superseded"/);
  t.match(await hosts(n1), [
    { name: 'n1' },
    { membership: 'lost', reachable: false },
    { membership: 'lost', reachable: false },
  ]);
  t.equal((await status(n1)).cluster.id, newId);

  const held = await n2.ctl(['cluster', 'join', await token(n1)]);
  t.equal(held.code, 4);
  t.match(held.stderr, /has a quorum: leave it first .* join with --abandon\n$/);
});

await t.test('an old survivor joins again with one command, and keeps id, name and VMs', async (t) => {
  // The survivor has moved to another address; what the others knew of it is worth nothing.
  await n1.kill('SIGTERM');
  const text = await readFile(n1.config, 'utf8');
  await writeFile(n1.config, text.replace(`/tcp/${n1.port}"`, `/tcp/${await testPort()}"`));
  await n1.start();
  const one = await token(n1);
  const joined = await n2.ctl(['cluster', 'join', one, '--abandon', '--timeout', '30s'], { timeoutMs: 40_000 });
  t.equal(joined.code, 0, joined.stderr);
  await until('n2 is in', 60_000, async () => {
    const host = await named(n1, 'n2');
    return host?.membership !== 'lost' && host?.membership !== 'joining' && host?.reachable === true;
  });
  t.equal((await named(n1, 'n2'))?.id, before.n2?.id);
  await until('two runs', 60_000, async () => (await vm(n1, 'two')).phase === 'running');
  t.equal((await vm(n2, 'two')).status.pid, pids.get('two'), 'its VM was not touched');
  t.equal((await status(n2)).cluster.id, newId);
  const again = await n2.ctl(['cluster', 'join', one]);
  t.equal(again.code, 0, 'the same token once more is the same join');

  // n3 alone is no quorum, so it needs no flag.
  await until(
    'n3 has lost its quorum',
    60_000,
    async () => (await n3.ctl(['vm', 'list', '--timeout', '5s'])).code === 5,
  );
  const third = await n3.ctl(['cluster', 'join', await token(n2), '--timeout', '30s'], { timeoutMs: 40_000 });
  t.equal(third.code, 0, third.stderr);
  const n4 = await cluster.add('n4');
  await n4.start();
  await n4.json(['cluster', 'join', await token(n3), '--timeout', '30s'], { timeoutMs: 40_000 });
  await until('three vote again', 150_000, async () => {
    const seen = await hosts(n4);
    return seen.filter((host) => host.membership === 'voter').length === 3 && seen.every((host) => host.reachable);
  });
  for (const name of ['one', 'two', 'three']) {
    await until(`${name} runs`, 60_000, async () => (await vm(n4, name)).phase === 'running');
    t.equal((await vm(n4, name)).status.pid, pids.get(name), `${name} ran through it all`);
  }
});

await t.test('a backup makes a cluster again on a bare host', async (t) => {
  const file = join(directory, 'state.backup');
  await Promise.all(cluster.hosts.map((host) => host.kill('SIGKILL')));
  const full = await offline(n1, 'restore', file, '--yes', '--cluster-id', oldId);
  t.equal(full.code, 1);
  t.match(full.stderr, /^n3xd: nothing was changed: \S+ belongs to a member of cluster \w+\. Restore onto a bare host/);

  await rm(n3.dataDirectory, { recursive: true });
  await rm(join(n3.stateDirectory, 'three'), { recursive: true });
  const broken = await offline(n3, 'restore', join(directory, 'cut.backup'), '--yes', '--cluster-id', oldId);
  t.equal(broken.code, 1);
  t.match(broken.stderr, /is cut short/);
  const done = await offline(n3, 'restore', file, '--yes', '--cluster-id', oldId);
  t.equal(done.code, 0, done.stderr);
  t.match(done.stdout, new RegExp(`as of index ${backupIndex}: 3 hosts, 3 VMs`));
  t.match(done.stdout, /Held back, because their files are not here: VM three/);
  await n3.start();
  await until('n3 leads', 60_000, async () => (await status(n3)).leader?.name === 'n3');
  t.not((await status(n3)).cluster.id, newId);
  t.match(await hosts(n3), [
    { name: 'n1', membership: 'lost' },
    { name: 'n2', membership: 'lost' },
    { name: 'n3', membership: 'voter' },
  ]);
  t.equal((await vm(n3, 'three')).phase, 'stopped', 'it does not start with empty disks by itself');
  t.equal((await vm(n3, 'one')).phase, 'lost');
});
