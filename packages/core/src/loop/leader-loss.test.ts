import t from 'tap';
import { SeededRandom } from '../base/random.ts';
import { FORGET_MS, LeaderLoss } from './leader-loss.ts';
import { TestWorld } from './test-world.ts';

function steps(loss: LeaderLoss, leader: (nowMs: number) => number): string[] {
  const told: string[] = [];
  for (let nowMs = 0; nowMs <= 500; nowMs += 10) {
    const step = loss.due(leader(nowMs), nowMs);
    if (step !== undefined) told.push(step);
  }
  return told;
}

t.test('a leader whose stream stays broken is forgotten, and then there is one campaign', async (t) => {
  const loss = new LeaderLoss(new SeededRandom(1));
  loss.broke(2, 2, 0);
  t.same(
    steps(loss, (nowMs) => (nowMs > FORGET_MS ? 0 : 2)),
    ['forget', 'campaign'],
  );
});

t.test('nothing follows for others, for a stream that is back, and once somebody else leads', async (t) => {
  const other = new LeaderLoss(new SeededRandom(1));
  other.broke(3, 2, 0);
  t.same(
    steps(other, () => 2),
    [],
  );
  const back = new LeaderLoss(new SeededRandom(1));
  back.broke(2, 2, 0);
  back.opened(2);
  t.same(
    steps(back, () => 2),
    [],
  );
  const heard = new LeaderLoss(new SeededRandom(1));
  heard.broke(2, 2, 0);
  t.same(
    steps(heard, () => 2),
    ['forget'],
  );
  const elected = new LeaderLoss(new SeededRandom(1));
  elected.broke(2, 2, 0);
  t.same(
    steps(elected, (nowMs) => (nowMs > FORGET_MS ? 3 : 2)),
    ['forget'],
  );
});

function threeHosts(reads: 'quorum' | 'lease'): TestWorld {
  const world = new TestWorld({ reads });
  world.run(2_000);
  world.join(2);
  world.join(3);
  return world;
}

/** Virtual ms until another host leads, after the leader's streams broke. */
function gap(reads: 'quorum' | 'lease'): number {
  const world = threeHosts(reads);
  const { leader } = world;
  leader.connected = false;
  for (const host of world.hosts.values()) {
    if (host !== leader) host.loop.handle({ type: 'peer', id: leader.id, connected: false });
  }
  const from = world.nowMs;
  const elected = (): boolean =>
    [...world.hosts.values()].some((host) => host !== leader && host.loop.status.role === 'leader');
  while (!elected() && world.nowMs - from < 5_000) world.run(50);
  return world.nowMs - from;
}

t.test('a leader that ends is replaced before an election timeout, except where leases forbid it', async (t) => {
  const quick = gap('quorum');
  t.ok(quick <= 450, `${quick} ms`);
  const slow = gap('lease');
  t.ok(slow >= 500, `${slow} ms`);
});

t.test('a leader that one follower has lost, and the other has not, keeps leading', async (t) => {
  const world = threeHosts('quorum');
  const { leader } = world;
  const { term } = leader.loop.status;
  const cut = [...world.hosts.values()].find((host) => host !== leader);
  if (cut === undefined) throw new Error('no follower');
  cut.loop.handle({ type: 'peer', id: leader.id, connected: false });
  cut.connected = false;
  world.run(100);
  cut.connected = true;
  world.run(1_000);
  t.match(leader.loop.status, { role: 'leader', term });
  t.match(cut.loop.status, { leaderId: leader.id, term });
});
