import t from 'tap';
import { confChange, LEAVE_JOINT, parseChanges } from './confchange/describe.ts';
import { appendTo1, NodeUnderTest, votersOnly } from './testing/node-under-test.ts';
import type { ConfChangeEntry } from './types.ts';

t.test('one change at a time (thesis 4.1)', (t) => {
  const node = new NodeUnderTest({ log: [1], hardState: { term: 1, vote: 0, commit: 0 } });
  node.lead(2);
  const propose = (text: string) => node.raw.proposeConfChange(confChange(parseChanges(text)));
  t.match(propose('v4'), { confChangeRefused: /pending at 1/ }, 'what an earlier leader left may be a change');
  node.settle();
  node.ack(2, 3);
  t.notOk('confChangeRefused' in propose('v4'));
  node.settle();
  t.match(propose('v5'), { confChangeRefused: /pending at 4/ });
  node.settle();
  node.ack(2, 5);
  t.same(node.raw.confState.voters, [1, 2, 3, 4]);
  t.notOk('confChangeRefused' in propose('v5'));
  t.end();
});

t.test('in a joint configuration both halves have to agree (thesis 4.3)', (t) => {
  const node = new NodeUnderTest();
  node.lead(2);
  node.ack(2, 1);
  node.raw.proposeConfChange(confChange(parseChanges('v4 v5 r2 r3'), 'explicit'));
  node.settle();
  node.ack(2, 2);
  t.same(node.raw.confState, { ...votersOnly(1, 4, 5), votersOutgoing: [1, 2, 3] });
  node.raw.propose(new Uint8Array(1));
  node.settle();
  node.ack(2, 3);
  node.ack(3, 3);
  t.equal(node.raw.committed, 2, 'the old half is not enough');
  node.ack(4, 3);
  t.equal(node.raw.committed, 3);
  t.match(node.raw.proposeConfChange(confChange(parseChanges('v6'))), { confChangeRefused: /left first/ });
  node.settle();
  node.raw.proposeConfChange(LEAVE_JOINT);
  node.settle();
  node.ack(2, 5);
  node.ack(4, 5);
  t.same(node.raw.confState, votersOnly(1, 4, 5));
  t.notOk(node.raw.status().progress.has(2), 'those who left are forgotten');
  t.end();
});

t.test('several changes, or an implicit one, are left automatically', (t) => {
  for (const change of [confChange(parseChanges('v4 v5')), confChange(parseChanges('v4'), 'implicit')]) {
    const node = new NodeUnderTest({ voters: [1] });
    node.lead();
    node.raw.proposeConfChange(change);
    const sent = node.settle();
    t.ok(node.raw.confState.autoLeave);
    t.ok(
      sent.some((m) => m.type === 'MsgApp' && m.to === 4),
      'new members are probed at once',
    );
    const last = node.raw.lastIndex;
    node.ack(4, last);
    node.ack(5, last);
    t.same(node.raw.confState.votersOutgoing, []);
    t.equal(node.applied.at(-1)?.type, 'confChange');
  }
  t.end();
});

t.test('a learner gets entries and counts for nothing (thesis 4.2.1)', (t) => {
  const node = new NodeUnderTest({ voters: [1, 2], learners: [3] });
  const sent = node.lead(2);
  t.ok(sent.some((m) => m.to === 3));
  node.ack(3, 1);
  t.equal(node.raw.committed, 0);
  const learner = new NodeUnderTest({ voters: [2, 3], learners: [1] });
  learner.raw.campaign();
  t.equal(learner.raw.softState.role, 'follower');
  const [vote] = learner.step({ type: 'MsgVote', from: 2, to: 1, term: 1, index: 0, logTerm: 0, transfer: false });
  t.match(vote, { type: 'MsgVoteResp', reject: false }, 'yet it votes when asked');
  t.end();
});

t.test('a leader that removed itself steps down, or stays without counting itself (thesis 4.2.2)', (t) => {
  for (const stepDownOnRemoval of [true, false]) {
    const node = new NodeUnderTest({ stepDownOnRemoval });
    node.lead(2);
    node.ack(2, 1);
    node.raw.proposeConfChange(confChange(parseChanges('r1')));
    node.settle();
    node.ack(2, 2);
    t.same(node.raw.confState.voters, [2, 3]);
    t.equal(node.raw.softState.role, stepDownOnRemoval ? 'follower' : 'leader');
    t.match(node.raw.propose(new Uint8Array(1)), {
      status: 'dropped',
      reason: stepDownOnRemoval ? 'noLeader' : 'notMember',
    });
  }
  t.end();
});

t.test('a committed change that is not possible changes nothing', (t) => {
  const node = new NodeUnderTest({ voters: [1] });
  t.match(node.raw.applyConfChange(confChange(parseChanges('r1'))), { refused: /no voter/, confState: votersOnly(1) });
  t.match(node.raw.applyConfChange(LEAVE_JOINT), { refused: /not joint/ });
  t.end();
});

t.test('a change that a snapshot has overtaken changes nothing', (t) => {
  const node = new NodeUnderTest({ asyncStorageWrites: true });
  const change: ConfChangeEntry = { type: 'confChange', term: 1, index: 1, change: confChange(parseChanges('r3')) };
  node.raw.step(appendTo1(2, 1, 0, 0, [change], 1));
  node.raw.step({
    type: 'MsgSnap',
    from: 2,
    to: 1,
    term: 1,
    snapshot: { index: 9, term: 1, confState: votersOnly(1, 2, 4) },
  });
  t.match(node.raw.applyConfChange(change.change, 1), { refused: /overtaken/ });
  t.same(node.raw.confState, votersOnly(1, 2, 4));
  t.end();
});

t.test('removing the slowest voter commits what the rest holds', (t) => {
  const node = new NodeUnderTest({ voters: [1, 2, 3, 4] });
  node.lead(2, 3);
  node.ack(2, 1);
  node.ack(3, 1);
  node.raw.proposeConfChange(confChange(parseChanges('r4')));
  node.raw.propose(new Uint8Array(1));
  node.settle();
  node.ack(2, 3);
  t.equal(node.raw.committed, 1);
  node.ack(3, 2);
  t.equal(node.raw.committed, 3, 'two of three are a majority now');
  t.end();
});
