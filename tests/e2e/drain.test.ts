/** VMs that move between real daemons: a drain through the death of a leader, migrations, what stays, a plan. */
import { readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { Cluster, type Host, until } from './cluster.ts';
import { commandOf, processesIn } from './processes.ts';

/** Time that a busy machine may take over what needs several builds and starts of processes, in ms. */
const MOVES_MS = 160_000;

interface VmSeen {
  readonly name: string;
  readonly hostName: string | null;
  readonly phase: string;
  readonly movingTo?: string;
}

interface HostSeen {
  readonly vms: number;
  readonly drain?: { readonly outcome?: string; readonly message?: string };
}

const cluster = await Cluster.create(3);
t.teardown(() => cluster.destroy());
for (const host of cluster.hosts) await host.configure('[capacity]\nvcpu = 8\nmemory = "2G"\n');
await cluster.form();
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];

const create = (name: string, ...flags: string[]): string[] => [
  'vm',
  'create',
  name,
  '--memory',
  '128M',
  '--ready',
  'process',
  '--stop-timeout',
  '2s',
  ...flags,
];

/** A host that runs, to ask. */
function alive(): Host {
  const host = cluster.hosts.find(({ running }) => running);
  if (host === undefined) throw new Error('no host runs');
  return host;
}

const list = async (): Promise<readonly VmSeen[]> => (await alive().json<{ items: VmSeen[] }>(['vm', 'list'])).items;

/** Names of the VMs of which a hypervisor runs on a host. */
async function running(host: Host): Promise<string[]> {
  const names: string[] = [];
  for (const { name } of await list()) {
    for (const pid of await processesIn(join(host.stateDirectory, name))) {
      if (/qemu-system/.test(await commandOf(pid))) names.push(name);
    }
  }
  return names.sort();
}

/** Waits until exactly these run on a host: a VM's process counts as running before it has become the hypervisor. */
const runThere = (host: Host, names: readonly string[]): Promise<unknown> =>
  until(`${names.join(', ')} run on ${host.name}`, MOVES_MS, async () => String(await running(host)) === String(names));

