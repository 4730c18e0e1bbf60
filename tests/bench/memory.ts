/** Memory of an idle n3xd that belongs to a cluster of three. */
import { readFile } from 'node:fs/promises';
import type { Cluster } from '../e2e/cluster.ts';
import type { Figure } from './figure.ts';
import { round } from './statistics.ts';

/** Long enough for start-up garbage to be collected, in ms. */
const IDLE_MS = 20_000;

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Resident memory of each host after a while without work. */
export async function benchMemory(cluster: Cluster): Promise<Figure[]> {
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const figures: Figure[] = [];
  for (const host of cluster.hosts) {
    figures.push({
      name: `resident memory of idle ${host.name}`,
      value: round(await residentMib(host.pid)),
      unit: 'MiB',
      aim: 'under 110',
    });
  }
  return figures;
}
