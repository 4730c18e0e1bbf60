/** How long writes stop when the leader is killed. */
import { type Cluster, until } from '../e2e/cluster.ts';
import type { Figure } from './figure.ts';
import { load } from './load.ts';
import { median, round } from './statistics.ts';

const ROUNDS = 5;
const DURATION_MS = 6_000;
const KILL_AFTER_MS = 2_000;

/** The longest time without an acknowledged write at the surviving hosts, over some kills. */
export async function benchFailover(cluster: Cluster): Promise<Figure[]> {
  const gaps: number[] = [];
  let failed = 0;
  let number = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const leader = await cluster.leader();
    const sockets = cluster.hosts.filter((host) => host !== leader).map((host) => host.socket);
    const killed = new Promise<void>((resolve) =>
      setTimeout(() => {
        void leader.kill('SIGKILL').then(() => resolve());
      }, KILL_AFTER_MS),
    );
    const result = await load({
      sockets,
      inFlight: 8,
      durationMs: DURATION_MS,
      next: () => {
        const body = { name: `f-${number++}`, power: 'stopped', spec: { source: { kind: 'inline' } } };
        return { method: 'POST', path: '/v1/vms', body: JSON.stringify(body) };
      },
    });
    await killed;
    const times = [...result.answeredAtMs].sort((a, b) => a - b);
    gaps.push(Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? time))));
    failed += result.failed;
    await leader.start();
    await until('it is back', 20_000, async () => (await leader.ctl(['vm', 'list'])).code === 0);
  }
  return [
    { name: 'write gap after kill -9 of the leader, median', value: round(median(gaps), 0), unit: 'ms' },
    { name: 'write gap after kill -9 of the leader, longest', value: round(Math.max(...gaps), 0), unit: 'ms' },
    { name: 'writes that failed in those gaps', value: failed, unit: '' },
  ];
}
