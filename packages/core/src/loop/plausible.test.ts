import t from 'tap';
import { isPlausible, LEAP_MAX } from './plausible.ts';
import { TestWorld } from './test-world.ts';

const LAST = Number.MAX_SAFE_INTEGER;

t.test('a leap that a host may have made is followed, one beyond all reason is not', async (t) => {
  const vote = (term: number) =>
    ({
      type: 'raft',
      message: { type: 'MsgVote', from: 2, to: 1, term, index: 1, logTerm: 1, transfer: false },
    }) as const;
  t.ok(isPlausible(vote(5 + LEAP_MAX), 5, 10));
  t.notOk(isPlausible(vote(6 + LEAP_MAX), 5, 10));
  t.ok(isPlausible({ type: 'members', index: 10 + LEAP_MAX, members: [] }, 5, 10));
  t.notOk(isPlausible({ type: 'members', index: LAST, members: [] }, 5, 10));
});

t.test('a message of the last term that there is does not end the cluster', async (t) => {
  const world = new TestWorld();
  world.run(2_000);
  world.join(2);
  world.join(3);
  const before = world.leader.loop.status.term;
  for (const to of [1, 2, 3]) {
    const from = to === 1 ? 2 : 1;
    for (const type of ['MsgHeartbeat', 'MsgVote'] as const) {
      const head = { from, to, term: LAST } as const;
      const message =
        type === 'MsgVote'
          ? ({ type, ...head, index: 1e6, logTerm: 1e6, transfer: true } as const)
          : ({ type, ...head, commit: 0, context: '' } as const);
      world.host(to).loop.handle({ type: 'received', from, message: { type: 'raft', message } });
    }
    t.ok(world.host(to).events.includes('loop.implausible'));
  }
  world.run(1_000);
  t.equal(world.leader.loop.status.term, before, 'the leader goes on');
});

t.test('an introduction is not believed for ever', async (t) => {
  const world = new TestWorld();
  world.run(2_000);
  const host = world.host(1);
  const members = [{ id: 9, peerId: 'peer9', addresses: [] }];
  host.loop.handle({ type: 'received', from: 1, message: { type: 'members', index: 1e9, members } });
  t.ok(host.peers.has(9));
  world.run(601_000);
  t.notOk(host.peers.has(9));
});
