/** In the place of n3xd: a process with a fence, that arms it and starts VMs as it is told. */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment, execDetached } from '@n3x/agent/drivers/exec';
import { FenceDirectory } from '@n3x/agent/drivers/fence/fence-directory';
import { HostFence } from '@n3x/agent/drivers/fence/host-fence';
import { TimerUnit } from '@n3x/agent/drivers/fence/timer-unit';
import { WatchdogProcess } from '@n3x/agent/drivers/fence/watchdog-process';

/** What it is told. */
export type Order =
  | { readonly type: 'arm'; readonly deadlineMs: number }
  | { readonly type: 'start'; readonly name: string; readonly fenced: boolean }
  | { readonly type: 'close'; readonly fencedRun: boolean };

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
  const child = await execDetached(fenced ? directory.gated(argv) : argv, {
    cwd: '/',
    env: childEnvironment(fenced && kind === 'direct' ? directory.environment : {}),
    stdio: [none.fd, none.fd, none.fd],
  });
  await writeFile(join(base, `${name}.pid`), String(child.pid));
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
