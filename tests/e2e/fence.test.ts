/** The dead-man's switch with real daemons and a real guest: what is fenced ends with its host's lease, and nothing of it is left. */
import { readdir } from 'node:fs/promises';
import t from 'tap';
import { Cluster, type Host, until } from './cluster.ts';
import { processOf } from './processes.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;
/** How long a lease may take to run out, and be noticed, on such a machine, in ms. */
const LEASE_MS = 120_000;

interface VmView {
  phase: string;
  hostName: string | null;
  status: { pid?: number };
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const hosts = [cluster.host(0), cluster.host(1), cluster.host(2)];

const show = (asked: Host): Promise<VmView> => asked.json<VmView>(['vm', 'show', 'web']);

/** Waits until the VM runs on a host that is not `not`. */
async function running(asked: Host, not?: string): Promise<{ host: Host; pid: number }> {
  return until('web runs', BOOT_MS, async () => {
    const { phase, hostName, status } = await show(asked);
    const host = hosts.find(({ name }) => name === hostName);
    if (phase !== 'running' || host === undefined || hostName === not || status.pid === undefined) return false;
    return { host, pid: status.pid };
  });
}

await t.test('every host has tried its switch', async (t) => {
  for (const { name } of hosts) {
    await until(`${name} has tried its switch`, 60_000, async () => {
      const { facts } =
        (await hosts[0]?.json<{ facts?: { fence?: { works: boolean } } }>(['host', 'show', name])) ?? {};
      return facts?.fence?.works === true;
    });
  }
  t.match((await hosts[0]?.ctl(['host', 'show', 'n2']))?.stdout, /Fence: +works: watchdog process/);
});

await t.test('a daemon that hangs loses its VM to another host, and comes back to an empty one', async (t) => {
  const [n1] = hosts;
  if (n1 === undefined) throw new Error('no host');
  const made = await n1.ctl(['vm', 'create', 'web', '--memory', '128M', '--net', 'user', '--ready', 'process']);
  t.equal(made.code, 0, made.stderr);
  const first = await running(n1);
  await first.host.kill('SIGSTOP');
  await until('its process is gone', LEASE_MS, async () => (await processOf(first.pid)) === undefined);
  const asked = hosts.find((host) => host !== first.host) ?? n1;
  const second = await running(asked, first.host.name);
  await first.host.kill('SIGCONT');
  await until('nothing is left of it', LEASE_MS, async () => {
    const left = [...(await readdir(first.host.stateDirectory)), ...(await readdir(first.host.rootsDirectory))];
    // The pool of volumes that is there by default.
    return left.every((entry) => entry === '.volumes');
  });
  await until('it says why', LEASE_MS, async () => /fence\.fired/.test(await first.host.log()));
  t.match((await asked.ctl(['host', 'orphans'], { timeoutMs: 60_000 })).stdout, /^nothing is left/);
  t.equal((await running(asked)).pid, second.pid, 'and the other one was not disturbed');
});

await t.test('what is not fenced runs on when its daemon is killed, and is found again', async (t) => {
  const [n1, , n3] = hosts;
  if (n1 === undefined || n3 === undefined) throw new Error('no host');
  const flags = ['--memory', '128M', '--net', 'user', '--ready', 'process', '--failover', 'stay', '--host', 'n3'];
  const made = await n1.ctl(['vm', 'create', 'kept', ...flags, '--wait', '--timeout', '120s'], { timeoutMs: 130_000 });
  t.equal(made.code, 0, made.stderr);
  const pid = async () => (await n1.json<VmView>(['vm', 'show', 'kept'])).status.pid ?? 0;
  const before = await pid();
  await n3.kill('SIGKILL');
  // Longer than the 6 s of a lease: what is fenced on n3 would be gone by now.
  const start = performance.now();
  await until('a lease has run out', LEASE_MS, async () => performance.now() - start > 9_000);
  t.ok(await processOf(before));
  await n3.start();
  await until('it is found again', 60_000, async () => (await pid()) === before);
  t.ok(await processOf(before));
});
