import t from 'tap';
import { vmSpecSchema } from '../model/vm.ts';
import { restsOnClock } from './input.ts';
import { type TestHost, TestWorld } from './test-world.ts';

const spec = vmSpecSchema.parse({ source: { kind: 'inline' } });
const create = (name: string) => ({ type: 'vmCreate', name, uid: `uid-${name}`, spec, power: 'stopped' }) as const;

function threeHosts(): TestWorld {
  const world = new TestWorld({ reads: 'lease' });
  world.run(2_000);
  world.join(2);
  world.join(3);
  world.run(500);
  return world;
}

function read(host: TestHost, id: number, world: TestWorld): void {
  host.loop.handle({ type: 'read', id, deadlineMs: world.nowMs + 5_000 });
  host.loop.flush();
}

t.test('the leader answers a read at once, without a message', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  read(leader, 900, world);
  t.match(leader.reads.get(900), { type: 'ready' });
  t.equal(world.underWay, 0);
});

t.test('a read at a follower takes one message there and one back', async (t) => {
  const world = threeHosts();
  world.must(create('a'));
  const follower = [...world.hosts.values()].find((host) => host.loop.status.role === 'follower');
  if (follower === undefined) throw new Error('no follower');
  read(follower, 901, world);
  t.notOk(follower.reads.has(901));
  t.equal(world.underWay, 1);
  world.settle();
  t.match(follower.reads.get(901), { type: 'ready' });
  t.ok(follower.loop.state.vm('a'));
});

t.test('a leader that slept asks before it reads', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  // Its clock went on while it slept, and the read comes before any tick.
  leader.loop.clock(1e9);
  read(leader, 902, world);
  t.notOk(leader.reads.has(902));
  world.settle();
  t.match(leader.reads.get(902), { type: 'ready' }, 'a quorum answers it');
});

t.test('a leader that nobody hears does not read when its lease is over', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  for (const host of world.hosts.values()) if (host !== leader) host.connected = false;
  world.run(400);
  read(leader, 903, world);
  world.settle();
  t.notOk(leader.reads.has(903));
});

t.test('handing the office over ends the lease before the successor hears of it', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  leader.loop.handle({ type: 'handOver' });
  read(leader, 904, world);
  t.notOk(leader.reads.has(904));
  world.settle();
  world.run(1_000);
  t.match(leader.reads.get(904), { type: 'ready' }, 'the new leader answers it');
});

t.test('the time is needed for ticks, heartbeats and reads, and for nothing else', async (t) => {
  const raft = (type: 'MsgHeartbeat' | 'MsgHeartbeatResp') =>
    ({
      type: 'received',
      from: 2,
      message: { type: 'raft', message: { type, from: 2, to: 1, term: 1, commit: 0, context: '' } },
    }) as const;
  t.equal(restsOnClock(raft('MsgHeartbeat'), true), true);
  t.equal(restsOnClock(raft('MsgHeartbeat'), false), false);
  t.equal(restsOnClock(raft('MsgHeartbeatResp'), true), false);
  const renewal = { type: 'received', from: 2, message: { type: 'leaseRenew', bootId: 'b', sequence: 1 } } as const;
  t.equal(restsOnClock(renewal, false), true);
  t.equal(restsOnClock({ type: 'tick', nowMs: 0, wallMs: 0 }, false), true);
  t.equal(restsOnClock({ type: 'peer', id: 2, connected: true }, true), false);
});
