import { SeededRandom } from '@n3x/core/base/random';
import type { TransportPort } from '@n3x/core/ports/transport';
import type { NodeId } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import t from 'tap';
import { LINK_PROFILES, type LinkProfile } from './link-profile.ts';
import { SimNetwork } from './network.ts';
import { Timeline } from './timeline.ts';

const ack = (index: number): PeerMessage => ({ type: 'snapshotAck', index, term: 1, next: 0 });

/** A network of hosts that all know each other, with a record of what each was told. */
class World {
  readonly timeline = new Timeline();
  readonly network: SimNetwork;
  readonly trace: string[] = [];
  readonly received = new Map<NodeId, number[]>();
  readonly #ports = new Map<NodeId, TransportPort>();

  constructor(ids: readonly NodeId[], profile: LinkProfile = LINK_PROFILES.default, seed = 1) {
    this.network = new SimNetwork({ clock: this.timeline, random: new SeededRandom(seed), profile });
    for (const id of ids) this.start(id, ids);
    this.run(20_000);
  }

  start(id: NodeId, peers: readonly NodeId[]): void {
    const indexes: number[] = [];
    this.received.set(id, indexes);
    const port = this.network.attach(id, {
      onMessage: (from, message) => {
        if (message.type === 'snapshotAck') indexes.push(message.index);
        this.trace.push(`${this.timeline.nowMs} ${from}>${id} ${JSON.stringify(message)}`);
      },
      onPeer: (peer, connected) => this.trace.push(`${this.timeline.nowMs} ${id} ${connected ? '+' : '-'}${peer}`),
    });
    this.#ports.set(id, port);
    port.setPeers(peers.map((peer) => this.network.addressOf(peer)));
  }

  send(from: NodeId, to: NodeId, index: number): void {
    this.#ports.get(from)?.send(to, ack(index));
  }

  run(ms: number): void {
    this.timeline.run(this.timeline.nowMs + ms, () => undefined);
  }

  heard(id: NodeId): number[] {
    return this.received.get(id) ?? [];
  }
}

/** A world under load with faults, as its trace. */
function story(seed: number): string[] {
  const world = new World([1, 2, 3], LINK_PROFILES.lossy, seed);
  for (let step = 0; step < 300; step++) {
    world.send(1 + (step % 3), 1 + ((step + 1) % 3), step);
    if (step === 80) world.network.partition([[1], [2, 3]]);
    if (step === 120) world.network.detach(2, 'power');
    if (step === 150) world.start(2, [1, 2, 3]);
    if (step === 180) world.network.heal();
    world.run(50);
  }
  return world.trace;
}

t.test('one seed gives one story, another seed another', async (t) => {
  t.ok(story(7).length > 200);
  t.strictSame(story(7), story(7));
  t.notSame(story(7), story(8));
});

t.test('traffic on one link shifts nothing on another', async (t) => {
  const tell = (extra: boolean): string[] => {
    const world = new World([1, 2, 3], LINK_PROFILES.lossy);
    for (let i = 0; i < 100; i++) {
      world.send(1, 2, i);
      if (extra) world.send(3, 1, i);
      world.run(10);
    }
    return world.trace.filter((line) => line.includes(' 1>2 '));
  };
  t.strictSame(tell(true), tell(false));
});

t.test('a partition cuts between its groups only; sessions are given up after a while and come back', async (t) => {
  const world = new World([1, 2, 3]);
  world.network.partition([[1], [2, 3]]);
  world.send(1, 2, 1);
  world.send(2, 1, 2);
  world.send(2, 3, 3);
  world.run(1_000);
  t.strictSame([world.heard(1), world.heard(2), world.heard(3)], [[], [], [3]]);
  t.ok(world.network.isConnected(1, 2), 'nobody has noticed yet');
  world.run(10_000);
  t.notOk(world.network.isConnected(1, 2) || world.network.isConnected(2, 1));
  t.ok(world.network.isConnected(2, 3));
  world.network.heal();
  world.run(5_000);
  t.ok(world.network.isConnected(1, 2) && world.network.isConnected(2, 1));
  world.send(1, 2, 4);
  world.run(100);
  t.strictSame(world.heard(2), [4]);
});

t.test('one direction can be cut, and two hosts from each other while both see a third', async (t) => {
  const world = new World([1, 2, 3]);
  world.network.cut(1, 2);
  world.send(1, 2, 1);
  world.send(2, 1, 2);
  world.run(100);
  t.strictSame([world.heard(1), world.heard(2)], [[2], []]);
  world.network.cut(2, 1);
  for (const [from, to] of [
    [1, 2],
    [2, 1],
    [1, 3],
    [2, 3],
    [3, 1],
    [3, 2],
  ] as const)
    world.send(from, to, 9);
  world.run(100);
  t.strictSame([world.heard(1), world.heard(2), world.heard(3)], [[2, 9], [9], [9, 9]]);
  world.network.mend(1, 2);
  world.send(1, 2, 5);
  world.run(100);
  t.strictSame(world.heard(2), [9, 5]);
});

