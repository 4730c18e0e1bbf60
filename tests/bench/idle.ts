/**
 * What an idle cluster costs its leader. Real: three servers and some agents on this machine, over the real transport,
 * processor time and bytes of the leader's process. Simulated: up to 1,000 hosts that only answer, the real loop and
 * encoding, without sockets, encryption and disks, since 1,000 encrypted connections and those who hold their other
 * ends do not fit on one machine without measuring the ends too.
 */
import { readFileSync } from 'node:fs';
import { Cluster, until } from '../e2e/cluster.ts';
import type { Figure } from './figure.ts';
import { processCpuMs } from './process-cpu.ts';
import { SimulatedHosts } from './simulated-hosts.ts';
import { round } from './statistics.ts';

const SIMULATED = [10, 100, 1_000];
const WARM_UP_MS = 5_000;
const MEASURED_MS = 20_000;
/** Agents that are added to three servers. */
const AGENTS = 5;
const SETTLE_MS = 5_000;
const IDLE_MS = 20_000;

/** Bytes that a process has read and written, files included, of which an idle one has few. */
function processBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return field('rchar') + field('wchar');
}

/** Processor time in ms and bytes per second of a leader over a while in which nothing happens. */
async function idleCost(cluster: Cluster): Promise<{ cpuMs: number; bytes: number }> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const { pid } = await cluster.leader();
  const before = { cpuMs: processCpuMs(pid), bytes: processBytes(pid), at: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const seconds = (performance.now() - before.at) / 1_000;
  const after = { cpuMs: processCpuMs(pid), bytes: processBytes(pid) };
  if ((await cluster.leader()).pid !== pid) throw new Error('the leader changed meanwhile');
  return { cpuMs: (after.cpuMs - before.cpuMs) / seconds, bytes: (after.bytes - before.bytes) / seconds };
}

async function realHosts(): Promise<Figure[]> {
  const cluster = await Cluster.formed(3);
  try {
    const few = await idleCost(cluster);
    const first = cluster.host(0);
    for (let i = 0; i < AGENTS; i++) {
      const agent = await cluster.add(`a${i}`);
      await agent.start();
      const { token } = await first.json<{ token: string }>(['token', 'create', '--role', 'agent']);
      await agent.json(['cluster', 'join', token]);
    }
    await until('every agent follows', 60_000, async () => {
      const { items } = await first.json<{ items: { membership: string; reachable: boolean }[] }>(['host', 'list']);
      return items.filter(({ membership, reachable }) => membership === 'learner' && reachable).length === AGENTS;
    });
    const many = await idleCost(cluster);
    return [
      { name: 'real leader of 3 idle hosts: share of a core', value: round(few.cpuMs / 10, 2), unit: '%' },
      {
        name: `each further idle host adds (${AGENTS} agents)`,
        value: round((many.cpuMs - few.cpuMs) / 10 / AGENTS, 2),
        unit: '%',
      },
      {
        name: 'real leader: bytes to and from each further host',
        value: round((many.bytes - few.bytes) / AGENTS, 0),
        unit: 'B/s',
      },
    ];
  } finally {
    await cluster.destroy();
  }
}

/** The leader's share of a core, and bytes per host. */
export async function benchIdle(): Promise<Figure[]> {
  const figures = await realHosts();
  for (const hosts of SIMULATED) {
    const simulated = new SimulatedHosts(hosts);
    simulated.run(WARM_UP_MS);
    const { cpuMs, sentBytes, receivedBytes, sentMessages } = simulated.run(MEASURED_MS);
    const seconds = MEASURED_MS / 1_000;
    const where = `${hosts} simulated hosts`;
    figures.push(
      { name: `${where}: the leader's loop, share of a core`, value: round(cpuMs / seconds / 10, 2), unit: '%' },
      { name: `${where}: sent to each`, value: round(sentBytes / seconds / (hosts - 1), 0), unit: 'B/s' },
      { name: `${where}: received from each`, value: round(receivedBytes / seconds / (hosts - 1), 0), unit: 'B/s' },
      { name: `${where}: messages to each`, value: round(sentMessages / seconds / (hosts - 1), 1), unit: '1/s' },
    );
  }
  return figures;
}
