/**
 * What every transport does, real or virtual. A world makes hosts and lets time pass; the suite only waits
 * for conditions, so that it holds for real and for virtual time.
 */
import type { PeerAddress, TransportPort } from '@n3x/core/ports/transport';
import type { NodeId } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import t, { type Test } from 'tap';

/** A host of a world: its transport, and what the transport told it. */
export interface TransportHost {
  readonly address: PeerAddress;
  readonly transport: TransportPort;
  readonly received: { readonly from: NodeId; readonly message: PeerMessage }[];
  /** Last news of each peer. */
  readonly connected: Map<NodeId, boolean>;
}

/** Makes hosts on one network without faults. */
export interface TransportWorld {
  /** A started host without peers. After {@link kill} the same id comes back at the same place. */
  start(id: NodeId): Promise<TransportHost>;
  /** The host is gone from one moment to the next. */
  kill(id: NodeId): Promise<void>;
  /** Lets time pass until the condition holds; rejects when it takes unreasonably long. */
  until(what: string, condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** A message that can be told from others. */
export function ack(index: number): PeerMessage {
  return { type: 'snapshotAck', index, term: 1, next: 0 };
}

function append(from: NodeId, to: NodeId, index: number, data: Uint8Array): PeerMessage {
  const entries = [{ type: 'normal' as const, term: 3, index: index + 1, data }];
  return { type: 'raft', message: { type: 'MsgApp', from, to, term: 3, index, logTerm: 2, commit: index, entries } };
}

function indexes(host: TransportHost): number[] {
  return host.received.map(({ message }) => (message.type === 'snapshotAck' ? message.index : -1));
}

function introduce(...hosts: TransportHost[]): void {
  for (const host of hosts) host.transport.setPeers(hosts.map((other) => other.address));
}

/** Runs the suite on worlds that `make` makes. */
export function transportCompliance(name: string, make: () => Promise<TransportWorld>): void {
  const scenario = (title: string, run: (t: Test, world: TransportWorld) => Promise<void>): void => {
    t.test(`${name}: ${title}`, async (t) => {
      const world = await make();
      t.teardown(() => world.stop());
      await run(t, world);
    });
  };
  const pair = async (world: TransportWorld): Promise<[TransportHost, TransportHost]> => {
    const [a, b] = [await world.start(1), await world.start(2)];
    introduce(a, b);
    await world.until('both connected', () => a.connected.get(2) === true && b.connected.get(1) === true);
    return [a, b];
  };

  scenario('messages arrive, unaltered, with their sender', async (t, world) => {
    const [a, b] = await pair(world);
    const there = append(1, 2, 7, Uint8Array.of(0, 1, 254, 255));
    const back = append(2, 1, 9, new Uint8Array(0));
    a.transport.send(2, there);
    b.transport.send(1, back);
    await world.until('both arrived', () => a.received.length > 0 && b.received.length > 0);
    t.strictSame(b.received, [{ from: 1, message: there }]);
    t.strictSame(a.received, [{ from: 2, message: back }]);
  });

  scenario('a healthy link keeps the order', async (t, world) => {
    const [a, b] = await pair(world);
    const sent = Array.from({ length: 500 }, (_, i) => i);
    for (const i of sent) a.transport.send(2, ack(i));
    await world.until('all arrived', () => b.received.length >= sent.length);
    t.strictSame(indexes(b), sent);
  });

  scenario('a message of a megabyte arrives whole', async (t, world) => {
    const [a, b] = await pair(world);
    const data = new Uint8Array(1_000_000);
    for (let i = 0; i < data.length; i++) data[i] = (i * 31) & 0xff;
    a.transport.send(2, append(1, 2, 1, data));
    a.transport.send(2, ack(2));
    await world.until('both arrived', () => b.received.length === 2);
    t.strictSame(b.received[0]?.message, append(1, 2, 1, data));
  });

  scenario('what is sent to an unknown or absent peer is shed, and nothing of it comes later', async (t, world) => {
    const [a, b] = await pair(world);
    a.transport.send(9, ack(1));
    await world.kill(2);
    await world.until('the loss is noticed', () => a.connected.get(2) === false);
    for (let i = 0; i < 100_000; i++) a.transport.send(2, ack(i));
    const again = await world.start(2);
    introduce(a, again);
    await world.until('connected again', () => a.connected.get(2) === true);
    a.transport.send(2, ack(424_242));
    await world.until('a new message arrives', () => again.received.length > 0);
    t.strictSame(indexes(again), [424_242]);
    t.equal(b.received.length, 0);
  });

  scenario('a peer that comes back is connected to again, in both directions', async (t, world) => {
    const [a] = await pair(world);
    for (let round = 1; round <= 3; round++) {
      await world.kill(2);
      await world.until('the loss is noticed', () => a.connected.get(2) === false);
      const again = await world.start(2);
      again.transport.setPeers([a.address, again.address]);
      await world.until('both connected', () => a.connected.get(2) === true && again.connected.get(1) === true);
      a.transport.send(2, ack(round));
      again.transport.send(1, ack(round));
      await world.until('both arrived', () => again.received.length === 1 && a.received.length === round);
      t.strictSame(indexes(again), [round]);
    }
  });

  scenario('a removed peer is cut off in both directions', async (t, world) => {
    const [a, b] = await pair(world);
    const c = await world.start(3);
    introduce(a, b, c);
    await world.until('all connected', () => [a, b].every((host) => host.connected.get(3) === true));
    await world.until('all connected', () => [1, 2].every((id) => c.connected.get(id) === true));
    a.transport.setPeers([a.address, c.address]);
    await world.until('both sides notice', () => a.connected.get(2) !== true && b.connected.get(1) !== true);
    a.transport.send(2, ack(1));
    b.transport.send(1, ack(2));
    // The third host's messages go round and show that time enough has passed for the others.
    for (let round = 1; round <= 3; round++) {
      c.transport.send(1, ack(10));
      c.transport.send(2, ack(10));
      await world.until('the third host is heard', () => a.received.length >= round && b.received.length >= round);
    }
    t.ok(indexes(a).every((index) => index === 10));
    t.ok(indexes(b).every((index) => index === 10));
    a.transport.setPeers([a.address, b.address, c.address]);
    await world.until('taken back', () => a.connected.get(2) === true && b.connected.get(1) === true);
    b.transport.send(1, ack(4));
    await world.until('it is heard again', () => indexes(a).includes(4));
  });

  scenario('a host that is no member is not heard', async (t, world) => {
    const [a, b] = await pair(world);
    const stranger = await world.start(3);
    stranger.transport.setPeers([a.address, b.address, stranger.address]);
    for (let round = 1; round <= 20; round++) {
      stranger.transport.send(1, ack(666));
      b.transport.send(1, ack(round));
      await world.until('the member is heard', () => a.received.length >= round);
    }
    t.ok(a.received.every(({ from }) => from === 2));
    t.not(stranger.connected.get(1), true);
  });

  scenario('a flood is shed, not stored: memory stays bounded and the link lives', async (t, world) => {
    const [a, b] = await pair(world);
    const data = new Uint8Array(64 * 1024);
    for (let i = 0; i < 2_000; i++) a.transport.send(2, append(1, 2, i, data));
    await world.until('some arrive', () => b.received.length > 0);
    let probe = 0;
    await world.until('it takes messages again', () => {
      a.transport.send(2, ack(++probe));
      return b.received.some(({ message }) => message.type === 'snapshotAck');
    });
    t.ok(b.received.length < 2_000 + probe, 'a part was shed');
  });
}
