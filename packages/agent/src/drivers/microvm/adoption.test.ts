import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vmSpecSchema } from '@n3x/core/model/vm';
import type { DriverVm } from '@n3x/core/ports/driver';
import t from 'tap';
import { signalProcess } from '../exec.ts';
import { eventually, isAlive, TestHost } from './test-host.ts';

t.setTimeout(300_000);

/** A microVM as microvm.nix lays it out, started by hand; its runner ends up as a process named like a hypervisor. */
async function makeForeign(host: TestHost, name: string): Promise<{ pid: number; runner: string }> {
  const runner = join(host.directory, 'store', name);
  const directory = join(host.directory, 'microvms', name);
  await mkdir(join(runner, 'bin'), { recursive: true });
  await mkdir(directory, { recursive: true });
  const run = join(runner, 'bin/microvm-run');
  await writeFile(run, `#!/bin/bash\nexec -a microvm@${name} sleep 1000\n`);
  await chmod(run, 0o755);
  await symlink(runner, join(directory, 'current'));
  await symlink(runner, join(directory, 'booted'));
  await writeFile(join(directory, 'flake'), 'github:me/vms\n');
  await writeFile(join(directory, 'data.img'), 'data');
  return { pid: await startForeign(name, run, directory), runner };
}

/** Starts a runner by hand; resolves once its process is what it will be. Before, nobody can tell it for a VM. */
async function startForeign(name: string, run: string, directory: string): Promise<number> {
  const child = spawn(run, { cwd: directory, detached: true, stdio: 'ignore' });
  child.unref();
  const pid = child.pid ?? 0;
  await eventually(async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith(`microvm@${name}\0`));
  return pid;
}

function vmOf(name: string, changes: Partial<DriverVm> = {}): DriverVm {
  const source = { kind: 'flake' as const, ref: 'github:me/vms', attribute: name };
  return {
    ...{ name, uid: `uid-${name}`, epoch: 7, generation: 1, fenced: false, rebuilds: 0 },
    spec: vmSpecSchema.parse({ source, readiness: { type: 'process' } }),
    allocation: { cid: 100, macs: [], interfaceNames: [], hostPorts: [] },
    ...changes,
  };
}

t.test('a microVM is taken over and handed back without touching its process', async (t) => {
  await using host = await TestHost.create();
  const { pid, runner } = await makeForeign(host, 'web');
  t.same(await host.driver.findVms(), [{ kind: 'foreign', name: 'web', pid, flake: 'github:me/vms' }]);
  const vm = vmOf('web');
  await host.driver.adopt(vm);
  await host.driver.adopt(vm);
  const seen = await host.until('web', (found) => found.managed !== undefined);
  t.match(seen, { managed: { uid: vm.uid, epoch: 7, builtGeneration: 1 }, process: { pid }, currentRunner: runner });
  t.same((await readdir(join(host.directory, 'gcroots'))).sort(), ['booted-web', 'web'], 'rooted');
  await host.driver.close();
  await host.restart();
  t.match(await host.until('web', (found) => found.process !== undefined), { process: { pid } }, 'found again');
  await host.driver.release('web', 'another');
  t.match(await host.driver.findVms(), [{ kind: 'managed' }], 'only by its own identity');
  await host.driver.release('web', vm.uid);
  t.ok(await isAlive(pid));
  t.same((await readdir(join(host.directory, 'microvms/web'))).sort(), ['booted', 'current', 'data.img', 'flake']);
  await host.driver.adopt(vmOf('web', { epoch: 9 }));
  t.match(await host.until('web', (found) => found.managed?.epoch === 9), { process: { pid } });
  t.same(await host.act({ type: 'stop', name: 'web', uid: vm.uid, timeoutSeconds: 0 }), { ok: true });
  t.notOk(await isAlive(pid), 'its process is the VM’s');
});

t.test('data that was there when it was taken over is never made anew', async (t) => {
  await using host = await TestHost.create();
  await makeForeign(host, 'web');
  const vm = vmOf('web');
  await host.driver.adopt(vm);
  await host.act({ type: 'stop', name: 'web', uid: vm.uid, timeoutSeconds: 0 });
  await rm(host.path('web', 'data.img'));
  t.match(await host.act({ type: 'start', vm, restarts: 0 }), { ok: false, reason: 'VolumeMissing' });
});

t.test('what is fenced is known to the switch from then on, and spared once it is handed back', async (t) => {
  await using host = await TestHost.create();
  const { pid } = await makeForeign(host, 'web');
  const [run] = await readdir(join(host.directory, 'run'));
  const listed = (list: string) => readdir(join(host.directory, 'run', run ?? '', list));
  const vm = vmOf('web', { fenced: true });
  await host.driver.adopt(vm);
  t.same(await listed('processes'), ['web']);
  await host.driver.release('web', vm.uid);
  t.same([await listed('processes'), await listed('spared')], [[], [String(pid)]]);
  await host.driver.adopt(vm);
  t.same([await listed('processes'), await listed('spared')], [['web'], []]);
  await host.act({ type: 'stop', name: 'web', uid: vm.uid, timeoutSeconds: 0 });
  t.same(await listed('processes'), []);
});

t.test('what cannot be adopted is left alone, and told why', async (t) => {
  await using host = await TestHost.create();
  const { pid } = await makeForeign(host, 'own');
  await writeFile(host.path('own', 'toplevel'), '');
  const nameless = await makeForeign(host, 'nameless');
  await rm(host.path('nameless', 'flake'));
  await mkdir(join(host.directory, 'microvms/empty'));
  const twice = await makeForeign(host, 'twice');
  const directory = join(host.directory, 'microvms/twice');
  const other = await startForeign('twice', join(twice.runner, 'bin/microvm-run'), directory);
  t.teardown(() => {
    for (const one of [pid, nameless.pid, twice.pid, other]) signalProcess(one, 'SIGKILL');
  });
  await t.rejects(host.driver.adopt(vmOf('own')), { reason: 'NotAdoptable', message: /own NixOS configuration/ });
  await t.rejects(host.driver.adoptable('nameless'), { reason: 'NotAdoptable', message: /no file "flake"/ });
  await t.rejects(host.driver.adopt(vmOf('empty')), { reason: 'NotAdoptable', message: /no runner/ });
  await t.rejects(host.driver.adopt(vmOf('absent')), { reason: 'NotFound', message: /no microVM absent/ });
  await t.rejects(host.driver.adopt(vmOf('twice')), { message: /it cannot be told which of them is the VM/ });
  t.ok(await isAlive(pid));
  t.equal(await readlink(host.path('own', 'booted')), join(host.directory, 'store/own'));
});
