/** Health and restarts of real microVMs: probes that fail and recover, policies, giving up and the way out of it. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, type Host, until } from './cluster.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface VmView {
  phase: string;
  power: string;
  restarts: number;
  generation: number;
  status: {
    pid?: number;
    reason: string;
    message: string;
    sinceMs: number;
    observedGeneration: number;
    startedAgain?: number;
    halt?: { reason: string };
  };
}

const cluster = await Cluster.formed(1);
t.teardown(() => cluster.destroy());
const n1 = cluster.host(0);
const show = (name: string): Promise<VmView> => n1.json<VmView>(['vm', 'show', name]);

/** Waits until a VM is as wanted, with some boots on the way; gives it. */
const when = (host: Host, name: string, what: string, wanted: (vm: VmView) => boolean): Promise<VmView> =>
  until(`${name} ${what} on ${host.name}`, 3 * BOOT_MS, async () => {
    const vm = await show(name);
    return wanted(vm) ? vm : false;
  });

/** Makes a VM of the tiny guest, whose runner goes through `preStart` first, and does not wait for it. */
async function create(name: string, flags: readonly string[], preStart = ':'): Promise<void> {
  const module = join(cluster.directory, `${name}.nix`);
  await writeFile(module, `{ microvm.preStart = "${preStart}"; }\n`);
  const guest = ['--memory', '128M', '--net', 'user', '--module', module, '--ready-timeout', '150s'];
  const made = await n1.ctl(['vm', 'create', name, ...guest, ...flags]);
  if (made.code !== 0) throw new Error(made.stderr);
}

await t.test('a command decides about its health, and what it said is told', async (t) => {
  const well = join(cluster.directory, 'well');
  await writeFile(well, '');
  const health = ['--health', `command:ls ${well}`, '--health-interval', '1s', '--health-failures', '2'];
  await create('web', [...health, '--restart', 'on-failure']);
  const first = await when(n1, 'web', 'runs', (vm) => vm.phase === 'running');
  await rm(well);
  const ill = await when(n1, 'web', 'is unhealthy', (vm) => vm.phase === 'unhealthy');
  t.equal(ill.status.reason, 'ProbeFails');
  t.match(ill.status.message, /^command ls: exit code 2: ls: .*well.*No such file/);
  t.equal(ill.status.pid, first.status.pid, 'and it runs on');
  const updated = await n1.ctl(['vm', 'update', 'web', '--restart', 'on-failure', '--restart-unhealthy', '1s']);
  t.equal(updated.code, 0, updated.stderr);
  const again = await when(n1, 'web', 'is restarted', (vm) => (vm.status.startedAgain ?? 0) > 0);
  t.equal(again.restarts, 0, 'nobody asked for it');
  await writeFile(well, '');
  const mended = await when(n1, 'web', 'runs again', (vm) => vm.phase === 'running');
  t.not(mended.status.pid, first.status.pid);
  const shown = (await n1.ctl(['vm', 'show', 'web'])).stdout;
  t.match(shown, /Healthy when: +command ls .*, every 1s within 2s; unhealthy after 2, healthy after 1/);
  t.match(shown, /Restart: +on-failure, at most 10 within 600s; when unhealthy for 1s/);
  t.match(shown, /Restarted: +1 lately/);
  const history = (await n1.ctl(['events', '--kind', 'vm', '--name', 'web'])).stdout;
  t.match(history, /ProbeFails[\s\S]*Unhealthy[\s\S]*Running/);
  const gone = await n1.ctl(['vm', 'delete', 'web', '--wait', '--timeout', '120s'], { timeoutMs: 130_000 });
  t.equal(gone.code, 0, gone.stderr);
});

await t.test('n3x gives up, stays so over a restart of its own, and begins anew when asked', async (t) => {
  await create('brief', ['--restart-max', '1', '--restart-window', '1h'], 'exit 3');
  const over = await when(n1, 'brief', 'is given up', (vm) => vm.status.reason === 'GaveUp');
  t.match(over, { phase: 'failed', power: 'running', status: { halt: { reason: 'GaveUp' } } });
  t.match(
    over.status.message,
    /^started again once within 1 h, and the process ended with code 3 once more; n3x has given up: see `n3xctl vm logs brief`, then `n3xctl vm start brief`$/,
  );
  t.match((await n1.ctl(['vm', 'list'])).stdout, /brief +failed .*GaveUp: started again once/);
  await n1.kill('SIGKILL');
  await n1.start();
  t.same((await show('brief')).status.halt, over.status.halt);
  const started = await n1.ctl(['vm', 'start', 'brief']);
  t.equal(started.code, 0, started.stderr);
  const anew = await when(
    n1,
    'brief',
    'is given up again',
    (vm) => vm.status.reason === 'GaveUp' && vm.status.observedGeneration > over.status.observedGeneration,
  );
  t.equal(anew.status.startedAgain, 1, 'after as many restarts as the first time');
  const waited = await n1.ctl(['vm', 'start', 'brief', '--wait', '--timeout', '150s'], { timeoutMs: 160_000 });
  t.equal(waited.code, 1);
  t.match(waited.stderr, /brief/);
  t.match(await n1.ctl(['vm', 'delete', 'brief', '--wait', '--timeout', '60s']), { code: 0 });
});

await t.test('what is never to be restarted stays as it ended', async (t) => {
  await create('once', ['--restart', 'never'], 'exit 0');
  const over = await when(n1, 'once', 'has ended', (vm) => vm.status.reason === 'Exited');
  t.match(over, { phase: 'stopped', power: 'running' });
  t.match(
    over.status.message,
    /^the process ended with code 0, and its restart policy is never: `n3xctl vm start once`/,
  );
  await n1.kill('SIGTERM');
  await n1.start();
  t.match(await show('once'), { phase: 'stopped', status: { reason: 'Exited' } });
  t.match(await n1.ctl(['vm', 'stop', 'once', '--wait', '--timeout', '60s']), { code: 0 });
  t.match(await show('once'), { phase: 'stopped', power: 'stopped', status: { reason: '' } });
});

await t.test('flags that make no sense are refused, and say why', async (t) => {
  for (const [flags, said] of [
    [['--health', 'console:ready'], /--health: what a console has printed it does not take back/],
    [['--health', 'tcp:80'], /--health: guest port 80 is not forwarded/],
    [['--health', 'command:sh -c "x"'], /--health: .* has quotes/],
    [['--health-interval', '2h'], /--health-interval: /],
    [['--restart', 'never', '--restart-unhealthy', '5s'], /--restart-unhealthy: a VM that is never restarted/],
    [['--restart-max', '0'], /--restart-max: "0" is not a whole number from 1 to 64/],
    [['--restart-window', '1s'], /--restart-window: /],
  ] as const) {
    const refused = await n1.ctl(['vm', 'create', 'wrong', '--vcpu', '1', ...flags]);
    t.equal(refused.code, 2, refused.stdout);
    t.match(refused.stderr, said);
  }
});
