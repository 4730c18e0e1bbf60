/** VMs that take their data along: a migration, a drain, and hosts that fail while the data is copied. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, until } from './cluster.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface VmView {
  phase: string;
  hostName: string | null;
  status: { reason: string; message: string };
}
interface VolumeView {
  uid: string;
  host: string | null;
  writer: number;
}

const cluster = await Cluster.create(3);
t.teardown(() => cluster.destroy());
// Slow, so that there is a time at which it is being copied.
for (const host of cluster.hosts) await host.configure('[volumes]\ncopy_mib_per_second = 1\n');
await cluster.form();
const any = cluster.host(0);

/** Runs a command that has to succeed. */
async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await any.ctl(args, { timeoutMs: BOOT_MS });
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

const vm = (): Promise<VmView> => any.json<VmView>(['vm', 'show', 'db']);
const runningOn = (host: string): Promise<unknown> =>
  until(`db runs on ${host}`, BOOT_MS, async () => {
    const { phase, hostName: at } = await vm();
    return phase === 'running' && at === host;
  });
const hostOf = (name: string) => {
  const host = cluster.hosts.find((one) => one.name === name);
  if (host === undefined) throw new Error(`there is no host ${name}`);
  return host;
};

/** What the guest has printed about its volume. */
async function boots(): Promise<string> {
  const { stdout } = await any.ctl(['vm', 'logs', 'db', '--lines', '1000']);
  return /boot (\d+) of this volume/.exec(stdout)?.[1] ?? '';
}

async function hasVolume(host: string, uid: string): Promise<boolean> {
  try {
    await stat(join(hostOf(host).stateDirectory, '.volumes', uid));
    return true;
  } catch {
    return false;
  }
}

t.test('a VM migrates with its volume, and what it was copied from goes once it runs there', async (t) => {
  await ok([
    ...['vm', 'create', 'db', '--memory', '128M', '--net', 'user', '--ready-timeout', '150s'],
    ...['--volume', 'name=data,size=24M,mount=/data'],
  ]);
  await until('db runs', BOOT_MS, async () => (await vm()).phase === 'running');
  const from = (await vm()).hostName ?? '';
  const to = cluster.hosts.map(({ name }) => name).find((name) => name !== from) ?? '';
  t.equal(await boots(), '1');
  await ok(['vm', 'migrate', 'db', '--to', to, '--timeout', '150s']);
  await runningOn(to);
  t.equal(await boots(), '2', 'the guest finds what it wrote');
  const { items } = await any.json<{ items: VolumeView[] }>(['volume', 'list']);
  t.match(items, [{ host: to }]);
  const uid = items[0]?.uid ?? '';
  t.ok(await hasVolume(to, uid));
  await until('the old copy is gone', BOOT_MS, async () => !(await hasVolume(from, uid)));
  const events = await ok(['events', '--lines', '200']);
  t.match(events, /CopyingVolumes: copies data from/);
  t.match(events, /OldCopyRemoved/);
});

t.test('a drained host keeps no data of VMs, also when its n3xd is killed while that is copied', async (t) => {
  const from = (await vm()).hostName ?? '';
  await any.ctl(['host', 'drain', from, '--no-wait']);
  await until('it is being copied', BOOT_MS, async () => {
    const { hostName, status } = await vm();
    return status.reason === 'CopyingVolumes' || hostName !== from;
  });
  await hostOf(from).kill('SIGKILL');
  await hostOf(from).start();
  const others = cluster.hosts.map(({ name }) => name).filter((name) => name !== from);
  await until('db runs elsewhere', BOOT_MS, async () => {
    const { phase, hostName } = await vm();
    return phase === 'running' && others.includes(hostName ?? '');
  });
  t.equal(await boots(), '3');
  await until('the host is empty', BOOT_MS, async () => /drained/.test(await ok(['host', 'show', from])));
});

/** A digest of the image that a host has of a volume. */
async function digest(host: string, uid: string): Promise<string> {
  const image = await readFile(join(hostOf(host).stateDirectory, '.volumes', uid, 'volume.img'));
  return createHash('sha256').update(image).digest('hex');
}

t.test('a volume of no VM moves by itself, and one that stays behind keeps no host from leaving', async (t) => {
  const from = (await vm()).hostName ?? '';
  await ok(['vm', 'delete', 'db', '--keep-volumes', '--wait', '--timeout', '60s']);
  const { items } = await any.json<{ items: VolumeView[] }>(['volume', 'list']);
  t.match(items, [{ host: from }]);
  const uid = items[0]?.uid ?? '';
  const before = await digest(from, uid);
  const to = cluster.hosts.map(({ name }) => name).find((name) => name !== from) ?? '';
  await ok(['host', 'undrain', to]);
  const leaving = await any.ctl(['cluster', 'leave', from]);
  t.match(leaving.stderr, new RegExp(`still has the volumes ${uid}: move them with .n3xctl volume move.`));
  await ok(['volume', 'move', 'data', '--to', to]);
  await hostOf(to).kill('SIGKILL');
  await hostOf(to).start();
  t.match(await ok(['volume', 'move', uid, '--to', to, '--wait', '--timeout', '150s']), /moved to|unchanged/);
  await until('the old copy is gone', BOOT_MS, async () => !(await hasVolume(from, uid)));
  t.equal(await digest(to, uid), before, 'byte for byte');
  t.match(await ok(['volume', 'list']), new RegExp(`${uid} +data +\\(db\\) +kept +${to}`));
});
