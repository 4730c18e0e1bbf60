import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type Exec, exec, signalProcess } from '../exec.ts';
import { FenceDirectory } from '../fence/fence-directory.ts';
import { Layout } from './layout.ts';
import { resolveSupervisor, SystemdSupervisor } from './systemd-supervisor.ts';
import { eventually, isAlive } from './test-host.ts';

t.setTimeout(300_000);

/**
 * Stands in for systemctl, with the manners of the real one that matter here: a unit has a main process and an
 * invocation, and one whose process ends by itself is restarted, unless a stop was asked for first.
 */
const SYSTEMCTL = `#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >>calls
verb=$1; unit=
for word; do unit=$word; done
alive() { [ -s pid ] && kill -0 "$(cat pid)" 2>/dev/null; }
begin() {
  ln -sfn "$(readlink vms/web/current)" vms/web/booted
  sh -c 'cd vms/web && exec ./current/bin/microvm-run' >/dev/null 2>&1 </dev/null &
  echo $! >pid
  cat /proc/sys/kernel/random/uuid | tr -d - >invocation
}
case $verb in
  cat) echo "ConditionPathExists=/state/%i/current/bin/microvm-run" ;;
  start) rm -f stopped; [ -e fail ] || begin ;;
  daemon-reload) : ;;
  stop)
    case $unit in
      microvm@*) : >stopped; alive && [ -e gentle ] && kill "$(cat pid)"; : ;;
      *) [ -e vms/web/booted ] && echo "the scripts are there" >>calls ;;
    esac ;;
  kill) kill -9 "$(cat pid)" ;;
  show)
    echo "Type=$(cat type 2>/dev/null || echo simple)"
    if alive; then rm -f died
    elif [ -e pid ] && [ ! -e stopped ] && [ ! -e units/microvm@web.service.d/50-n3x.conf ]; then
      [ -e died ] || : >died
      if [ -z "$(find died -newermt '-2 seconds')" ]; then begin; rm -f died
      else echo "ActiveState=activating"; echo "MainPID=0"; exit; fi
    fi
    if alive; then
      echo "ActiveState=active"; echo "MainPID=$(cat pid)"
    elif [ -e fail ]; then echo "ActiveState=failed"; echo "MainPID=0"
    else echo "ActiveState=inactive"; echo "MainPID=0"; fi
    echo "ExecMainCode=2"; echo "ExecMainStatus=9"
    echo "InvocationID=$(cat invocation 2>/dev/null)"; echo "Result=exit-code" ;;
esac
`;

const RUNNER_RUN = `#!/bin/sh
rm -f off
while [ ! -e off ]; do sleep 0.02; done
`;
/** Waits for its standard input to end, as the scripts of older runners do. */
const RUNNER_SHUTDOWN = `#!/bin/sh
cd "$(dirname "$0")/../../vms/web"
if [ -e deaf ]; then cat; exit; fi
sleep 0.1
[ -n "$MAINPID" ] && : >off
cat
`;

function cause(restarts: number) {
  return { restarts, generation: 5, again: false, fenced: false };
}

