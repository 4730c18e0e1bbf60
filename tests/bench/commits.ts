/**
 * Commits and linearizable reads per second, and their latency, beside etcd's where it is installed: 256-byte values,
 * three members on this machine, every commit synced on a majority, the same load generator. The two take turns, step
 * by step, so that what else happens on the machine hits both.
 */
import { Cluster } from '../e2e/cluster.ts';
import { type Adapter, KEYS } from './adapters/adapter.ts';
import { etcdAdapter } from './adapters/etcd.ts';
import { n3xAdapter, prepareN3x } from './adapters/n3x.ts';
import type { Figure } from './figure.ts';
import { closedLoad, type Issue } from './load.ts';
import { processCpuMs } from './process-cpu.ts';
import { median, quantile, round } from './statistics.ts';
import { EtcdCluster, etcdVersion } from './systems/etcd-cluster.ts';

const IN_FLIGHT = [1, 16, 64, 256];
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const WARM_UP_MS = 3_000;
const STEP_MS = Number(process.env['BENCH_STEP_MS'] ?? 4_000);
const VALUE = 'v'.repeat(244);

interface System {
  readonly name: string;
  readonly adapter: Adapter;
  readonly pids: readonly number[];
}

interface Step {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
  /** Microseconds of processor time per operation: all servers, and this process. */
  readonly serverUs: number;
  readonly clientUs: number;
}

let written = 0;

function issue(system: System, operation: 'put' | 'get'): Issue {
  if (operation === 'get') return (number) => system.adapter.get(number % KEYS);
  return () => {
    written++;
    return system.adapter.put(written % KEYS, VALUE + String(written).padStart(12, '0'));
  };
}

async function step(system: System, operation: 'put' | 'get', inFlight: number): Promise<Step> {
  const cpu = (): number => system.pids.reduce((sum, pid) => sum + processCpuMs(pid), 0);
  const before = { server: cpu(), client: process.cpuUsage() };
  const result = await closedLoad(inFlight, STEP_MS, issue(system, operation));
  const client = process.cpuUsage(before.client);
  const operations = Math.max(1, result.latenciesMs.length);
  return {
    perSecond: result.perSecond,
    p50: quantile(result.latenciesMs, 0.5),
    p99: quantile(result.latenciesMs, 0.99),
    failed: result.failed,
    serverUs: ((cpu() - before.server) * 1000) / operations,
    clientUs: (client.user + client.system) / operations,
  };
}

function summary(name: string, steps: readonly Step[]): Figure[] {
  const of = (pick: (step: Step) => number): number => median(steps.map(pick));
  return [
    {
      name,
      value: round(
        of((step) => step.perSecond),
        0,
      ),
      unit: '/s',
    },
    {
      name: `${name}, p50`,
      value: round(
        of((step) => step.p50),
        2,
      ),
      unit: 'ms',
    },
    {
      name: `${name}, p99`,
      value: round(
        of((step) => step.p99),
        2,
      ),
      unit: 'ms',
    },
    {
      name: `${name}, processor time of the servers per operation`,
      value: round(
        of((step) => step.serverUs),
        0,
      ),
      unit: 'us',
    },
    {
      name: `${name}, processor time of the client per operation`,
      value: round(
        of((step) => step.clientUs),
        0,
      ),
      unit: 'us',
    },
    ...(steps.some((step) => step.failed > 0)
      ? [{ name: `${name}, failed`, value: steps.reduce((sum, step) => sum + step.failed, 0), unit: '' }]
      : []),
  ];
}

async function systems(n3x: Cluster, etcd: EtcdCluster | undefined): Promise<System[]> {
  const leader = await n3x.leader();
  await prepareN3x(leader.socket);
  const both: System[] = [
    { name: 'n3x', adapter: n3xAdapter([leader.socket]), pids: n3x.hosts.map((host) => host.pid) },
  ];
  if (etcd !== undefined) {
    const { clientPort } = await etcd.leader();
    const pids = etcd.members.map((member) => member.process.pid ?? 0);
    both.push({ name: 'etcd', adapter: etcdAdapter([clientPort]), pids });
  }
  return both;
}

/** All steps, `ROUNDS` times, the systems in turn. */
export async function benchCommits(): Promise<Figure[]> {
  const cluster = await Cluster.formed(3);
  const etcd = etcdVersion() === undefined ? undefined : await EtcdCluster.formed();
  const figures: Figure[] = [];
  try {
    const both = await systems(cluster, etcd);
    for (const system of both) {
      await closedLoad(16, WARM_UP_MS, issue(system, 'put'));
      await closedLoad(16, WARM_UP_MS / 3, issue(system, 'get'));
    }
    for (const operation of ['put', 'get'] as const) {
      for (const inFlight of IN_FLIGHT) {
        const steps = new Map<string, Step[]>(both.map((system) => [system.name, []]));
        for (let round = 0; round < ROUNDS; round++) {
          for (const system of both) steps.get(system.name)?.push(await step(system, operation, inFlight));
        }
        const what = `${operation === 'put' ? 'writes' : 'linearizable reads'} at ${inFlight} in flight`;
        const rate = (name: string): number => median((steps.get(name) ?? []).map((one) => one.perSecond));
        if (etcd !== undefined) {
          const aim = operation === 'put' ? { aim: 'at least 1' } : {};
          figures.push({ name: `${what}, n3x to etcd`, value: round(rate('n3x') / rate('etcd'), 2), unit: '', ...aim });
        }
        for (const [name, list] of steps) figures.push(...summary(`${name}: ${what}`, list));
        process.stderr.write(
          `${figures
            .slice(-11)
            .map((figure) => `${figure.name}: ${figure.value} ${figure.unit}`)
            .join('\n')}\n`,
        );
      }
    }
    for (const system of both) system.adapter.close();
  } finally {
    await cluster.destroy();
    await etcd?.destroy();
  }
  return figures;
}
