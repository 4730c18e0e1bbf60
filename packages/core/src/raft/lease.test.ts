import t from 'tap';
import { NodeUnderTest, type Start, voteRequest } from './testing/node-under-test.ts';
import type { Message, MsgHeartbeat } from './types.ts';

const LEASED = { checkQuorum: true, readOnlyOption: 'leaseBased', electionTick: 10, leaseMarginTicks: 1 } as const;

function beat(from: number, term: number, sentAt: number): MsgHeartbeat {
  return { type: 'MsgHeartbeat', from, to: 1, term, commit: 0, context: '', sentAt };
}

/** A follower of node 2 in term 1, told that it is `now`. */
function follower(now: number, options: Start = {}): NodeUnderTest {
  const node = new NodeUnderTest({ ...LEASED, ...options });
  node.raw.setClock(now);
  node.raw.setRandomizedElectionTimeout(10);
  return node;
}

const votes = (sent: readonly Message[]): Message[] => sent.filter((m) => m.type === 'MsgVoteResp' && !m.reject);

t.test('a promise is kept by the clock: no burst of late ticks ends it (thesis 6.4.1)', (t) => {
  const node = follower(1000);
  t.match(node.step(beat(2, 1, 77)), [{ type: 'MsgHeartbeatResp', sentAt: 77 }]);
  for (let i = 0; i < 50; i++) node.raw.tick();
  t.equal(node.raw.softState.role, 'follower', 'it does not campaign itself');
  t.same(node.step(voteRequest(3, 2, 0, 0)), []);
  node.raw.setClock(1010);
  t.equal(votes(node.step(voteRequest(3, 2, 0, 0))).length, 1);
  t.end();
});

t.test('a promise outlasts the term in which it was made (thesis 6.4.1)', (t) => {
  const node = follower(0);
  node.step(beat(2, 1, 0));
  // A message of a later term, which is no vote, takes the node there.
  node.step({ type: 'MsgTransferLeader', from: 3, to: 1, term: 5 });
  t.equal(node.raw.term, 5);
  t.same(node.step(voteRequest(3, 5, 0, 0)), []);
  node.raw.setClock(10);
  t.equal(votes(node.step(voteRequest(3, 5, 0, 0))).length, 1);
  t.end();
});

t.test('a vote that the leader asked for breaks the promise (thesis 3.10)', (t) => {
  const node = follower(0);
  node.step(beat(2, 1, 0));
  t.equal(votes(node.step({ ...voteRequest(3, 2, 0, 0), transfer: true })).length, 1);
  t.end();
});

t.test('a node that keeps no promises makes none', (t) => {
  const node = follower(0, { readOnlyOption: 'safe' });
  const [answer] = node.step(beat(2, 1, 77));
  t.match(answer, { type: 'MsgHeartbeatResp' });
  t.notOk(answer !== undefined && 'sentAt' in answer);
  t.end();
});

t.test('what was promised before the first time was told lasts as long', (t) => {
  const node = new NodeUnderTest({ ...LEASED, hardState: { term: 1, vote: 2, commit: 0 } });
  for (let i = 0; i < 4; i++) node.raw.tick();
  node.raw.setClock(5000);
  node.raw.setClock(5005.9);
  t.same(node.step(voteRequest(3, 2, 0, 0)), [], 'a restarted node may have promised before');
  node.raw.setClock(5006);
  t.equal(votes(node.step(voteRequest(3, 2, 0, 0))).length, 1);
  t.end();
});

t.test('a leader that was stopped does not read by its old lease (thesis 6.4.1)', (t) => {
  const node = new NodeUnderTest(LEASED);
  node.raw.setClock(100);
  node.lead(2);
  node.ack(2, 1);
  node.raw.tick();
  const sent = node.settle().find((m) => m.type === 'MsgHeartbeat');
  t.match(sent, { sentAt: 100 });
  node.step({ type: 'MsgHeartbeatResp', from: 2, to: 1, term: 1, context: '', sentAt: 100 });
  node.raw.setClock(107);
  node.raw.readIndex('in time');
  node.settle();
  t.match(node.reads, [{ context: 'in time' }]);
  // It was stopped for an hour, and hears of a read before any of its timers.
  node.raw.setClock(72_000);
  node.raw.readIndex('late');
  t.ok(
    node.settle().some((m) => m.type === 'MsgHeartbeat' && m.context !== ''),
    'it asks',
  );
  t.equal(node.reads.length, 1);
  node.raw.setClock(0);
  node.raw.readIndex('by a clock set back');
  node.settle();
  t.equal(node.reads.length, 1);
  t.end();
});

t.test('the lease counts from when the heartbeat was sent, not from its answer (thesis 6.4.1)', (t) => {
  const node = new NodeUnderTest(LEASED);
  node.raw.setClock(100);
  node.lead(2);
  node.ack(2, 1);
  node.raw.tick();
  node.settle();
  node.raw.setClock(108);
  node.step({ type: 'MsgHeartbeatResp', from: 2, to: 1, term: 1, context: '', sentAt: 100 });
  node.raw.readIndex('late answer');
  node.settle();
  t.equal(node.reads.length, 0);
  node.step({ type: 'MsgHeartbeatResp', from: 3, to: 1, term: 1, context: '', sentAt: 109 });
  node.raw.readIndex('an answer to what was never sent');
  node.settle();
  t.equal(node.reads.length, 0);
  t.end();
});
