/** Health, restarts and the end of real guests, as the driver sees them. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { inlineVm, isAlive, TestHost } from './test-host.ts';

t.setTimeout(300_000);

const OK = { ok: true };

t.test('a guest falls ill and recovers, also while its daemon is replaced', async (t) => {
  await using host = await TestHost.create();
  const well = join(host.directory, 'well');
  await writeFile(well, '');
  const probe = { type: 'command' as const, argv: ['ls', well] };
  const vm = await inlineVm('ill', {
    health: { probe, intervalSeconds: 1, failures: 2, successes: 2, timeoutSeconds: 10 },
  });
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  const ready = await host.until('ill', (seen) => seen.ready);
  t.match(ready, { unhealthy: undefined, managed: { startedGeneration: 1, again: [] } });
  await rm(well);
  const ill = await host.until('ill', (seen) => seen.unhealthy === true);
  t.match(ill, { ready: true, said: /^command ls: exit code 2: ls: / });
  await host.driver.close();
  await host.restart();
  host.driver.watch([{ vm, power: 'running' }]);
  t.match(await host.until('ill', (seen) => seen.process !== undefined), {
    ready: true,
    unhealthy: true,
    said: ill.said,
  });
  await writeFile(well, '');
  const mended = await host.until('ill', (seen) => seen.unhealthy === undefined && seen.ready);
  t.equal(mended.said, undefined);
});

t.test('how often it was started again is kept beside it', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('again');
  const stop = { type: 'stop', name: 'again', uid: vm.uid, timeoutSeconds: 0 } as const;
  t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  await host.until('again', (seen) => seen.process !== undefined);
  t.same(await host.act({ ...stop, unhealthy: true }), OK);
  const stopped = await host.until('again', (seen) => seen.process === undefined);
  t.match(stopped.lastExit, { code: null, signal: null, unhealthy: true });
  t.same(await host.act({ type: 'start', vm, restarts: 0, again: true }), OK);
  const again = await host.until('again', (seen) => seen.process !== undefined);
  t.equal(again.managed?.again?.length, 1);
  t.equal(again.lastExit, undefined);
  t.same(await host.act(stop), OK);
  const over = await host.until('again', (seen) => seen.process === undefined);
  t.match(over, { lastExit: undefined, managed: { again: [] } }, 'a stop that was asked for forgets');
});

t.test('a guest that is still booting hears of its shutdown once it listens', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('early');
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  const { process: running } = await host.until('early', (seen) => seen.process !== undefined);
  t.same(await host.act({ type: 'stop', name: 'early', uid: vm.uid, timeoutSeconds: 120 }), OK);
  t.notOk(await isAlive(running?.pid ?? 0));
  t.notOk(
    host.lines.some((line) => line.includes('stoppedHard')),
    'asked and not killed',
  );
  t.match(await host.log('early', 'console'), /file systems unmounted, powering off/);
});

t.test('a runner that n3xd supervises itself passes no notification on, and that is said', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('mute', { readiness: { type: 'notify' } });
  host.driver.watch([{ vm, power: 'running' }]);
  t.same(await host.act({ type: 'build', vm }), OK);
  t.same(await host.act({ type: 'start', vm, restarts: 0 }), OK);
  const mute = await host.until('mute', (seen) => seen.said !== undefined);
  t.match(mute, { ready: false, said: /^notify: n3xd supervises this runner itself/ });
});
