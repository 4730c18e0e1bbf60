import t from 'tap';
import { ReadQueue } from './read-queue.ts';
import { NodeUnderTest } from './testing/node-under-test.ts';
import type { Message } from './types.ts';

const beats = (sent: readonly Message[]): string[] =>
  sent.flatMap((m) => (m.type === 'MsgHeartbeat' && m.to === 2 ? [m.context] : []));

/** A leader of three with its first entry committed. */
function leader(options: ConstructorParameters<typeof NodeUnderTest>[0] = {}): NodeUnderTest {
  const node = new NodeUnderTest(options);
  node.lead(2);
  node.ack(2, 1);
  node.settle();
  return node;
}

t.test('a read waits for a quorum to confirm the leader (thesis 6.4)', (t) => {
  const node = leader();
  t.same(node.raw.readIndex('a'), { status: 'accepted' });
  t.same(node.raw.readIndex('b'), { status: 'accepted' });
  const [context, ...more] = beats(node.settle());
  t.same(more, [], 'both in one round');
  t.same(node.reads, []);
  const answer = { type: 'MsgHeartbeatResp', from: 2, to: 1, term: 1, context: context ?? '' } as const;
  node.step({ ...answer, context: 'nonsense' });
  node.step({ ...answer, context: '99' });
  t.same(node.reads, [], 'answers to rounds that were never sent count for nothing');
  node.step(answer);
  t.same(node.reads, [
    { index: 1, context: 'a' },
    { index: 1, context: 'b' },
  ]);
  t.end();
});

t.test('only voters are asked: a thousand learners must not be for every read', (t) => {
  const node = leader({ learners: [4, 5] });
  node.settle();
  node.raw.readIndex('a');
  const asked = node.settle().flatMap((m) => (m.type === 'MsgHeartbeat' ? [m.to] : []));
  t.same(asked, [2, 3]);
  node.raw.tick();
  const beaten = node.settle().flatMap((m) => (m.type === 'MsgHeartbeat' ? [m.to] : []));
  t.same(beaten, [2, 3, 4, 5], 'the beat of the clock is for everybody');
  t.end();
});

t.test('an answer confirms its round and those before it, not the ones after', (t) => {
  const node = leader();
  node.raw.readIndex('a');
  const [first] = beats(node.settle());
  node.raw.readIndex('b');
  const [second] = beats(node.settle());
  const answer = { type: 'MsgHeartbeatResp', from: 2, to: 1, term: 1, context: first ?? '' } as const;
  node.step(answer);
  t.same(
    node.reads.map((r) => r.context),
    ['a'],
  );
  node.step({ ...answer, from: 3, context: second ?? '' });
  t.same(
    node.reads.map((r) => r.context),
    ['a', 'b'],
  );
  t.end();
});

t.test('a lost round is sent again with the next heartbeat', (t) => {
  const node = leader();
  node.raw.readIndex('a');
  const lost = beats(node.settle());
  node.raw.tick();
  t.same(beats(node.settle()), lost);
  t.end();
});

t.test('a new leader postpones reads until its first commit (thesis 6.4, step 1)', (t) => {
  const node = new NodeUnderTest();
  node.lead(2);
  node.raw.readIndex('early');
  t.same(beats(node.settle()), []);
  t.equal(beats(node.ack(2, 1)).length, 1);
  t.end();
});

t.test('reads at a follower go to the leader, and without one nowhere', (t) => {
  const node = new NodeUnderTest();
  t.same(node.raw.readIndex('a'), { status: 'dropped', reason: 'noLeader' });
  node.step({ type: 'MsgHeartbeat', from: 2, to: 1, term: 1, commit: 0, context: '' });
  t.same(node.raw.readIndex('a'), { status: 'forwarded', to: 2 });
  t.match(node.settle(), [{ type: 'MsgReadIndex', from: 1, to: 2, context: 'a' }]);
  node.step({ type: 'MsgReadIndexResp', from: 2, to: 1, term: 1, index: 7, context: 'a' });
  t.same(node.reads, [{ index: 7, context: 'a' }]);
  t.end();
});

t.test('reads are lost with the office, and bounded in number', (t) => {
  const node = leader({ maxPendingReads: 2 });
  node.raw.readIndex('a');
  node.raw.readIndex('b');
  t.same(node.raw.readIndex('c'), { status: 'dropped', reason: 'tooManyReads' });
  node.step({ type: 'MsgHeartbeat', from: 3, to: 1, term: 2, commit: 0, context: '' });
  t.equal(node.raw.status().pendingReads, 0);
  t.end();
});

t.test('with a lease no round is needed, until the lease ends or the office is handed over (thesis 6.4.1)', (t) => {
  const node = leader({ checkQuorum: true, readOnlyOption: 'leaseBased', electionTick: 10, leaseMarginTicks: 1 });
  node.raw.readIndex('first');
  const sent = node.settle().find((m) => m.type === 'MsgHeartbeat');
  t.match(sent, { sentAt: 0 });
  node.step({ type: 'MsgHeartbeatResp', from: 2, to: 1, term: 1, context: '1', sentAt: 0 });
  t.equal(node.reads.length, 1);
  for (let i = 0; i < 7; i++) node.raw.tick();
  node.raw.readIndex('in time');
  node.settle();
  t.equal(node.reads.length, 2);
  node.raw.tick();
  node.raw.readIndex('too late');
  node.settle();
  t.equal(node.reads.length, 2);
  node.step({ type: 'MsgHeartbeatResp', from: 2, to: 1, term: 1, context: '2', sentAt: 8 });
  t.equal(node.reads.length, 3);
  node.ack(2, node.raw.lastIndex);
  node.raw.transferLeader(2);
  node.raw.readIndex('after a transfer began');
  node.settle();
  t.equal(node.reads.length, 3, 'a forced election may happen at any time');
  t.end();
});

t.test('the queue keeps its order and forgets what it served', (t) => {
  const queue = new ReadQueue(10_000);
  for (let i = 0; i < 5000; i++) {
    queue.add({ from: 1, context: `${i}` }, i);
    queue.takeContext();
    const served = i % 2 === 0 ? [] : queue.release(i + 1);
    t.same(
      served.map((r) => r.index),
      i % 2 === 0 ? [] : [i - 1, i],
    );
  }
  t.equal(queue.size, 0);
  t.end();
});