/** VMs that were seen to run twice. */
const twice: string[] = [];
let watching = true;
/** Samples what runs where, from outside. */
async function watch(): Promise<void> {
  while (watching) {
    const hosts = new Map<string, string>();
    for (const pid of await processesIn(cluster.directory)) {
      const directory = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (!/qemu-system/.test(await commandOf(pid))) continue;
      const name = basename(directory);
      if (hosts.has(name) && hosts.get(name) !== directory) twice.push(name);
      hosts.set(name, directory);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const settled = (host: Host, names: readonly string[]): Promise<unknown> =>
  until(`${names.join(', ')} run on ${host.name}`, MOVES_MS, async () => {
    const seen = (await list()).filter(({ name }) => names.includes(name));
    return seen.length === names.length && seen.every((vm) => vm.phase === 'running' && vm.hostName === host.name);
  });

const NAMES = ['web-1', 'web-2', 'web-3'];
const watcher = watch();
t.teardown(async () => {
  watching = false;
  await watcher;
});

await t.test('a drain goes on when the leader dies, and says what stays', async (t) => {
  for (const name of ['n2', 'n3']) await n1.json(['host', 'cordon', name]);
  for (const name of NAMES) await n1.json(create(name));
  await n1.json(create('pinned', '--host', 'n1', '--failover', 'stay'));
  await settled(n1, [...NAMES, 'pinned']);
  for (const name of ['n2', 'n3']) await n1.json(['host', 'uncordon', name]);

  const begun = await n2.ctl(['host', 'drain', 'n1', '--parallel', '1', '--no-wait']);
  t.equal(begun.code, 0, begun.stderr);
  t.match(begun.stdout, /^host n1: drain begun \(0 of 4 moved/);
  await until('one is on its way', 60_000, async () => (await list()).some(({ hostName }) => hostName !== 'n1'));
  const leader = await cluster.leader();
  await leader.kill('SIGKILL');
  await until('the others go on', 60_000, async () => (await list()).length === 4);
  await leader.start();

  const stuck = await n3.ctl(['host', 'drain', 'n1', '--parallel', '1', '--timeout', '110s'], { timeoutMs: MOVES_MS });
  t.equal(stuck.code, 7, stuck.stdout);
  t.match(stuck.stderr, /n3xctl: host n1 is not empty: nothing more can be moved, 3 of 4 moved, 1 stuck\n/);
  t.match(stuck.stderr, /pinned: is to stay on its host \(failover: stay\)\n/);
  t.match((await n2.ctl(['host', 'list'])).stdout, /n1 +stuck 3\/4/);
  t.match((await n2.ctl(['host', 'show', 'n1'])).stdout, /Drain: +stuck, 3 of 4 moved, at most 1 at a time/);
  await runThere(n1, ['pinned']);
  await until('all run elsewhere', MOVES_MS, async () => {
    const all = [...(await running(n2)), ...(await running(n3))].sort();
    return String(all) === String(NAMES);
  });

  await n2.json(['vm', 'delete', 'pinned', '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  const drained = await n2.ctl(['host', 'drain', 'n1', '--parallel', '1'], { timeoutMs: 60_000 });
  t.equal(drained.code, 0, drained.stderr);
  t.match(drained.stdout, /^host n1: drained \(4 VMs moved\)/);
  t.match(await n2.json<HostSeen>(['host', 'show', 'n1']), { vms: 0, drain: { outcome: 'drained' } });
  const events = await n2.ctl(['events', '--kind', 'host', '--name', 'n1']);
  t.match(events.stdout, /Draining[\s\S]*DrainStuck[\s\S]*1 VM stays: pinned[\s\S]*Drained/);
});

await t.test('a VM is migrated to where a user wants it', async (t) => {
  const refused = await n1.ctl(['vm', 'migrate', 'web-1', '--to', 'n1']);
  t.match(refused, { code: 7, stderr: /^n3xctl: VM web-1 cannot go to n1: it is cordoned\./ });
  t.match(await n1.ctl(['vm', 'migrate', 'web-1', '--to', 'n9']), { code: 3, stderr: /did you mean n1\?/ });
  t.equal((await n1.ctl(['host', 'undrain', 'n1'])).stdout, 'host n1: takes VMs again\n');
  const moved = await n2.ctl(['vm', 'migrate', 'web-1', '--to', 'n1', '--wait'], { timeoutMs: MOVES_MS });
  t.equal(moved.code, 0, moved.stderr);
  t.match(moved.stdout, /^vm web-1: moved \(running on n1\)\n/);
  await runThere(n1, ['web-1']);
  const away = await n2.json<{ vm: VmSeen }>(['vm', 'migrate', 'web-1']);
  t.match(away.vm.movingTo, /^n[23]$/, 'without a name it goes to the best');
  await until('it has gone', MOVES_MS, async () => (await running(n1)).length === 0);
});

await t.test('an evacuation, and a plan that evens the hosts out again', async (t) => {
  for (const name of NAMES) {
    await until(
      `${name} rests`,
      MOVES_MS,
      async () => (await n1.json<VmSeen>(['vm', 'show', name])).phase === 'running',
    );
    if ((await n1.json<VmSeen>(['vm', 'show', name])).hostName !== 'n2') {
      const moved = await n1.ctl(['vm', 'migrate', name, '--to', 'n2', '--wait'], { timeoutMs: MOVES_MS });
      t.equal(moved.code, 0, moved.stderr);
    }
  }
  await runThere(n2, NAMES);
  const dry = await n1.ctl(['cluster', 'rebalance', '--dry-run', '--max', '1']);
  t.match(dry, { code: 0, stdout: /^VM +FROM +TO +GAIN\nweb-\d +n2 +n[13] +\d+\.\d\n$/ });
  t.same(await running(n2), NAMES, 'it changed nothing');
  const plan = await n1.ctl(['cluster', 'rebalance']);
  t.match(plan.stdout, /\ncluster: 2 VMs on the move\n$/);
  await until('one on each', MOVES_MS, async () => {
    const counts = await Promise.all(cluster.hosts.map(running));
    return counts.every(({ length }) => length === 1);
  });
  t.match((await n1.ctl(['cluster', 'rebalance', '--dry-run'])).stdout, /^nothing to be gained/);
  const gone = await n1.ctl(['host', 'evacuate', 'n3'], { timeoutMs: MOVES_MS });
  t.match(gone, { code: 0, stdout: /^host n3: drained \(1 VM moved\)/ });
  await until('it runs elsewhere', MOVES_MS, async () => {
    const left = [...(await running(n1)), ...(await running(n2))].sort();
    return String(left) === String(NAMES);
  });
  t.same(await running(n3), []);
});

t.same(twice, [], 'at no time did a VM run on two hosts');
