/** Commits per second and their latency: VMs created (not started) through the API of all three hosts. */
import type { Cluster } from '../e2e/cluster.ts';
import type { Figure } from './figure.ts';
import { load } from './load.ts';
import { quantile, round } from './statistics.ts';

const IN_FLIGHT = [1, 16, 64, 256];
const WARM_UP_MS = 1_500;
const DURATION_MS = 5_000;

/** Every create is one commit, synced on a majority before it is answered. */
export async function benchCommits(cluster: Cluster): Promise<Figure[]> {
  const leader = await cluster.leader();
  let number = 0;
  const next = () => {
    const body = { name: `vm-${number++}`, power: 'stopped', spec: { source: { kind: 'inline' } } };
    return { method: 'POST', path: '/v1/vms', body: JSON.stringify(body) } as const;
  };
  const figures: Figure[] = [];
  await load({ sockets: [leader.socket], inFlight: 16, durationMs: WARM_UP_MS, next });
  for (const inFlight of IN_FLIGHT) {
    const result = await load({ sockets: [leader.socket], inFlight, durationMs: DURATION_MS, next });
    const at = `at ${inFlight} in flight`;
    figures.push({ name: `commits ${at}`, value: round(result.perSecond, 0), unit: '/s' });
    figures.push({ name: `commit p50 ${at}`, value: round(quantile(result.latenciesMs, 0.5), 2), unit: 'ms' });
    figures.push({ name: `commit p99 ${at}`, value: round(quantile(result.latenciesMs, 0.99), 2), unit: 'ms' });
    if (result.failed > 0) figures.push({ name: `failed ${at}`, value: result.failed, unit: '' });
  }
  return figures;
}
