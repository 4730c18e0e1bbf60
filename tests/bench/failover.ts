/**
 * How long writes stop when the leader is killed, and what becomes of those under way, beside etcd's where it is
 * installed: each at its own defaults, and etcd once more at n3x's timeouts. Writes come at a fixed rate to the two
 * that survive.
 */
import { Cluster, until } from '../e2e/cluster.ts';
import type { Adapter } from './adapters/adapter.ts';
import { etcdAdapter } from './adapters/etcd.ts';
import { n3xAdapter, prepareN3x } from './adapters/n3x.ts';
import type { Figure } from './figure.ts';
import { openLoad } from './load.ts';
import { median, round } from './statistics.ts';
import { EtcdCluster, etcdVersion } from './systems/etcd-cluster.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const PER_SECOND = 200;
const DURATION_MS = 7_000;
const KILL_AFTER_MS = 2_000;
const VALUE = 'v'.repeat(256);
/** n3x's own: a heartbeat each 50 ms, a campaign after 500 ms to 1 s. */
const EQUAL_TIMEOUTS = ['--heartbeat-interval=50', '--election-timeout=500'];

interface Gap {
  readonly longestMs: number;
  readonly failed: number;
  readonly waited: number;
}

/** Writes at a fixed rate while `kill` happens midway. */
async function gapUnderLoad(adapter: Adapter, kill: () => Promise<void>): Promise<Gap> {
  const killed = new Promise<void>((resolve, reject) => {
    setTimeout(() => kill().then(resolve, reject), KILL_AFTER_MS);
  });
  const result = await openLoad(PER_SECOND, DURATION_MS, (number) => adapter.put(number, VALUE));
  await killed;
  adapter.close();
  const times = [...result.answeredAtMs].sort((a, b) => a - b);
  return {
    longestMs: Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? time))),
    failed: result.failed,
    waited: result.latenciesMs.filter((ms) => ms > 300).length,
  };
}

function summary(system: string, gaps: readonly Gap[], aim?: string): Figure[] {
  const longest = gaps.map((gap) => gap.longestMs);
  const sum = (pick: (gap: Gap) => number): number => gaps.reduce((total, gap) => total + pick(gap), 0);
  return [
    {
      name: `${system}: write gap after kill -9 of the leader, median`,
      value: round(median(longest), 0),
      unit: 'ms',
      ...(aim === undefined ? {} : { aim }),
    },
    { name: `${system}: write gap, longest of ${gaps.length}`, value: round(Math.max(...longest), 0), unit: 'ms' },
    { name: `${system}: writes that failed in those gaps`, value: sum((gap) => gap.failed), unit: '' },
    { name: `${system}: writes that waited over 300 ms and succeeded`, value: sum((gap) => gap.waited), unit: '' },
  ];
}

async function n3xGaps(cluster: Cluster): Promise<Gap[]> {
  await prepareN3x((await cluster.leader()).socket);
  const gaps: Gap[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const leader = await cluster.leader();
    const survivors = cluster.hosts.filter((host) => host !== leader).map((host) => host.socket);
    gaps.push(
      await gapUnderLoad(n3xAdapter(survivors), async () => {
        await leader.kill('SIGKILL');
      }),
    );
    await leader.start();
    await until('it is back', 20_000, async () => (await leader.ctl(['vm', 'list'])).code === 0);
  }
  return gaps;
}

async function etcdGaps(flags: readonly string[]): Promise<Gap[]> {
  const gaps: Gap[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const cluster = await EtcdCluster.formed(flags);
    try {
      const leader = await cluster.leader();
      const survivors = cluster.members.filter((member) => member !== leader).map((member) => member.clientPort);
      gaps.push(
        await gapUnderLoad(etcdAdapter(survivors), async () => {
          leader.process.kill('SIGKILL');
        }),
      );
    } finally {
      await cluster.destroy();
    }
  }
  return gaps;
}

/** The longest time without an acknowledged write, over some kills. */
export async function benchFailover(): Promise<Figure[]> {
  const cluster = await Cluster.formed(3);
  const figures: Figure[] = [];
  try {
    figures.push(...summary('n3x', await n3xGaps(cluster), 'at most 600'));
  } finally {
    await cluster.destroy();
  }
  if (etcdVersion() === undefined) return figures;
  figures.push(...summary('etcd', await etcdGaps([])));
  figures.push(...summary('etcd at the timeouts of n3x', await etcdGaps(EQUAL_TIMEOUTS)));
  return figures;
}
