/** From `vm create` to QEMU's exec, the build being cached, against `nix build` of the same runner alone. */
import { readFile } from 'node:fs/promises';
import { type Cluster, run, until } from '../e2e/cluster.ts';
import type { Figure } from './figure.ts';
import { median, round } from './statistics.ts';

const ROUNDS = 7;
const TICKS_PER_SECOND = 100;

/** When a process was started, in ms since boot, and what it runs now. */
async function startedAtMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[19]) / TICKS_PER_SECOND) * 1000;
}

async function uptimeMs(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]) * 1000;
}

/** One VM is created to fill the cache; the others differ only in being new. */
export async function benchCreate(cluster: Cluster): Promise<Figure[]> {
  const host = cluster.host(0);
  const toExec: number[] = [];
  const builds: number[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const before = await uptimeMs();
    const args = [
      'vm',
      'create',
      'bench',
      '--flake',
      `path:${guest}#hello`,
      '--memory',
      '128M',
      '--ready',
      'process',
      '--stop-timeout',
      '1s',
    ];
    const created = await host.ctl(args);
    if (created.code !== 0) throw new Error(created.stderr);
    const pid = await until('it runs', 60_000, async () => {
      const vm = await host.json<{ status: { pid?: number } }>(['vm', 'show', 'bench']);
      return vm.status.pid;
    });
    const started = await startedAtMs(pid);
    if (i > 0) toExec.push(started - before);
    const vm = await host.json<{ status: { currentRunner?: string } }>(['vm', 'show', 'bench']);
    if (vm.status.currentRunner === undefined) throw new Error('no runner');
    const buildStart = performance.now();
    const attribute = `path:${guest}#nixosConfigurations.hello.config.microvm.declaredRunner`;
    const built = await run('nix', ['build', '--no-link', attribute], { env: NIX_ENVIRONMENT });
    if (built.code !== 0) throw new Error(built.stderr);
    if (i > 0) builds.push(performance.now() - buildStart);
    await host.json(['vm', 'delete', 'bench', '--wait', '--timeout', '60s']);
  }
  return [
    { name: 'vm create to the start of its process, median', value: round(median(toExec), 0), unit: 'ms' },
    { name: 'nix build of the same, cached, median', value: round(median(builds), 0), unit: 'ms' },
    {
      name: 'what n3x adds',
      value: round(median(toExec) - median(builds), 0),
      unit: 'ms',
      aim: 'under 300, n3xctl included',
    },
  ];
}

const guest = new URL('../../examples/tiny-guest', import.meta.url).pathname;

/** As n3xd calls Nix where there is no binary cache. */
const NIX_ENVIRONMENT = {
  NIX_CONFIG: 'experimental-features = nix-command flakes\nsandbox = false\nbuild-users-group =\nsubstituters =',
};
