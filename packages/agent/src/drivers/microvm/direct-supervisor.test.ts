import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bootMs } from '../fence/boot-clock.ts';
import { FenceDirectory } from '../fence/fence-directory.ts';
import { DirectSupervisor } from './direct-supervisor.ts';
import { Layout } from './layout.ts';
import type { Run } from './marker.ts';
import { RUN_ID_VARIABLE, readBootId, readProcess } from './process-identity.ts';
import { eventually, isAlive } from './test-host.ts';

t.setTimeout(300_000);

/** A supervisor with a runner made of shell scripts. */
async function setUp(t: { teardown(work: () => Promise<void>): void }, scripts: Record<string, string>) {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-direct-'));
  const runner = join(directory, 'runner');
  await mkdir(join(runner, 'bin'), { recursive: true });
  for (const [name, text] of Object.entries(scripts)) {
    await writeFile(join(runner, 'bin', name), `#!/bin/sh\n${text}\n`);
    await chmod(join(runner, 'bin', name), 0o755);
  }
  const layout = new Layout({
    stateDir: join(directory, 'vms'),
    gcrootsDir: join(directory, 'roots'),
    owner: undefined,
  });
  await layout.create('vm', { format: 1, uid: 'u', epoch: 1, builtGeneration: 1, restarts: 0, volumes: [], run: null });
  const log: string[] = [];
  const fence = await FenceDirectory.open(join(directory, 'run'), join(directory, 'vms'));
  const supervisor = new DirectSupervisor({
    layout,
    fence,
    environment: { GREETING: 'hi' },
    onExit: () => undefined,
    log: (e) => log.push(e),
  });
  const marker = async () => {
    const claim = await layout.claim('vm');
    if (claim.kind !== 'managed') throw new Error(claim.kind);
    return claim.marker;
  };
  t.teardown(async () => {
    await supervisor.stop('vm', 0);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const read = (file: string) => readFile(layout.path('vm', file), 'utf8').catch(() => '');
  return { runner, layout, supervisor, fence, marker, log, read };
}

t.test('helpers go before and are undone after', async (t) => {
  const { runner, supervisor, marker, read } = await setUp(t, {
    'tap-up': 'echo tap-up >>order',
    'macvtap-up': 'echo macvtap-up >>order',
    'pci-setup': 'echo pci-setup >>order',
    'microvm-run':
      'echo "run $GREETING $(pwd)" >>order; trap "echo term >>order; exit" TERM; while :; do sleep 0.02; done',
    'tap-down': 'echo tap-down >>order',
    'macvtap-down': 'echo macvtap-down >>order',
  });
  await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: false });
  await eventually(async () => (await read('order')).includes('run hi'));
  t.ok(await supervisor.inspect('vm', await marker()));
  await supervisor.stop('vm', 60_000);
  const order = (await read('order')).split('\n').map((line) => line.split(' ')[0]);
  t.same(
    order,
    ['tap-up', 'macvtap-up', 'pci-setup', 'run', 'term', 'tap-down', 'macvtap-down', ''],
    'no shutdown script: no waiting',
  );
});

t.test('a stop without patience kills at once', async (t) => {
  const { runner, supervisor, log, read } = await setUp(t, {
    'microvm-run': 'trap "echo term >>order" TERM; echo up >>order; while :; do sleep 0.02; done',
    'microvm-shutdown': 'echo asked >>order',
  });
  await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: false });
  await eventually(async () => (await read('order')) === 'up\n');
  await supervisor.stop('vm', 0);
  t.same([await read('order'), log], ['up\n', ['microvm.stoppedHard']], 'neither asked nor told');
});

t.test(
  'what is fenced carries the mark of the dead-man’s switch, with its helpers, and starts before the deadline only',
  async (t) => {
    const { runner, supervisor, fence, read } = await setUp(t, {
      'virtiofsd-run': 'echo "fs $N3X_FENCE" >>marks; exec sleep 1000',
      'microvm-run': 'echo "vm $N3X_FENCE" >>marks; exec sleep 1000',
    });
    const marks = async (count: number) => {
      await eventually(async () => (await read('marks')).split('\n').length > count);
      return (await read('marks'))
        .split('\n')
        .filter((line) => line !== '')
        .sort();
    };
    await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: false });
    t.same(await marks(2), ['fs ', 'vm ']);
    await supervisor.stop('vm', 0);
    await fence.write('deadline', String(Math.floor(bootMs() / 10) + 60_000));
    await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: true });
    t.same(await marks(4), ['fs ', `fs ${fence.id}`, 'vm ', `vm ${fence.id}`]);
    await supervisor.stop('vm', 0);
    await fence.write('deadline', '1');
    await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: true });
    await eventually(async () => (await read('console.log')).includes('the lease of this host has run out'));
    t.notMatch(await read('marks'), new RegExp(`(vm ${fence.id}[^]*){2}`), 'the VM itself never began');
  },
);

