/** The life of real microVMs on a cluster of three: made, read, typed to, adopted, restarted, deleted. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testPort } from '@n3x/agent/transport/test-port';
import t from 'tap';
import { Cluster, GUEST, type Host, until } from './cluster.ts';
import { commandOf, type ProcessIdentity, processesIn, processOf } from './processes.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface VmView {
  phase: string;
  hostName: string | null;
  power: string;
  restarts: number;
  allocation: { cid: number; macs: string[]; interfaceNames: string[]; hostPorts: number[] };
  status: { pid?: number; evaluated?: { vcpu: number; memoryMib: number } };
}

interface Metadata {
  name: string;
  vcpu: number;
  memoryMib: number;
  bootId: string;
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];
const port = await testPort();
/** What `web` is made with; it lives on n3, and most is asked of n1. */
const web = (memory = '128M'): string[] => {
  const guest = ['--memory', memory, '--net', 'user', '--forward', `${port}:80`, '--host', 'n3'];
  return ['vm', 'create', 'web', ...guest, '--ready', 'http:80', '--ready-timeout', '150s'];
};

const show = (host: Host, name: string): Promise<VmView> => host.json<VmView>(['vm', 'show', name]);
const metadata = async (): Promise<Metadata> =>
  (await (
    await fetch(`http://127.0.0.1:${port}/metadata.json`, { signal: AbortSignal.timeout(20_000) })
  ).json()) as Metadata;

/** The VM's process as its host reports it; checked to be QEMU in the VM's state directory. */
async function processOfVm(host: Host, name: string): Promise<ProcessIdentity> {
  const { status } = await show(n1, name);
  const found = await processOf(status.pid ?? 0);
  const there = await processesIn(join(host.stateDirectory, name));
  if (found === undefined || !there.includes(found.pid)) throw new Error(`${name} has no process ${status.pid}`);
  if (!/qemu-system/.test(await commandOf(found.pid))) throw new Error(`${found.pid} is not QEMU`);
  return found;
}

/** Waits until the VM runs and has reported its process. */
async function running(host: Host, name: string): Promise<ProcessIdentity> {
  return until(`${name} runs on ${host.name}`, BOOT_MS, async () => {
    if ((await show(n1, name)).phase !== 'running') return false;
    return processOfVm(host, name);
  });
}

/** Entries of a directory, beside the pool of volumes that is there by default; none when it is missing. */
const entries = async (directory: string): Promise<string[]> =>
  (await readdir(directory).catch(() => [])).filter((entry) => entry !== '.volumes');

/** Does something while `vm logs -f` runs on a host, and waits for what it shall show. */
async function whileFollowing(host: Host, name: string, work: () => Promise<void>, shows: RegExp): Promise<void> {
  const follower = host.session(['vm', 'logs', name, '--follow', '--lines', '1']);
  try {
    await follower.prints(/./);
    await work();
    await follower.prints(shows);
  } finally {
    follower.kill();
  }
}

/** Asks the guest's shell, through `vm console` with its input from a pipe, for something only it can answer. */
async function askShell(host: Host, name: string, word: string): Promise<void> {
  const console = host.session(['vm', 'console', name]);
  try {
    await console.prints(/attached to vm/);
    // The shell begins with the first key; what is typed while it does is lost, so it is typed until it answers.
    await until(`the shell of ${name} answers on ${host.name}`, BOOT_MS, async () => {
      console.types(`\necho ${word}-$((6 * 7))\n`);
      return console.prints(new RegExp(`${word}-42`), 3_000).then(() => true);
    });
    console.types('\x1d');
    t.equal(await console.ended(), 0, `Ctrl-] detaches from the console, asked of ${host.name}`);
    t.match(console.complained, /detached/);
  } finally {
    console.kill();
  }
}

