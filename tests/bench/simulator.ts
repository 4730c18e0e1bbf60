/**
 * How much faster than time the simulator runs: five hosts, profile `lossy`, workload `mixed`, all checkers, one
 * thread. Processor time counts all threads of the process, the compiler's and the collector's too. It is the figure
 * to compare where other programs run beside this one; wall-clock time is what somebody waits.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PROFILES } from '@n3x/sim/profiles/profile';
import { simulate } from '@n3x/sim/simulator';
import { WORKLOADS } from '@n3x/sim/workloads/workloads';
import { enlargeYoungGeneration } from '@n3x/sim/young-generation';
import type { Figure } from './figure.ts';
import { median, round } from './statistics.ts';

const HOSTS = 5;
const PROFILE = 'lossy';
const WORKLOAD = 'mixed';
const SEEDS = [1, 2, 3, 4, 5];
const RUN_MS = 10 * 60_000;
/** Enough that the code which runs is compiled before the first run that counts. */
const WARM_UP_MS = 5 * 60_000;
const LONG_SEED = 1;
const LONG_RUN_MS = 4 * 3_600_000;
/**
 * Heap is looked at when the long run has come so far. It grows until what the checkers and the hosts remember at most
 * has come together: 50 000 requests, after some two hours.
 */
const HEAP_AT = [0.25, 0.5, 0.75, 1];

const MIB = 1024 * 1024;

/** What a run came to. */
interface Run {
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly events: number;
}

function run(seed: number, durationMs: number, onSecond?: (atMs: number) => void): Run {
  const [profile, workload] = [PROFILES[PROFILE], WORKLOADS[WORKLOAD]];
  if (profile === undefined || workload === undefined) throw new Error(`no ${PROFILE} or ${WORKLOAD}`);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const options = { seed, hosts: HOSTS, durationMs, profile, workload };
  const result = simulate(onSecond === undefined ? options : { ...options, onSecond });
  if (result.violation !== undefined) throw new Error(`seed ${seed}: ${result.violation.message}`);
  const { user, system } = process.cpuUsage(cpu);
  const wallMs = performance.now() - start;
  return { virtualMs: result.virtualMs, wallMs, cpuMs: (user + system) / 1_000, events: result.counts['events'] ?? 0 };
}

/** The collector, whatever flags the process was started with. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this Node.js has no collector to call');
  return () => {
    collect();
  };
}

function spread(name: string, unit: string, values: readonly number[], aim?: string): Figure[] {
  return [
    { name: `${name}, median`, value: round(median(values), 0), unit, ...(aim === undefined ? {} : { aim }) },
    { name: `${name}, least`, value: round(Math.min(...values), 0), unit },
    { name: `${name}, most`, value: round(Math.max(...values), 0), unit },
  ];
}

/** Virtual seconds per second, events per second, and the heap over a long run. */
export async function benchSimulator(): Promise<Figure[]> {
  const collect = collector();
  enlargeYoungGeneration();
  run(0, WARM_UP_MS);
  const runs = SEEDS.map((seed) => run(seed, RUN_MS));
  const heapMib: number[] = [];
  const long = run(LONG_SEED, LONG_RUN_MS, (atMs) => {
    if (atMs < LONG_RUN_MS * (HEAP_AT[heapMib.length] ?? Number.POSITIVE_INFINITY)) return;
    collect();
    heapMib.push(process.memoryUsage().heapUsed / MIB);
  });
  const what = `${RUN_MS / 60_000} virtual min of ${HOSTS} hosts, ${PROFILE}, ${WORKLOAD}`;
  return [
    ...spread(
      `${what}: virtual s per s of processor`,
      's/s',
      runs.map(({ virtualMs, cpuMs }) => virtualMs / cpuMs),
      'at least 500, the machine being idle',
    ),
    ...spread(
      `${what}: virtual s per s of wall clock`,
      's/s',
      runs.map(({ virtualMs, wallMs }) => virtualMs / wallMs),
    ),
    ...spread(
      `${what}: events per s of processor`,
      '1/s',
      runs.map(({ events, cpuMs }) => (events / cpuMs) * 1_000),
    ),
    {
      name: `${what}: processor time, median`,
      value: round(median(runs.map(({ cpuMs }) => cpuMs / 1_000))),
      unit: 's',
    },
    {
      name: `${LONG_RUN_MS / 3_600_000} virtual h: virtual s per s of processor`,
      value: round(long.virtualMs / long.cpuMs, 0),
      unit: 's/s',
    },
    ...heapMib.map((mib, at) => ({
      name: `${LONG_RUN_MS / 3_600_000} virtual h: heap after a collection at ${(HEAP_AT[at] ?? 0) * 100} %`,
      value: round(mib),
      unit: 'MiB',
      ...(at === 0 ? {} : { aim: 'as before' }),
    })),
  ];
}