t.test('a helper that fails stops the start', async (t) => {
  const { runner, supervisor, marker, layout } = await setUp(t, {
    'tap-up': 'echo no tap >&2; exit 1',
    'microvm-run': '',
  });
  await t.rejects(supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: false }), {
    reason: 'StartFailed',
    message: /tap-up of vm failed: no tap/,
  });
  t.equal((await marker()).run, null);
  t.equal(await layout.readLink('vm', 'booted'), undefined);
});

t.test('virtiofs comes before the VM and goes after it', async (t) => {
  const { runner, supervisor, read } = await setUp(t, {
    'virtiofsd-run':
      'echo up >>fs; : >share.sock; trap "rm share.sock; echo down >>fs; exit" TERM; while :; do sleep 0.02; done',
    'microvm-run': '[ -e share.sock ] && echo there >>fs; exec sleep 1000',
  });
  await mkdir(join(runner, 'share/microvm/virtiofs/store'), { recursive: true });
  await writeFile(join(runner, 'share/microvm/virtiofs/store/socket'), 'share.sock\n');
  await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: false });
  await eventually(async () => (await read('fs')) === 'up\nthere\n');
  await supervisor.stop('vm', 0);
  t.equal(await read('fs'), 'up\nthere\ndown\n');
});

t.test('a process whose pid was not written down in time is found by its mark', async (t) => {
  const { runner, layout, supervisor, marker } = await setUp(t, {});
  const run: Run = {
    id: 'a-run-of-its-own',
    supervisor: 'direct',
    pid: null,
    startTicks: null,
    bootId: await readBootId(),
    startedAtMs: 1,
    restarts: 0,
    runner,
    consoleOffset: 0,
    stopping: false,
    readySeen: false,
  };
  await layout.updateMarker('vm', (before) => ({ ...before, run }));
  const child = spawn('sleep', ['1000'], {
    env: { ...process.env, [RUN_ID_VARIABLE]: run.id },
    detached: true,
    stdio: 'ignore',
  });
  const pid = child.pid ?? 0;
  await eventually(async () => (await supervisor.inspect('vm', { ...(await marker()), run }))?.pid === pid);
  t.equal((await marker()).run?.pid, pid);
  await supervisor.stop('vm', 0);
  t.notOk(await isAlive(pid));
});

t.test('a process that only has the pid is not taken for the VM, and not signalled', async (t) => {
  const { runner, layout, supervisor, marker } = await setUp(t, {});
  const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  const pid = stranger.pid ?? 0;
  t.teardown(async () => void stranger.kill('SIGKILL'));
  const real = (await readProcess(pid))?.startTicks ?? '';
  for (const [what, startTicks, bootId] of [
    ['another start time', String(BigInt(real) - 1n), await readBootId()],
    ['another boot', real, 'another'],
    ['another mark', real, await readBootId()],
  ] as const) {
    await layout.updateMarker('vm', (before) => ({
      ...before,
      run: {
        id: 'x',
        supervisor: 'direct',
        pid,
        startTicks,
        bootId,
        startedAtMs: 1,
        restarts: 0,
        runner,
        consoleOffset: 0,
        stopping: false,
        readySeen: false,
      },
    }));
    await supervisor.stop('vm', 0);
    t.ok(await isAlive(pid), what);
    t.equal((await marker()).run, null, what);
  }
});

t.test('what ended unseen has ended by itself, what its host took with its power has not', async (t) => {
  const { runner, layout, supervisor, marker } = await setUp(t, {});
  for (const [bootId, exit] of [
    [await readBootId(), { code: null, signal: null, atMs: Number }],
    ['another', undefined],
  ] as const) {
    const place = { supervisor: 'direct', runner, consoleOffset: 0 } as const;
    const run: Run = {
      ...place,
      id: 'x',
      pid: 4_000_000,
      startTicks: '1',
      bootId,
      startedAtMs: 1,
      restarts: 0,
      stopping: false,
      readySeen: true,
    };
    await layout.updateMarker('vm', ({ lastExit: _, ...before }) => ({ ...before, run }));
    t.equal(await supervisor.inspect('vm', await marker()), undefined);
    t.match(await marker(), { run: null, lastExit: exit });
  }
});

t.test('the console’s log is cut, and a run’s part of it is found', async (t) => {
  const { runner, layout, supervisor, marker } = await setUp(t, { 'microvm-run': 'echo second; exec sleep 1000' });
  await writeFile(layout.path('vm', 'console.log'), 'first\n');
  await supervisor.start('vm', runner, { restarts: 0, generation: 1, again: false, fenced: false });
  await eventually(async () => (await supervisor.consoleText('vm', await marker())) === 'second\n');
  await writeFile(layout.path('vm', 'console.log'), 'x'.repeat(5 * 1_048_576), { flag: 'a' });
  await supervisor.tend('vm');
  t.same((await readdir(layout.directory('vm'))).filter((file) => file.startsWith('console.log')).sort(), [
    'console.log',
    'console.log.1',
  ]);
  t.equal(await supervisor.consoleText('vm', await marker()), '');
});