await t.test('created on one host, it boots on the host it is meant for', async (t) => {
  const made = await n1.ctl([...web(), '--wait', '--timeout', '170s'], { timeoutMs: 180_000 });
  t.equal(made.code, 0, made.stderr);
  const vm = await show(n2, 'web');
  t.match(vm, { phase: 'running', hostName: 'n3' });
  t.match(await processOfVm(n3, 'web'), { pid: vm.status.pid });
  t.match(await metadata(), { name: 'web', vcpu: 1, memoryMib: 128 });
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  t.match(page, /<th>name<td>web[\s\S]*<th>vcpu<td>1 of 1[\s\S]*<th>memory<td>128 MiB/);
  t.same(
    (await entries(n3.rootsDirectory)).sort(),
    ['booted-web', 'web'],
    'what it was built from is kept from the garbage collector',
  );
  t.same([...(await entries(n1.stateDirectory)), ...(await entries(n2.stateDirectory))], [], 'and nothing elsewhere');
});

await t.test('the same again changes nothing, another spec is a conflict', async (t) => {
  const before = await n1.json<VmView>(['vm', 'show', 'web']);
  const again = await n2.ctl([...web(), '--wait', '--timeout', '60s'], { timeoutMs: 90_000 });
  t.equal(again.code, 0, again.stderr);
  t.match(again.stdout, /vm web: unchanged/);
  const other = await n1.ctl(web('160M'));
  t.equal(other.code, 4);
  t.match(other.stderr, /web exists with another spec: memoryMib is 128, asked for 160/);
  t.equal(other.stderr.trim().split('\n').length, 1, 'one line');
  t.same(await show(n1, 'web'), before);
});

await t.test('logs and console, from its host and from another', async (t) => {
  for (const host of [n3, n1]) {
    const log = await host.ctl(['vm', 'logs', 'web']);
    t.equal(log.code, 0, log.stderr);
    t.match(log.stdout, /tiny-guest: booting web: 1 vcpu, 128 MiB[\s\S]*n3x-guest-ready/, host.name);
  }
  await askShell(n3, 'web', 'here');
  await whileFollowing(n2, 'web', () => askShell(n1, 'web', 'there'), /there-42/);
  t.match(await (await n2.ctl(['vm', 'logs', 'web', '--lines', '20'])).stdout, /there-42/);
});

await t.test('SIGTERM and kill -9 of the n3xd that has it leave it alone', async (t) => {
  const before = await processOfVm(n3, 'web');
  const { bootId } = await metadata();
  const { restarts, allocation } = await show(n1, 'web');
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await n3.kill(signal);
    await Promise.all(
      [n1, n2].map((host) =>
        until(`${host.name} answers`, 60_000, async () =>
          (await host.ctl(['vm', 'list', '-q'])).stdout.includes('web'),
        ),
      ),
    );
    t.same(await processOf(before.pid), before, `${signal}: the VM's process is untouched`);
    t.match(await metadata(), { bootId }, 'and serves');
    await n3.start();
    t.same(await running(n3, 'web'), before, 'the next n3xd adopts it again');
    t.match(await metadata(), { bootId }, 'the guest has not been booted again');
    t.match(await show(n1, 'web'), { restarts, allocation, status: { pid: before.pid } });
  }
});

await t.test('restart gives it a new process, stop lets it shut down, start boots it', async (t) => {
  const before = await processOfVm(n3, 'web');
  const first = await metadata();
  const restarted = await n1.ctl(['vm', 'restart', 'web', '--wait', '--timeout', '170s'], { timeoutMs: 180_000 });
  t.equal(restarted.code, 0, restarted.stderr);
  const after = await processOfVm(n3, 'web');
  t.not(after.pid, before.pid);
  t.equal(await processOf(before.pid), undefined);
  const second = await metadata();
  t.not(second.bootId, first.bootId);

  const stop = async (): Promise<void> => {
    const stopped = await n2.ctl(['vm', 'stop', 'web', '--wait', '--timeout', '90s'], { timeoutMs: 100_000 });
    t.equal(stopped.code, 0, stopped.stderr);
  };
  await whileFollowing(
    n1,
    'web',
    stop,
    /power button pressed, shutting down[\s\S]*file systems unmounted, powering off/,
  );
  t.match(await show(n1, 'web'), { phase: 'stopped', power: 'stopped' });
  t.same(await processesIn(n3.stateDirectory), [], 'nothing of it runs');
  t.same(await entries(n3.rootsDirectory), ['web'], 'nothing is booted, and what it starts from is kept');

  const started = await n1.ctl(['vm', 'start', 'web', '--wait', '--timeout', '170s'], { timeoutMs: 180_000 });
  t.equal(started.code, 0, started.stderr);
  t.not((await metadata()).bootId, second.bootId);
});

