import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { exists } from './layout.ts';
import { eventually, inlineVm, isAlive, TestHost, webPort } from './test-host.ts';

t.setTimeout(300_000);

const OK = { ok: true };

t.test('a guest is built, boots, answers, shuts down when asked, and leaves nothing', async (t) => {
  await using host = await TestHost.create();
  const made = await inlineVm('web', {
    volumes: [{ name: 'data', sizeMib: 16, mountPoint: '/data' }],
    readiness: { type: 'http', port: 80 },
  });
  for (const volume of made.volumes ?? []) await host.volumes.store.create(volume);
  const addresses = [{ position: 3, network: 'lan', ipv4: { address: '10.0.0.5', prefix: 24 } }];
  const vm = { ...made, allocation: { ...made.allocation, addresses } };
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  const built = await host.until('web', (seen) => seen.currentRunner !== undefined);
  t.match(built, {
    managed: { uid: 'uid-web', epoch: 7, builtGeneration: 1, restarts: 0 },
    ready: false,
    evaluated: { vcpu: 1, memoryMib: 192 },
  });
  t.equal(await readlink(host.path('web', 'current')), built.currentRunner, 'straight to the store');
  t.same(JSON.parse(await readFile(host.path('web', 'addresses.json'), 'utf8')), addresses);
  t.equal(await readlink(join(host.directory, 'gcroots/web')), host.path('web', 'current'));
  t.match(await readFile(host.path('web', 'flake'), 'utf8'), /^path:\/.*\/definition\n$/);

  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  const ready = await host.until('web', (seen) => seen.ready);
  t.equal(ready.bootedRunner, built.currentRunner);
  t.equal(await readlink(join(host.directory, 'gcroots/booted-web')), host.path('web', 'booted'));
  const page = await fetch(`http://127.0.0.1:${webPort(vm)}/metadata.json`);
  t.match(await page.json(), { name: 'web', vcpu: 1, memoryMib: 192, uid: 'uid-web' });
  t.match(await host.log('web', 'console'), /booting web[\s\S]*mounted \/data[\s\S]*n3x-guest-ready/);

  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK, 'started already');
  t.match(await host.act({ type: 'start', vm, restarts: 1 }), { ok: false, reason: 'StillRunning' });
  t.match(await host.act({ type: 'remove', name: 'web', uid: vm.uid }), { ok: false, reason: 'StillRunning' });

  const abort = new AbortController();
  const { input, output } = await host.driver.openConsole('web', abort.signal);
  input?.write('echo typed-$((40 + 2))\n');
  let printed = '';
  for await (const chunk of output) {
    printed += String(chunk);
    if (printed.includes('typed-42')) break;
  }
  abort.abort();
  t.match(printed, /typed-42/, 'the console can be typed at');

  t.same(await host.act({ type: 'stop', name: 'web', uid: vm.uid, timeoutSeconds: 60 }), OK);
  t.notOk(await isAlive(ready.process?.pid ?? 0));
  const stopped = await host.until('web', (seen) => seen.process === undefined);
  t.equal(stopped.lastExit, undefined, 'a wanted end is no failure');
  t.equal(stopped.bootedRunner, undefined);
  t.match(await host.log('web', 'console'), /file systems unmounted, powering off[\s\S]*Power down/);
  t.notOk(host.lines.some((line) => line.includes('stoppedHard')));
  t.same(await host.act({ type: 'stop', name: 'web', uid: vm.uid, timeoutSeconds: 60 }), OK, 'stopped already');

  for (const volume of made.volumes ?? []) await host.volumes.store.remove(volume);
  t.match(await host.act({ type: 'start', vm, restarts: 1 }), { ok: false, reason: 'VolumeMissing', retriable: true });

  t.same(await host.act({ type: 'remove', name: 'web', uid: vm.uid }), OK);
  t.same(host.observed, []);
  for (const path of ['microvms/web', 'gcroots/web', 'gcroots/booted-web', 'gcroots/old-web']) {
    await t.rejects(lstat(join(host.directory, path)), { code: 'ENOENT' }, path);
  }
  t.same(await host.act({ type: 'remove', name: 'web', uid: vm.uid }), OK, 'removed already');
});