async function setUp(t: { teardown(work: () => Promise<void>): void }) {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-systemd-'));
  const write = async (path: string, text: string) => {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), text);
    await chmod(join(directory, path), 0o755);
  };
  await write('systemctl', SYSTEMCTL);
  await write('runner/bin/microvm-run', RUNNER_RUN);
  await write('runner/bin/microvm-shutdown', RUNNER_SHUTDOWN);
  const layout = new Layout({
    stateDir: join(directory, 'vms'),
    gcrootsDir: join(directory, 'roots'),
    owner: undefined,
  });
  await layout.create('web', {
    format: 1,
    uid: 'u',
    epoch: 1,
    builtGeneration: 1,
    restarts: 0,
    volumes: [],
    run: null,
  });
  await symlink(join(directory, 'runner'), layout.path('web', 'current'));
  const found: Exec = ([program, ...args], options) =>
    exec(program === 'systemctl' ? [join(directory, 'systemctl'), ...args] : [program, ...args], options);
  const log: string[] = [];
  const fence = await FenceDirectory.open(join(directory, 'run'), join(directory, 'vms'));
  const supervisor = new SystemdSupervisor({
    layout,
    fence,
    exec: found,
    log: (event) => log.push(event),
    runtimeUnits: join(directory, 'units'),
  });
  const marker = async () => {
    const claim = await layout.claim('web');
    if (claim.kind !== 'managed') throw new Error(claim.kind);
    return claim.marker;
  };
  const pid = async () => Number(await readFile(join(directory, 'pid'), 'utf8'));
  t.teardown(async () => {
    const last = await pid().catch(() => 0);
    if (await isAlive(last)) signalProcess(last, 'SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return { directory, layout, fence, supervisor, marker, pid, log, exec: found, runner: join(directory, 'runner') };
}

t.test('which supervisor, and why', async (t) => {
  const { exec: run } = await setUp(t);
  const systemd = { exec: run, booted: async () => true };
  t.match(await resolveSupervisor('auto', '/state', systemd), { kind: 'systemd' });
  t.match(await resolveSupervisor('auto', '/other', systemd), { kind: 'direct', reason: /another state directory/ });
  t.match(await resolveSupervisor('direct', '/state', systemd), { kind: 'direct', reason: 'configured' });
  const none = { exec: run, booted: async () => false };
  t.match(await resolveSupervisor('auto', '/state', none), { kind: 'direct', reason: /not the init/ });
  await t.rejects(resolveSupervisor('systemd', '/state', none), { code: 'N3X_CONFIG' });
});

t.test('a guest that obeys is stopped before systemd restarts it', async (t) => {
  const { layout, supervisor, marker, pid, runner, directory, log } = await setUp(t);
  await supervisor.start('web', runner, cause(3));
  const running = await supervisor.inspect('web', await marker());
  t.equal(running?.pid, await pid());
  t.match(await marker(), { restarts: 3, run: { supervisor: 'systemd', pid: running?.pid } });
  t.equal(await layout.readLink('web', 'booted'), runner);
  await supervisor.stop('web', 60_000);
  t.notOk(await isAlive(running?.pid ?? 0));
  t.equal(await supervisor.inspect('web', await marker()), undefined);
  t.match(await marker(), { run: null, lastExit: undefined });
  t.same(log, [], 'not stopped hard');
  const calls = await readFile(join(directory, 'calls'), 'utf8');
  t.notMatch(calls, /enable|^kill/m, 'only started and stopped');
  t.match(calls, /start --no-block microvm@web.service/);
  t.match(
    calls,
    /stop microvm-tap-interfaces@web.service microvm-macvtap-interfaces@web.service .*\nthe scripts are there/,
    'and nothing is left of what it made on the host',
  );
});

t.test('a guest that does not obey is killed, and stays down', async (t) => {
  const { supervisor, marker, runner, layout, log } = await setUp(t);
  await writeFile(layout.path('web', 'deaf'), '');
  await supervisor.start('web', runner, cause(0));
  const running = await supervisor.inspect('web', await marker());
  await supervisor.stop('web', 300);
  t.notOk(await isAlive(running?.pid ?? 0));
  t.same(log, ['microvm.stoppedHard']);
  t.equal(await supervisor.inspect('web', await marker()), undefined);
});

t.test('a process that ends by itself is not restarted by systemd, and its end is told', async (t) => {
  const { supervisor, marker, runner, pid, directory } = await setUp(t);
  await supervisor.start('web', runner, cause(0));
  t.match(await marker(), { startedGeneration: 5, again: [] });
  process.kill(await pid(), 'SIGKILL');
  await eventually(async () => {
    await supervisor.inspect('web', await marker());
    return (await marker()).run === null;
  });
  t.match(await marker(), { lastExit: { code: null, signal: 'SIGKILL' } });
  await supervisor.start('web', runner, { ...cause(0), again: true });
  t.equal((await marker()).again?.length, 1);
  await supervisor.stop('web', 5000);
  await supervisor.forget('web');
  await supervisor.forget('web');
  const calls = await readFile(join(directory, 'calls'), 'utf8');
  t.equal(
    calls.split('\n').filter((line) => line === 'daemon-reload').length,
    2,
    'read anew only when something changed',
  );
});

t.test('a process that systemd restarted all the same is followed', async (t) => {
  const { supervisor, marker, runner, pid } = await setUp(t);
  await supervisor.start('web', runner, cause(0));
  await supervisor.forget('web');
  const first = await pid();
  process.kill(first, 'SIGKILL');
  await eventually(async () => {
    const running = await supervisor.inspect('web', await marker());
    return running !== undefined && running.pid !== first;
  });
  t.match(await marker(), { run: { pid: await pid() } });
  await supervisor.stop('web', 5000);
});

t.test('nothing is started where systemd cannot be kept from restarting it', async (t) => {
  const { supervisor, runner, directory, marker } = await setUp(t);
  await writeFile(join(directory, 'units'), 'no directory');
  await t.rejects(supervisor.start('web', runner, cause(0)), {
    reason: 'StartFailed',
    message: /^systemd cannot be kept from restarting microvm@web.service by itself: /,
  });
  t.equal((await marker()).run, null);
});

t.test('what the guest told its unit', async (t) => {
  const { supervisor, runner, directory } = await setUp(t);
  await supervisor.start('web', runner, cause(0));
  t.match(await supervisor.notified('web'), { ok: false, said: /microvm@web.service is of type simple/ });
  await writeFile(join(directory, 'type'), 'notify');
  t.same(await supervisor.notified('web'), { ok: true });
  await supervisor.stop('web', 5000);
  t.match(await supervisor.notified('web'), { ok: false, said: 'notify: microvm@web.service is inactive' });
});

t.test(
  'the dead-man’s switch knows a fenced unit before it starts, and one that comes too late does not',
  async (t) => {
    const { supervisor, runner, directory, fence, log } = await setUp(t);
    const unit = 'microvm@web.service';
    await supervisor.start('web', runner, { ...cause(0), fenced: true });
    t.same(await readdir(join(fence.path, 'units')), [unit]);
    const dropIn = () => readFile(join(directory, 'units', `${unit}.d`, '50-n3x.conf'), 'utf8');
    const [gate = ''] = /^ExecCondition=.*$/m.exec(await dropIn()) ?? [];
    t.match(gate, /^ExecCondition="\/bin\/sh" ".*gate\.sh" ".*fence-/);
    const passes = () => exec(fence.gate as [string, ...string[]], { timeoutMs: 10_000 });
    t.match(await passes(), { code: 0 });
    await fence.write('deadline', '1');
    t.match(await passes(), { code: null, signal: 'SIGKILL', stderr: /the lease of this host has run out/ });
    await supervisor.stop('web', 0);
    t.same(log, ['microvm.stoppedHard'], 'at once');
    t.same(await readdir(join(fence.path, 'units')), []);
    await supervisor.start('web', runner, cause(0));
    t.notMatch(await dropIn(), /ExecCondition/);
    await supervisor.stop('web', 0);
  },
);

t.test('a unit that fails is told', async (t) => {
  const { supervisor, runner, directory, marker } = await setUp(t);
  await writeFile(join(directory, 'fail'), '');
  await t.rejects(supervisor.start('web', runner, cause(0)), { reason: 'StartFailed', message: /exit-code/ });
  t.equal((await marker()).run, null);
});