t.test('a cut that was short leaves the session as it was', async (t) => {
  const world = new World([1, 2]);
  const before = world.trace.length;
  world.network.partition([[1], [2]]);
  world.run(2_000);
  world.network.heal();
  world.run(20_000);
  t.strictSame(world.trace.slice(before), []);
  t.ok(world.network.isConnected(1, 2));
});

t.test('the end of a process is noticed at once, the loss of power after a while', async (t) => {
  for (const [kind, noticedMs] of [
    ['process', 20],
    ['power', 8_000],
  ] as const) {
    const world = new World([1, 2]);
    world.network.detach(2, kind);
    if (kind === 'power') {
      world.run(4_000);
      t.ok(world.network.isConnected(1, 2), 'a silent peer may still be there');
    }
    // An unrelated fault elsewhere must not make it forget.
    world.network.heal();
    world.run(noticedMs);
    t.notOk(world.network.isConnected(1, 2), kind);
    world.start(2, [1, 2]);
    world.run(5_000);
    t.ok(world.network.isConnected(1, 2) && world.network.isConnected(2, 1), `${kind}: back`);
  }
});

t.test('a host that comes back before its loss was noticed ends the old session', async (t) => {
  const world = new World([1, 2]);
  const before = world.trace.length;
  world.network.detach(2, 'power');
  world.send(1, 2, 1);
  world.run(100);
  world.start(2, [1, 2]);
  world.run(5_000);
  const news = world.trace.slice(before).map((line) => line.split(' ').slice(1).join(' '));
  t.ok(news.indexOf('1 -2') >= 0 && news.indexOf('1 -2') < news.indexOf('1 +2'), news.join(', '));
  t.strictSame(world.heard(2), [], 'what was on its way to the former run is lost');
});

t.test('a lossy link loses, doubles and lets overtake, within its chances', async (t) => {
  const world = new World([1, 2], LINK_PROFILES.lossy);
  for (let i = 0; i < 5_000; i++) {
    world.send(1, 2, i);
    world.run(1);
  }
  world.run(5_000);
  const stats = world.network.stats();
  t.equal(stats.delivered, stats.sent - stats.lost + stats.doubled);
  t.ok(stats.lost > 75 && stats.lost < 250, `${stats.lost} lost`);
  t.ok(stats.doubled > 15 && stats.doubled < 120, `${stats.doubled} doubled`);
  const heard = world.heard(2);
  t.ok(
    heard.some((index, i) => i > 0 && index < (heard[i - 1] ?? 0)),
    'some were overtaken',
  );
  t.equal(world.network.underWay, 0);
});

t.test('bandwidth delays, and a full link sheds', async (t) => {
  const slow: LinkProfile = { ...LINK_PROFILES.default, name: 'own', bytesPerSecond: 24_000, maxBytes: 24 * 100 };
  const world = new World([1, 2], slow);
  for (let i = 0; i < 150; i++) world.send(1, 2, i);
  t.equal(world.network.stats().shed, 50);
  world.run(50);
  const soon = world.heard(2).length;
  t.ok(soon >= 40 && soon <= 50, `${soon} of a thousand a second after 50 ms`);
  world.run(200);
  t.strictSame(
    world.heard(2),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

t.test('what waits when a session ends is lost with it, and the next session starts afresh', async (t) => {
  const slow: LinkProfile = { ...LINK_PROFILES.default, name: 'own', bytesPerSecond: 24_000 };
  const world = new World([1, 2], slow);
  for (let i = 0; i < 1_000; i++) world.send(1, 2, i);
  world.run(100);
  world.network.detach(1, 'process');
  const left = world.heard(2).length;
  world.start(1, [1, 2]);
  world.run(500);
  world.send(1, 2, 7_777);
  world.run(50);
  const heard = world.heard(2);
  t.ok(heard.length <= left + 10, `${heard.length} heard, ${left} before the end`);
  t.equal(heard.at(-1), 7_777);
});

t.test('several slowdowns of one direction do not multiply: the slowest counts', async (t) => {
  const world = new World([1, 2], { ...LINK_PROFILES.default, name: 'own', lossPermille: 0 });
  const ends = [49, 80, 99].map((by) => world.network.slow(1, 2, by));
  world.send(1, 2, 1);
  world.run(2_000);
  t.strictSame(world.heard(2), [1]);
  for (const end of ends) end();
  world.send(1, 2, 2);
  world.run(50);
  t.strictSame(world.heard(2), [1, 2]);
});

t.test('links can have profiles of their own', async (t) => {
  const world = new World([1, 2, 3]);
  world.network.setLinkProfile(1, 2, LINK_PROFILES.satellite);
  world.send(1, 2, 1);
  world.send(1, 3, 1);
  world.run(100);
  t.strictSame([world.heard(2), world.heard(3)], [[], [1]]);
  world.run(2_000);
  world.network.setLinkProfile(1, 2, undefined);
  world.send(1, 2, 2);
  world.run(10);
  t.ok(world.heard(2).includes(2));
});
