/**
 * `n3xctl vm list` with 10,000 VMs, as a table and as JSON: time, processor time and memory of n3xctl, and processor time of
 * the n3xd that answers. Beside it what it cannot be faster than: the same request without n3xctl, and `cat` of the
 * same JSON.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Cluster } from '../e2e/cluster.ts';
import { Http1Connection } from './adapters/http1-connection.ts';
import type { Figure } from './figure.ts';
import { processCpuMs } from './process-cpu.ts';
import { median, round } from './statistics.ts';

const VMS = 10_000;
const IN_FLIGHT = 64;
const ROUNDS = 7;
/** How often the memory of n3xctl is looked at, in ms. */
const LOOK_MS = 5;

const N3XCTL = new URL('../../packages/cli/bin/n3xctl.mjs', import.meta.url).pathname;

async function createVms(socket: string): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    const connection = await Http1Connection.open(socket);
    while (next < VMS) {
      const number = next++;
      const body = {
        name: `vm-${number}`,
        power: 'stopped',
        spec: { source: { kind: 'inline' }, labels: { app: `a${number % 100}` } },
      };
      const status = await connection.send('POST', '/v1/vms', JSON.stringify(body), 'n3x-timeout-ms: 30000\r\n');
      if (status >= 300) throw new Error(`POST /v1/vms answered ${status}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** What a command took. */
interface Cost {
  readonly ms: number;
  /** Most memory it ever had, in MiB, as of the last look. */
  readonly mib: number;
}

/** Most resident memory of a process so far, in MiB; 0 when it is gone. */
function peakMib(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    // It has ended: the look before has to do.
    return 0;
  }
}

/** Runs a command with its output thrown away. */
function cost(command: string, args: readonly string[]): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    let mib = 0;
    const timer = setInterval(() => {
      mib = Math.max(mib, peakMib(child.pid ?? 0));
    }, LOOK_MS);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ ms: performance.now() - start, mib });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}

/** The whole answer of a GET. */
function get(socketPath: string, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve(Buffer.concat(parts)));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** `vm list` of 10,000 VMs. */
export async function benchList(cluster: Cluster): Promise<Figure[]> {
  const host = await cluster.leader();
  await createVms(host.socket);
  const file = join(cluster.directory, 'list.json');
  await writeFile(file, await get(host.socket, '/v1/vms'));
  const ways: Readonly<Record<string, () => Promise<Cost>>> = {
    'vm list': () => cost(process.execPath, [N3XCTL, '--socket', host.socket, 'vm', 'list']),
    'vm list -o json': () => cost(process.execPath, [N3XCTL, '--socket', host.socket, 'vm', 'list', '-o', 'json']),
    'vm list -q': () => cost(process.execPath, [N3XCTL, '--socket', host.socket, 'vm', 'list', '-q']),
    'n3xctl version': () => cost(process.execPath, [N3XCTL, '--socket', host.socket, 'version']),
    'the same answer read from the socket': async () => {
      const start = performance.now();
      await get(host.socket, '/v1/vms');
      return { ms: performance.now() - start, mib: Number.NaN };
    },
    'cat of the same JSON': () => cost('cat', [file]),
  };
  const costs = new Map<string, Cost[]>(Object.keys(ways).map((name) => [name, []]));
  let serverMs = 0;
  // In turns, so that what else the machine does is shared by all.
  for (let i = 0; i <= ROUNDS; i++) {
    for (const [name, way] of Object.entries(ways)) {
      const before = processCpuMs(host.pid);
      const one = await way();
      if (i === 0) continue;
      costs.get(name)?.push(one);
      if (name === 'the same answer read from the socket') serverMs += processCpuMs(host.pid) - before;
    }
  }
  const figures: Figure[] = [];
  for (const [name, list] of costs) {
    figures.push({
      name: `${name}, ${VMS} VMs, median`,
      value: round(median(list.map(({ ms }) => ms)), 0),
      unit: 'ms',
    });
    const mib = median(list.map((one) => one.mib));
    if (mib > 0) figures.push({ name: `${name}, ${VMS} VMs, most memory`, value: round(mib, 0), unit: 'MiB' });
  }
  const size = (await stat(file)).size / 1_048_576;
  figures.push({ name: 'size of that answer', value: round(size), unit: 'MiB' });
  figures.push({ name: "n3xd's processor time for it", value: round(serverMs / ROUNDS, 0), unit: 'ms' });
  return figures;
}
