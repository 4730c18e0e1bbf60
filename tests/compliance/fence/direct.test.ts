/** The watchdog process. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signalGroup, signalProcess } from '@n3x/agent/drivers/exec';
import t from 'tap';
import { RealHost } from './real-host.ts';
import { fenceCompliance } from './suite.ts';

t.setTimeout(300_000);

fenceCompliance('watchdog process', () => RealHost.create('direct'));

async function makeHost(t: { teardown(work: () => Promise<void>): void }): Promise<RealHost> {
  const host = await RealHost.create('direct');
  t.teardown(() => host.stop());
  return host;
}

t.test('a VM that is stopped by a signal is killed all the same', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  t.same(await host.arm(host.now() + 1000), { ok: true });
  await host.startVm('a', true);
  signalGroup(await host.pid('a'), 'SIGSTOP');
  await host.loseDaemon('stopped');
  await host.until(async () => !(await host.runs('a')));
  await host.until(async () => (await host.watchdogs()).length === 0);
  t.pass('and the watchdog ends when its work is done');
});

t.test('to arm anew starts no process', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  t.same(await host.arm(host.now() + 60_000), { ok: true });
  const [watchdog] = await host.watchdogs();
  for (let at = 0; at < 5; at++) t.same(await host.arm(host.now() + 60_000 + at * 100), { ok: true });
  t.same(await host.watchdogs(), [watchdog]);
});

t.test('a watchdog that something happened to is replaced', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    t.same(await host.arm(host.now() + 60_000), { ok: true });
    const [first = 0] = await host.watchdogs();
    signalProcess(first, signal);
    await host.until(async () => (await host.watchdogs()).length === 0 || signal === 'SIGSTOP');
    t.same(await host.arm(host.now() + 60_000), { ok: true }, signal);
    t.ok((await host.watchdogs()).some((pid) => pid !== first));
    if (signal === 'SIGSTOP') signalProcess(first, 'SIGCONT');
    await host.until(async () => (await host.watchdogs()).length === 1);
  }
});

t.test('nothing is left behind where nothing fenced runs', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  t.same(await host.arm(host.now() + 60_000), { ok: true });
  await host.close(false);
  await host.until(async () => (await host.watchdogs()).length === 0);
  t.pass();
});

t.test('a host that cannot arm says why', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  const run = join(host.base, 'run');
  await rm(run, { recursive: true });
  await writeFile(run, '');
  t.match(await host.arm(host.now() + 1000), { ok: false, message: /cannot be armed: ENOTDIR/ });
});