t.test('a VM outlives its daemon, is found again, and is no other process', async (t) => {
  await using host = await TestHost.create();
  await host.driver.close();
  const vm = await inlineVm('keep');
  const script = fileURLToPath(new URL('./test-start-and-wait.ts', import.meta.url));
  const daemon = spawn(process.execPath, [script, host.directory, JSON.stringify(vm)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(daemon.stdout, 'data')) as [Buffer];
  const pid = Number(String(line));
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  t.ok(await isAlive(pid), 'the VM goes on');

  await host.restart();
  host.driver.watch([{ vm, power: 'running' }]);
  const adopted = await host.until('keep', (seen) => seen.ready);
  t.equal(adopted.process?.pid, pid);
  t.match(adopted.managed, { restarts: 2, epoch: 7 });
  t.same(await host.act({ type: 'start', vm, restarts: 2 }), OK, 'nothing to do');
  t.equal((await host.until('keep', (seen) => seen.process !== undefined)).process?.pid, pid);

  process.kill(pid, 'SIGKILL');
  const ended = await host.until('keep', (seen) => seen.process === undefined);
  t.match(ended.lastExit, { code: null, signal: null }, 'how another daemon’s child ended nobody knows');
  t.equal(ended.bootedRunner, undefined);
});

t.test('a guest that ignores the request is stopped hard at the deadline', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('deaf', { modules: '{ microvm.kernelParams = [ "tiny.ignore-shutdown" ]; }' });
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  const { process: running } = await host.until('deaf', (seen) => seen.ready);
  t.same(await host.act({ type: 'stop', name: 'deaf', uid: vm.uid, timeoutSeconds: 10 }), OK);
  t.notOk(await isAlive(running?.pid ?? 0));
  t.match(await host.log('deaf', 'console'), /power button pressed, ignored/);
  t.ok(host.lines.some((line) => line.includes('stoppedHard')));
});

t.test('a guest that ends by itself is reported with its exit', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('brief', { modules: '{ microvm.kernelParams = [ "tiny.exit" ]; }' });
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  const ended = await host.until('brief', (seen) => seen.lastExit !== undefined);
  t.match(ended.lastExit, { code: 0, signal: null, atMs: Number });
  t.equal(ended.process, undefined);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK, 'started again');
  const again = await host.until('brief', (seen) => seen.process !== undefined || seen.lastExit === undefined);
  t.equal(again.lastExit, undefined, 'a start forgets the last exit');
  await eventually(async () => host.observed[0]?.lastExit !== undefined);
});

t.test('two VMs that would take the same from the host do not run together', async (t) => {
  await using host = await TestHost.create();
  const [first, second] = [await inlineVm('first', { cid: 44 }), await inlineVm('second', { cid: 44 })];
  for (const vm of [first, second]) t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm: first, restarts: 0 }), OK);
  const refused = await host.act({ type: 'start', vm: second, restarts: 0 });
  t.match(refused, {
    ok: false,
    reason: 'Collision',
    message: /the vsock id 44 of second is in use by the microVM first/,
  });
  t.same(await host.act({ type: 'stop', name: 'first', uid: first.uid, timeoutSeconds: 0 }), OK);
  t.same(await host.act({ type: 'start', vm: second, restarts: 0 }), OK);
});

t.test('a volume keeps its content over a restart, and a VM does not start without it', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('store', { volumes: [{ name: 'data', sizeMib: 16, mountPoint: '/data' }] });
  const [volume] = vm.volumes ?? [];
  if (volume === undefined) throw new Error('it has a volume');
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  t.match(await host.act({ type: 'start', vm, restarts: 0 }), { ok: false, reason: 'VolumeMissing' });
  await host.volumes.store.create(volume);
  for (const boot of [1, 2]) {
    t.same(await host.act({ type: 'start', vm, restarts: boot }), OK);
    await host.until('store', (seen) => seen.ready && seen.managed?.restarts === boot);
    t.match(await host.log('store', 'console'), new RegExp(`boot ${boot} of this volume`));
    t.match(await host.volumes.store.find(volume), { epoch: 7 }, 'its writer is stamped beside it');
    t.same(await host.act({ type: 'stop', name: 'store', uid: vm.uid, timeoutSeconds: 60 }), OK);
  }
  const newer = { ...vm, volumes: [{ ...volume, writer: 9 }] };
  t.match(await host.act({ type: 'start', vm: newer, restarts: 3 }), {
    ok: false,
    reason: 'VolumeStale',
    message: /volume data \(v5-0\) on n1 was last written at epoch 7, its newest data at 9/,
  });
  await host.volumes.store.remove(volume);
  t.match(await host.act({ type: 'start', vm, restarts: 3 }), { ok: false, reason: 'VolumeMissing' });
  t.notOk(await exists(join(host.directory, 'pool/v5-0')), 'the runner made none in its place');
});
