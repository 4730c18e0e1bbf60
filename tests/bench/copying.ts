/**
 * Copies of volumes between two hosts: how fast one is, against a plain copy of the same file on the same disk, and what
 * is left for others on the same connection meanwhile: how long four bytes take to the other process and back.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Pace } from '@n3x/agent/drivers/volumes/pace';
import { writeStamp } from '@n3x/agent/drivers/volumes/stamp';
import { copyVolume } from '@n3x/agent/drivers/volumes/volume-copy';
import { VolumeServer } from '@n3x/agent/drivers/volumes/volume-server';
import { VolumeStore } from '@n3x/agent/drivers/volumes/volume-store';
import { createIdentity } from '@n3x/agent/transport/identity';
import { Libp2pTransport } from '@n3x/agent/transport/libp2p-transport';
import { MemberStreams, VOLUME_PROTOCOL } from '@n3x/agent/transport/member-streams';
import { PeerNode } from '@n3x/agent/transport/node';
import type { PeerAddress } from '@n3x/core/ports/transport';
import type { Figure } from './figure.ts';
import { processCpuMs } from './process-cpu.ts';
import { quantile, round } from './statistics.ts';

const MIB = 1_048_576;
const SIZE_MIB = 1_024;
const PING_PROTOCOL = '/n3x/bench-ping/1';
const VOLUME = { uid: 'v1-0', name: 'data', pool: 'default', sizeMib: SIZE_MIB, fsType: 'ext4' } as const;
/** Pause in ms between two pings: a heartbeat's. */
const PING_MS = 10;

interface Side {
  readonly self: PeerAddress;
  readonly transport: Libp2pTransport;
  readonly node: PeerNode;
  streams(protocol: string, onStream: (duplex: Duplex) => void): Promise<MemberStreams>;
}

async function side(id: number): Promise<Side> {
  const log = (): void => undefined;
  const node = await PeerNode.start({ identity: await createIdentity(), listen: ['/ip4/127.0.0.1/tcp/0'], log });
  const transport = new Libp2pTransport({
    ...{ node, clusterId: '0'.repeat(32), hostId: id, log },
    onMessage: () => undefined,
    onPeer: () => undefined,
  });
  await transport.start();
  return {
    ...{ self: { id, peerId: node.peerId, addresses: node.addresses() }, transport, node },
    async streams(protocol, onStream) {
      const streams = new MemberStreams({ protocol, maxStreams: 8, node, transport, log, onStream });
      await streams.start();
      return streams;
    },
  };
}

function storeIn(path: string): VolumeStore {
  const exec = (): never => {
    throw new Error('nothing is run');
  };
  return new VolumeStore({ pools: [{ name: 'default', path }], exec, own: async () => undefined });
}

/** The source, a process of its own: serves the volume, and answers pings. */
async function serve(pool: string): Promise<void> {
  const here = await side(1);
  const server = new VolumeServer({
    store: storeIn(pool),
    pace: new Pace(0),
    journal: { log: () => undefined, fatal: () => undefined },
    mayServe: () => ({ ok: true, volume: VOLUME }),
  });
  await here.streams(VOLUME_PROTOCOL, (duplex) => void server.serve(duplex, 2));
  await here.streams(PING_PROTOCOL, (duplex) => {
    duplex.on('error', () => undefined);
    duplex.pipe(duplex);
  });
  process.on('disconnect', () => process.exit());
  process.on('message', (peer: PeerAddress) => here.transport.setPeers([peer]));
  process.send?.(here.self);
}

/** Pings until it is told to end; gives the times in ms. */
function ping(duplex: Duplex): { end(): Promise<number[]> } {
  const times: number[] = [];
  let ended = false;
  const run = async (): Promise<void> => {
    while (!ended) {
      const began = performance.now();
      duplex.write('ping');
      await once(duplex, 'data');
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, PING_MS));
    }
  };
  const running = run();
  return {
    async end() {
      ended = true;
      await running;
      return times;
    },
  };
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

