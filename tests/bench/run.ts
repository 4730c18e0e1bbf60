/**
 * The benchmarks, by hand: `npm run bench`. Prints a table to standard error and JSON to standard output.
 * Three hosts on this machine, real processes, disks and sockets; `--only NAME` runs one part.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Cluster } from '../e2e/cluster.ts';
import { benchCommits } from './commits.ts';
import { benchCopying } from './copying.ts';
import { benchCreate } from './create.ts';
import { benchFailover } from './failover.ts';
import type { Figure } from './figure.ts';
import { benchIdle } from './idle.ts';
import { benchList } from './list.ts';
import { benchMemory } from './memory.ts';
import { benchPlacement } from './placement.ts';
import { benchPlacing } from './placing.ts';
import { benchSimulator } from './simulator.ts';

/** Gives `part` a cluster of three hosts of its own. */
function onCluster(part: (cluster: Cluster) => Promise<Figure[]>): () => Promise<Figure[]> {
  return async () => {
    const cluster = await Cluster.formed(3);
    try {
      return await part(cluster);
    } finally {
      await cluster.destroy();
    }
  };
}

const PARTS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  memory: onCluster(benchMemory),
  create: onCluster(benchCreate),
  commits: benchCommits,
  copying: benchCopying,
  failover: benchFailover,
  idle: benchIdle,
  list: onCluster(benchList),
  placement: benchPlacement,
  placing: benchPlacing,
  simulator: benchSimulator,
};

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
const wanted = values.only ?? Object.keys(PARTS);
const figures: Figure[] = [];
for (const name of wanted) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`no benchmark "${name}"; there are ${Object.keys(PARTS).join(', ')}`);
  process.stderr.write(`${name}...\n`);
  figures.push(...(await part()));
}
const cpu = /model name\s*: (.*)/.exec(await readFile('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
const width = Math.max(...figures.map((figure) => figure.name.length));
for (const { name, value, unit, aim } of figures) {
  process.stderr.write(
    `${name.padEnd(width)}  ${String(value).padStart(10)} ${unit.padEnd(4)} ${aim === undefined ? '' : `aim: ${aim}`}\n`,
  );
}
process.stdout.write(
  `${JSON.stringify({ machine: { cpu, cores: availableParallelism(), node: process.version }, figures }, null, 2)}\n`,
);
