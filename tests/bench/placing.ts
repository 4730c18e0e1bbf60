/**
 * Placing 1,000 VMs end to end: three real hosts on this machine, through the log, seen by a watcher of a follower. The
 * hosts' builds never end, so that what is measured ends where building would begin. Beside it, in the same cluster, as
 * many plain writes: what the log takes at best.
 */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster } from '../e2e/cluster.ts';
import { Ends } from './adapters/adapter.ts';
import { Http1Connection } from './adapters/http1-connection.ts';
import { n3xAdapter, prepareN3x } from './adapters/n3x.ts';
import { Assigned } from './assigned.ts';
import type { Figure } from './figure.ts';
import { median, round } from './statistics.ts';

const VMS = 1_000;
const ROUNDS = 3;
const IN_FLIGHT = 64;
/** A program in the place of Nix: says its version, and builds for ever. */
const ENDLESS = `#!/bin/sh
case "$*" in *--version*) echo "nix (Nix) 2.24.0"; exit 0 ;; esac
while :; do sleep 1; done
`;
/** Room for all of them, whatever the machine has: none of them is ever started. */
const ROOM = '[capacity]\nvcpu = 10000\nmemory = "4096G"\n';

async function roomyCluster(): Promise<Cluster> {
  const cluster = await Cluster.create(3);
  try {
    const nix = join(cluster.directory, 'endless-nix');
    await writeFile(nix, ENDLESS);
    await chmod(nix, 0o755);
    for (const host of cluster.hosts) {
      host.nixBinary = nix;
      await host.configure(ROOM);
    }
    await cluster.form();
    return cluster;
  } catch (error) {
    await cluster.destroy();
    throw error;
  }
}

/** Sends `count` requests, so many at a time, and resolves with the ms until all were answered well. */
async function send(count: number, one: (number: number) => Promise<void>): Promise<number> {
  const start = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return performance.now() - start;
}

async function createVms(sockets: readonly string[], prefix: string): Promise<number> {
  const ends = new Ends(sockets.length, (end) => Http1Connection.open(sockets[end] ?? ''));
  try {
    return await send(VMS, async (number) => {
      const source = { kind: 'flake', ref: 'path:/nowhere', attribute: 'guest' };
      const body = { name: `${prefix}-${number}`, spec: { source, vcpu: 1, memoryMib: 64 } };
      const { connection, done } = await ends.take();
      let status = 0;
      try {
        status = await connection.send('POST', '/v1/vms', JSON.stringify(body), 'n3x-timeout-ms: 30000\r\n');
      } finally {
        done(status !== 0);
      }
      if (status >= 300) throw new Error(`POST /v1/vms answered ${status}`);
    });
  } finally {
    ends.close();
  }
}

/** Lets hosts take VMs, or keeps them from it, all at once. */
async function cordon(cluster: Cluster, socket: string, cordoned: boolean): Promise<void> {
  await Promise.all(
    cluster.hosts.map(async ({ name }) => {
      const connection = await Http1Connection.open(socket);
      const status = await connection.send('POST', `/v1/hosts/${name}/settings`, JSON.stringify({ cordoned }));
      connection.close();
      if (status >= 300) throw new Error(`POST /v1/hosts/${name}/settings answered ${status}`);
    }),
  );
}

/** Time to place 1,000 VMs that wait, and to create and place 1,000, beside 1,000 plain writes. */
export async function benchPlacing(): Promise<Figure[]> {
  const cluster = await roomyCluster();
  try {
    const leader = await cluster.leader();
    const follower = cluster.hosts.find((host) => host !== leader) ?? leader;
    const sockets = cluster.hosts.map(({ socket }) => socket);
    await prepareN3x(leader.socket);
    const [writes, created, placed]: [number[], number[], number[]] = [[], [], []];
    for (let i = 0; i < ROUNDS; i++) {
      const adapter = n3xAdapter(sockets);
      writes.push(await send(VMS, (number) => adapter.put(number, `w${i}-${number}`)));
      adapter.close();

      const both = await Assigned.open(follower.socket);
      const createdAt = performance.now();
      await createVms(sockets, `new${i}`);
      await both.reaches(VMS);
      created.push(performance.now() - createdAt);
      both.close();

      await cordon(cluster, leader.socket, true);
      await createVms(sockets, `waiting${i}`);
      const waiting = await Assigned.open(follower.socket);
      const openedAt = performance.now();
      await cordon(cluster, leader.socket, false);
      await waiting.reaches(VMS);
      placed.push(performance.now() - openedAt);
      waiting.close();
    }
    const figure = (name: string, list: readonly number[]): Figure[] => [
      { name: `${name}, median of ${ROUNDS}`, value: round(median(list), 0), unit: 'ms' },
      { name: `${name}, per second`, value: round((VMS / median(list)) * 1000, 0), unit: '1/s' },
    ];
    return [
      ...figure(`${VMS} plain writes through the same log, ${IN_FLIGHT} in flight`, writes),
      ...figure(`${VMS} VMs that wait, from the hosts' opening to all placed`, placed),
      ...figure(`${VMS} VMs created, ${IN_FLIGHT} in flight, and placed`, created),
      {
        name: 'placing VMs that wait, as a share of the time of as many plain writes',
        value: round(median(placed) / median(writes), 2),
        unit: '',
        aim: 'at most 1',
      },
    ];
  } finally {
    await cluster.destroy();
  }
}
