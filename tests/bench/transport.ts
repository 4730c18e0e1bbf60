/**
 * How fast messages go from one process to another over the real transport on loopback. Prints JSON:
 * one way with messages of 256 bytes of payload, one and 64 to a turn of the event loop, the round trip,
 * and the resident memory of the receiving process at rest and after. Measures, asserts nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createIdentity } from '@n3x/agent/transport/identity';
import { Libp2pTransport } from '@n3x/agent/transport/libp2p-transport';
import { PeerNode } from '@n3x/agent/transport/node';
import type { PeerAddress } from '@n3x/core/ports/transport';
import type { PeerMessage } from '@n3x/core/wire/peer-message';

interface Side {
  readonly self: PeerAddress;
  readonly transport: Libp2pTransport;
  readonly node: PeerNode;
}

async function side(id: number, onMessage: (message: PeerMessage) => void): Promise<Side> {
  const node = await PeerNode.start({
    identity: await createIdentity(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    log: () => undefined,
  });
  const transport = new Libp2pTransport({
    node,
    clusterId: '0'.repeat(32),
    hostId: id,
    log: () => undefined,
    onMessage: (_from, message) => onMessage(message),
    onPeer: () => undefined,
  });
  await transport.start();
  return { self: { id, peerId: node.peerId, addresses: node.addresses() }, transport, node };
}

const residentMib = (): number => Math.round(process.memoryUsage().rss / 1_048_576);

/** The receiving process: answers single messages, counts floods, and reports over its channel. */
async function receive(): Promise<void> {
  let count = 0;
  const here = await side(2, (message) => {
    count++;
    if (message.type === 'snapshotAck') here.transport.send(1, message);
  });
  process.on('message', (peer: PeerAddress | 'count') => {
    if (peer === 'count') process.send?.({ count, residentMib: residentMib() });
    else here.transport.setPeers([peer]);
  });
  process.send?.(here.self);
}

async function measure(): Promise<void> {
  let echoed: (() => void) | undefined;
  const here = await side(1, () => echoed?.());
  const child = fork(import.meta.filename, ['receiver']);
  const [peer] = (await once(child, 'message')) as [PeerAddress];
  child.send(here.self);
  here.transport.setPeers([peer]);
  const link = () => here.transport.stats().links.get(2);
  while (link()?.connected !== true) await new Promise((resolve) => setTimeout(resolve, 5));
  const ask = async (): Promise<{ count: number; residentMib: number }> => {
    child.send('count');
    const [answer] = (await once(child, 'message')) as [{ count: number; residentMib: number }];
    return answer;
  };
  const rest = await ask();
  const data = new Uint8Array(256);
  const message: PeerMessage = {
    type: 'raft',
    message: {
      type: 'MsgApp',
      from: 1,
      to: 2,
      term: 1,
      index: 1,
      logTerm: 1,
      commit: 1,
      entries: [{ type: 'normal', term: 1, index: 2, data }],
    },
  };
  const oneWay = async (perTurn: number, total: number): Promise<number> => {
    const before = (await ask()).count;
    const started = performance.now();
    for (let sent = 0; sent < total; sent += perTurn) {
      while ((link()?.queuedMessages ?? 0) > 4_000) await new Promise((resolve) => setImmediate(resolve));
      for (let i = 0; i < perTurn; i++) here.transport.send(2, message);
      await new Promise((resolve) => setImmediate(resolve));
    }
    while ((await ask()).count - before < total) await new Promise((resolve) => setImmediate(resolve));
    return Math.round(total / ((performance.now() - started) / 1_000));
  };
  await oneWay(64, 100_000);
  const perSecond = { one: await oneWay(1, 50_000), sixtyFour: await oneWay(64, 400_000) };
  const trips: number[] = [];
  for (let i = 0; i < 5_000; i++) {
    const started = performance.now();
    const back = new Promise<void>((resolve) => {
      echoed = resolve;
    });
    here.transport.send(2, { type: 'snapshotAck', index: i, term: 1, next: 1 });
    await back;
    trips.push((performance.now() - started) * 1_000);
  }
  trips.sort((a, b) => a - b);
  const micros = (part: number): number => Math.round(trips[Math.floor(trips.length * part)] ?? 0);
  const after = await ask();
  child.kill();
  await here.transport.stop();
  await here.node.stop();
  process.stdout.write(
    `${JSON.stringify({
      messagesPerSecond: perSecond,
      roundTripMicros: { p50: micros(0.5), p99: micros(0.99) },
      receiverResidentMib: { atRest: rest.residentMib, after: after.residentMib },
      dropped: link()?.droppedMessages ?? 0,
    })}\n`,
  );
}

await (process.argv[2] === 'receiver' ? receive() : measure());
