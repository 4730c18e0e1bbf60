/** In the place of n3xd: a process with a fence, that arms it and starts VMs as it is told. */
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment, execDetached } from '@n3x/agent/drivers/exec';
import { FenceDirectory } from '@n3x/agent/drivers/fence/fence-directory';
import { HostFence } from '@n3x/agent/drivers/fence/host-fence';
import { TimerUnit } from '@n3x/agent/drivers/fence/timer-unit';
import { WatchdogProcess } from '@n3x/agent/drivers/fence/watchdog-process';
import { pause } from '@n3x/agent/drivers/microvm/console-log';
import { exists } from '@n3x/agent/drivers/microvm/layout';

/** What it is told. */
export type Order =
  | { readonly type: 'arm'; readonly deadlineMs: number }
  | { readonly type: 'start'; readonly name: string; readonly fenced: boolean }
  | { readonly type: 'close'; readonly fencedRun: boolean };

const NEVER = new AbortController().signal;
const [kind = '', base = ''] = process.argv.slice(2);
const directory = await FenceDirectory.open(join(base, 'run'), join(base, 'vms'));
const fence = new HostFence({
  directory,
  mechanism: kind === 'systemd' ? new TimerUnit(directory) : new WatchdogProcess(directory),
  onArmed: (deadlineMs, outcome) => process.send?.({ type: 'armed', deadlineMs, outcome }),
  onFired: () => undefined,
  onTrouble: (error) => console.error(error),
});

/** As the supervisors do it. */
async function startProcess(name: string, fenced: boolean): Promise<void> {
  const argv = ['/bin/sh', '-c', 'sleep 1000 & wait'] as const satisfies [string, ...string[]];
  if (kind === 'systemd') {
    if (fenced) await directory.listUnit(`microvm@${name}.service`);
    else await directory.unlistUnit(`microvm@${name}.service`);
  }
  await using none = await open('/dev/null', 'r+');
  const file = join(base, `${name}.pid`);
  await rm(file, { force: true });
  // A unit is known to systemd before its process passes the gate, and so it is to what stands in for systemd.
  const told = ['/bin/sh', '-c', 'echo $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"', file] as const;
  const gated = fenced ? directory.gated(argv) : argv;
  const child = await execDetached(kind === 'systemd' ? [...told, ...gated] : gated, {
    cwd: '/',
    env: childEnvironment(fenced && kind === 'direct' ? directory.environment : {}),
    stdio: [none.fd, none.fd, none.fd],
  });
  if (kind === 'direct') await writeFile(file, String(child.pid));
  while (!(await exists(file))) await pause(5, NEVER);
}

process.on('message', (order: Order) => {
  void (async () => {
    switch (order.type) {
      case 'arm':
        fence.arm(order.deadlineMs);
        return;
      case 'start':
        await startProcess(order.name, order.fenced);
        break;
      case 'close':
        await fence.close(order.fencedRun);
        break;
    }
    process.send?.({ type: 'done' });
  })();
});
process.send?.({ type: 'done' });
