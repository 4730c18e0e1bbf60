/** A microVM that was there before: taken over and handed back while it runs, on a cluster of three. */
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, GUEST, until } from './cluster.ts';
import { processesIn, processOf } from './processes.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface VmView {
  phase: string;
  hostName: string | null;
  spec: { failover?: string; vcpu: number; source: { kind: string; ref: string; attribute: string } };
  status: { pid?: number; reason: string; message: string };
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2] = [cluster.host(0), cluster.host(1)];
const show = (name: string): Promise<VmView> => n1.json<VmView>(['vm', 'show', name]);
const flake = `path:${GUEST}#hello`;

async function running(): Promise<number> {
  return until('hello runs', BOOT_MS, async () => {
    const vm = await show('hello');
    return vm.phase === 'running' && (vm.status.pid ?? false);
  });
}

await t.test('a VM is handed back as it runs, and its host keeps all of it', async (t) => {
  const create = ['vm', 'create', 'hello', '--flake', flake, '--host', 'n2', '--ready', 'process'];
  const made = await n1.ctl(create, { timeoutMs: 60_000 });
  t.equal(made.code, 0, made.stderr);
  const pid = await running();
  const before = await processOf(pid);
  const released = await n1.ctl(['vm', 'release', 'hello'], { timeoutMs: 60_000 });
  t.equal(released.code, 0, released.stderr);
  t.same((await n1.json<{ items: unknown[] }>(['vm', 'list'])).items, []);
  t.same(await processOf(pid), before, 'the same process');
  const files = await readdir(join(n2.stateDirectory, 'hello'));
  t.ok(files.includes('flake') && files.includes('current') && !files.includes('n3x.json'), files.join(' '));
  await n2.kill('SIGTERM');
  await n2.start();
  t.same(await processOf(pid), before, 'n3xd has nothing to do with it any more');
});

/** What is in the state directory of n2, beside the pool of volumes that is there by default. */
async function microvms(): Promise<string[]> {
  return (await readdir(n2.stateDirectory)).filter((entry) => entry !== '.volumes');
}

await t.test('what is on a host is adopted without a restart', async (t) => {
  const pid = Number((await processesIn(join(n2.stateDirectory, 'hello')))[0]);
  const before = await processOf(pid);
  t.match(await n1.ctl(['vm', 'adopt', 'other', '--host', 'n2'], { timeoutMs: 60_000 }), {
    code: 3,
    stderr: /there is no microVM other on this host/,
  });
  const adopted = await n1.ctl(['vm', 'adopt', '--all', '--host', 'n2'], { timeoutMs: 120_000 });
  t.equal(adopted.code, 0, adopted.stderr);
  t.match(adopted.stdout, /vm hello: adopted on n2/);
  t.equal(await running(), pid, 'its process is the one that ran before');
  t.same(await processOf(pid), before);
  t.match(await show('hello'), {
    hostName: 'n2',
    spec: { failover: 'stay', vcpu: 1, source: { kind: 'flake', ref: `path:${GUEST}`, attribute: 'hello' } },
  });
  t.match(await n1.ctl(['vm', 'adopt', '--all', '--host', 'n2'], { timeoutMs: 60_000 }), {
    code: 0,
    stdout: 'host n2: nothing to adopt\n',
  });
  await n2.kill('SIGKILL');
  await n2.start();
  t.equal(await running(), pid, 'and stays it through a restart of n3xd');
  const gone = await n1.ctl(['vm', 'delete', 'hello', '--wait', '--timeout', '100s'], { timeoutMs: 110_000 });
  t.equal(gone.code, 0, gone.stderr);
  t.equal(await processOf(pid), undefined);
  t.same(await microvms(), []);
  t.same(await readdir(n2.rootsDirectory), []);
});

await t.test('what is left on a host is listed, and cleaned on request', async (t) => {
  const own = join(n2.stateDirectory, 'own');
  await mkdir(own);
  await writeFile(join(own, 'toplevel'), '');
  await symlink('/nix/store/none', join(own, 'current'));
  await mkdir(join(n2.stateDirectory, '.old.removed'));
  const root = join(n2.rootsDirectory, 'booted-old');
  await symlink(join(n2.stateDirectory, 'old/booted'), root);
  const listed = await n1.ctl(['host', 'orphans', 'n2']);
  t.match(listed.stdout, /n2 +gc root +\S+booted-old +unknown/);
  t.match(listed.stdout, /n2 +directory +\S+\.old\.removed +n3x/);
  t.match(listed.stdout, /n2 +own +- +it belongs to the host's own NixOS configuration/);
  t.match(await n1.ctl(['vm', 'adopt', 'own', '--host', 'n2']), { code: 1, stderr: /take it out of microvm.vms/ });
  const first = await n1.ctl(['host', 'orphans', 'clean', 'n2', '--yes']);
  t.match(first.stdout, /^directory \S+\.old\.removed: cleaned\n$/);
  t.same(await readdir(n2.rootsDirectory), ['booted-old'], 'what n3x may not have made stays without consent');
  const second = await n1.ctl(['host', 'orphans', 'clean', 'n2', '--yes', '--confirm']);
  t.match(second.stdout, /^gc root \S+booted-old: cleaned\n$/);
  t.same([await readdir(n2.rootsDirectory), await microvms()], [[], ['own']]);
});