async function writeImage(path: string): Promise<void> {
  await using file = await open(path, 'w');
  const bytes = Buffer.alloc(MIB);
  for (let i = 0; i < SIZE_MIB; i += 1) {
    randomFillSync(bytes);
    await file.write(bytes);
  }
  await file.sync();
}

async function plainCopy(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await using file = await open(to, 'r+');
  await file.sync();
}

/** Measures; about four GiB of disk and half a minute. */
export async function benchCopying(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-bench-copy-'));
  let child: ChildProcess | undefined;
  try {
    const source = join(directory, 'source/v1-0');
    await mkdir(source, { recursive: true });
    await writeImage(join(source, 'volume.img'));
    const { uid, name, sizeMib, fsType } = VOLUME;
    await writeStamp(source, { format: 1, uid, name, sizeMib, fsType, epoch: 1 });
    child = fork(
      import.meta.filename,
      [join(directory, 'source')],
      process.env['PROF'] ? { execArgv: ['--cpu-prof', '--cpu-prof-dir=/tmp/prof'] } : {},
    );
    const [peer] = (await once(child, 'message')) as [PeerAddress];
    const here = await side(2);
    here.transport.setPeers([peer]);
    child.send(here.self);
    const volumes = await here.streams(VOLUME_PROTOCOL, (duplex) => duplex.destroy());
    const pings = await here.streams(PING_PROTOCOL, (duplex) => duplex.destroy());
    while (here.transport.stats().links.get(1)?.connected !== true) await new Promise((done) => setTimeout(done, 5));
    const duplex = await pings.open(1);
    const quiet = ping(duplex);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const without = await quiet.end();
    // One of them for the caches.
    for (const _ of [1, 2]) await plainCopy(join(source, 'volume.img'), join(directory, 'plain'));
    const plain = await seconds(() => plainCopy(join(source, 'volume.img'), join(directory, 'plain')));
    const store = storeIn(join(directory, 'target'));
    const copy = (move: number) =>
      copyVolume({
        ...{ store, volume: VOLUME, move, signal: new AbortController().signal },
        source: { name: 'source', open: () => volumes.open(1) },
        onDurable: () => undefined,
      });
    const pids = [process.pid, child.pid ?? process.pid];
    const cpuMs = (): number[] => pids.map(processCpuMs);
    const before = cpuMs();
    const busy = ping(duplex);
    const copied = await seconds(() => copy(1));
    const during = await busy.end();
    const [targetMs = 0, sourceMs = 0] = cpuMs().map((ms, i) => ms - (before[i] ?? 0));
    const perGib = (ms: number): number => round((ms / 1_000) * (1_024 / SIZE_MIB), 2);
    const residentMib = Math.round(process.memoryUsage().rss / MIB);
    duplex.destroy();
    await here.transport.stop();
    await here.node.stop();
    return [
      { name: 'copy of a volume', value: round(SIZE_MIB / copied), unit: 'MiB/s' },
      { name: 'plain copy of the same file', value: round(SIZE_MIB / plain), unit: 'MiB/s' },
      { name: 'copy of a volume, of a plain copy', value: round(plain / copied, 2), unit: '' },
      { name: 'processor time of the source', value: perGib(sourceMs), unit: 's/GiB' },
      { name: 'processor time of the target', value: perGib(targetMs), unit: 's/GiB' },
      { name: 'ping without a copy p50', value: round(quantile(without, 0.5), 2), unit: 'ms' },
      { name: 'ping without a copy p99', value: round(quantile(without, 0.99), 2), unit: 'ms' },
      { name: 'ping during a copy p50', value: round(quantile(during, 0.5), 2), unit: 'ms' },
      { name: 'ping during a copy p99', value: round(quantile(during, 0.99), 2), unit: 'ms', aim: 'under 50' },
      { name: 'ping during a copy, longest', value: round(Math.max(...during), 2), unit: 'ms' },
      { name: 'resident memory of the target after a copy', value: residentMib, unit: 'MiB' },
    ];
  } finally {
    child?.disconnect();
    await rm(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename && process.argv[2] !== undefined) await serve(process.argv[2]);
