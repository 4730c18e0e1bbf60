/**
 * The systemd timer, with scripts in the place of systemd: `systemd-run` makes a timer that is a sleeping process, and
 * `systemctl` has the manners of the real one that matter here. A VM is a unit that is restarted when its process ends,
 * unless a stop was asked for first.
 */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { RealHost } from './real-host.ts';
import { fenceCompliance } from './suite.ts';

t.setTimeout(300_000);

/** Timers lie in `timers`: one file each, with the process that waits and when it goes off. */
const SYSTEMD_RUN = `#!/bin/sh
base=$(dirname "$(dirname "$0")")
echo "systemd-run $*" >>"$base/calls"
after=0 unit= wake=
while :; do
  case $1 in
    --on-active=*ms) after=\${1#--on-active=}; after=\${after%ms} ;;
    --unit=*) unit=\${1#--unit=} ;;
    --timer-property=WakeSystem=yes) wake=yes ;;
    --*) ;;
    *) break ;;
  esac
  shift
done
if [ -n "$wake" ] && [ ! -e "$base/wakes" ]; then echo "Job failed." >&2; exit 1; fi
if [ -e "$base/refuse" ]; then echo "Failed to start transient timer unit: no" >&2; exit 1; fi
mkdir -p "$base/timers"
read -r up _ </proc/uptime
setsid sh -c 'sleep "$1"; shift; exec "$@"' - "$((after / 1000)).$(printf %03d $((after % 1000)))" "$@" </dev/null >/dev/null 2>&1 &
[ "$after" -gt 0 ] && echo "$! $up $after" >"$base/timers/$unit.timer"
exit 0
`;
const SYSTEMCTL = `#!/bin/sh
base=$(dirname "$(dirname "$0")")
echo "systemctl $*" >>"$base/calls"
verb=$1
shift
alive() { [ -s "$1" ] && read -r state <"/proc/$(cat "$1")/stat" 2>/dev/null && case $state in *') Z '*) false ;; esac }
for unit; do
  case $unit in
    --*) ;;
    n3x-fence-*.timer)
      file=$base/timers/$unit
      case $verb in
        stop) [ -e "$file" ] && { read -r pid _ <"$file"; kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null; rm -f "$file"; } ;;
        show)
          [ -e "$file" ] || { echo ActiveState=inactive; echo NextElapseUSecMonotonic=infinity; exit; }
          read -r pid up after <"$file"
          read -r now _ </proc/uptime
          [ -e "$base/late" ] && after=$((after + 5000))
          echo ActiveState=active
          echo "NextElapseUSecMonotonic=$(awk "BEGIN { printf \\"%dmin %.6fs\\", ($up + $after / 1000) / 60, ($up + $after / 1000) % 60 }")" ;;
      esac ;;
    n3x-fence-*) [ "$verb" = is-active ] && exit 1 ;;
    microvm@*)
      name=\${unit#microvm@}
      name=\${name%.service}
      case $verb in
        stop) : >"$base/$name.stopped" ;;
        kill) alive "$base/$name.pid" && kill -KILL "-$(cat "$base/$name.pid")" ;;
        show) if alive "$base/$name.pid"; then echo ActiveState=active; else echo ActiveState=inactive; fi ;;
      esac ;;
  esac
done
:
`;

async function prepare(base: string): Promise<NodeJS.ProcessEnv> {
  await mkdir(join(base, 'bin'));
  for (const [name, text] of [
    ['systemd-run', SYSTEMD_RUN],
    ['systemctl', SYSTEMCTL],
  ] as const) {
    await writeFile(join(base, 'bin', name), text);
    await chmod(join(base, 'bin', name), 0o755);
  }
  return { PATH: `${join(base, 'bin')}:${process.env.PATH}` };
}

fenceCompliance('systemd timer', () => RealHost.create('systemd', prepare));

async function makeHost(t: { teardown(work: () => Promise<void>): void }): Promise<RealHost> {
  const host = await RealHost.create('systemd', prepare);
  t.teardown(() => host.stop());
  return host;
}

t.test(
  'units are stopped before they are killed, so that systemd does not restart them',
  { buffered: true },
  async (t) => {
    const host = await makeHost(t);
    t.same(await host.arm(host.now() + 1000), { ok: true });
    await host.startVm('a', true);
    await host.loseDaemon('killed');
    await host.until(async () => !(await host.runs('a')));
    const calls = await readFile(join(host.base, 'calls'), 'utf8');
    t.match(
      calls,
      /systemctl stop --no-block -- microvm@a\.service\nsystemctl kill --signal=SIGKILL -- microvm@a\.service/,
    );
  },
);

t.test('a timer counts the time that the host sleeps where the host can do that', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  await writeFile(join(host.base, 'wakes'), '');
  t.same(await host.arm(host.now() + 60_000), { ok: true });
  const calls = await readFile(join(host.base, 'calls'), 'utf8');
  t.match(calls, /AccuracySec=1ms --timer-property=WakeSystem=yes/);
  t.equal(calls.match(/systemd-run/g)?.length, 1);
});

t.test('a timer that is refused, or would go off too late, is not taken for armed', { buffered: true }, async (t) => {
  const host = await makeHost(t);
  await writeFile(join(host.base, 'refuse'), '');
  t.match(await host.arm(host.now() + 60_000), {
    ok: false,
    message: 'the dead-man’s switch cannot be armed: systemd-run: Failed to start transient timer unit: no',
  });
  await rm(join(host.base, 'refuse'));
  await writeFile(join(host.base, 'late'), '');
  t.match(await host.arm(host.now() + 60_000), { ok: false, message: /goes off \d+ ms too late/ });
  await rm(join(host.base, 'late'));
  t.same(await host.arm(host.now() + 60_000), { ok: true });
});
