import t from 'tap';
import { OwnProposals } from './own-proposals.ts';

const COMMAND = { type: 'hostReachable', hostId: 2, reachable: false } as const;

t.test('a decision is under way once until it is applied', async (t) => {
  const own = new OwnProposals('h1.b', 4);
  own.offer('k', COMMAND, 0);
  own.offer('k', COMMAND, 1);
  const [first, ...rest] = own.take();
  t.same(rest, []);
  t.same([...own.keys()], ['k']);
  t.equal(own.applied(first?.requestId ?? ''), true);
  t.equal(own.applied(first?.requestId ?? ''), false, 'known once');
  t.same([...own.keys()], []);
});

t.test('what is never seen applied can be decided again, under another id', async (t) => {
  const own = new OwnProposals('h1.b', 4);
  own.offer('k', COMMAND, 0);
  const [first] = own.take();
  own.expire(0);
  own.offer('k', COMMAND, 10);
  const [second] = own.take();
  t.not(second?.requestId, first?.requestId);
});

t.test('no more than the limit are under way', async (t) => {
  const own = new OwnProposals('h1.b', 2);
  for (const key of ['a', 'b', 'c']) own.offer(key, COMMAND, 0);
  t.equal(own.take().length, 2);
  own.clear();
  t.equal(own.hasQueued, false);
});