await t.test('ended from outside, it is started again', async (t) => {
  const before = await processOfVm(n3, 'web');
  process.kill(before.pid, 'SIGKILL');
  const after = await until('another process', BOOT_MS, async () => {
    const now = await running(n3, 'web');
    return now.pid === before.pid ? false : now;
  });
  t.ok(after.pid > 0);
  t.match(await metadata(), { name: 'web' });
});

await t.test("a guest of the user's own flake, and what is unique between VMs", async (t) => {
  const flake = join(cluster.directory, 'flake');
  await mkdir(flake);
  await writeFile(
    join(flake, 'flake.nix'),
    `{
  inputs.guest.url = "path:${GUEST}";
  outputs = { guest, ... }: {
    nixosConfigurations.hello = guest.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [
        guest.nixosModules.microvm
        { networking.hostName = "hello"; microvm.mem = 112; }
      ];
    };
  };
}
`,
  );
  const made = await n2.ctl(
    ['vm', 'create', 'hello', '--flake', `path:${flake}#hello`, '--host', 'n1', '--wait', '--timeout', '170s'],
    { timeoutMs: 180_000 },
  );
  t.equal(made.code, 0, made.stderr);
  t.match(await show(n1, 'hello'), { phase: 'running', hostName: 'n1', status: { evaluated: { memoryMib: 112 } } });
  t.match((await n3.ctl(['vm', 'logs', 'hello'])).stdout, /booting hello: 1 vcpu, 112 MiB/);
  t.notOk(await readFile(join(flake, 'flake.lock')).catch(() => false), "nothing is written into the user's flake");

  const nets = ['--net', 'user', '--net', 'tap', '--forward', '80', '--forward', '443'];
  await n1.json(['vm', 'create', 'tap1', ...nets, '--no-start']);
  await n2.json(['vm', 'create', 'tap2', ...nets, '--no-start']);
  const all = await Promise.all(
    ['web', 'hello', 'tap1', 'tap2'].map(async (name) => (await show(n1, name)).allocation),
  );
  for (const [what, values] of [
    ['CIDs', all.map((one) => one.cid)],
    ['MACs', all.flatMap((one) => one.macs)],
    ['interface names', all.flatMap((one) => one.interfaceNames)],
    ['host ports', all.flatMap((one) => one.hostPorts)],
  ] as const) {
    t.equal(new Set<number | string>(values).size, values.length, `${what}: ${values.join(' ')}`);
  }
  t.ok(all.flatMap((one) => one.interfaceNames).every((name) => name.length <= 15));
});

await t.test('deleted, nothing of it is left', async (t) => {
  for (const [name, host] of [
    ['web', n3],
    ['hello', n1],
  ] as const) {
    const deleted = await n2.ctl(['vm', 'delete', name, '--wait', '--timeout', '90s'], { timeoutMs: 100_000 });
    t.equal(deleted.code, 0, deleted.stderr);
    t.equal((await n1.ctl(['vm', 'show', name])).code, 3);
    t.same(await processesIn(host.stateDirectory), []);
    t.same(await entries(host.stateDirectory), []);
    t.same(await entries(host.rootsDirectory), []);
  }
});
