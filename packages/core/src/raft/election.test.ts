import t from 'tap';
import { SeededRandom } from '../base/random.ts';
import { appendTo1, entriesOf, NodeUnderTest, voteRequest } from './testing/node-under-test.ts';
import { LOCAL_APPEND } from './types.ts';

t.test('a follower that hears nothing campaigns for the next term (Raft 5.2)', (t) => {
  const node = new NodeUnderTest({ electionTick: 10, hardState: { term: 4, vote: 0, commit: 0 } });
  node.raw.setRandomizedElectionTimeout(12);
  for (let i = 0; i < 11; i++) node.raw.tick();
  t.equal(node.raw.softState.role, 'follower');
  node.raw.tick();
  const sent = node.settle();
  t.same(
    sent.map(({ type, to, term }) => ({ type, to, term })),
    [
      { type: 'MsgVote', to: 2, term: 5 },
      { type: 'MsgVote', to: 3, term: 5 },
    ],
  );
  t.equal(node.raw.status().vote, 1, 'it votes for itself');
  t.equal(node.storage.initialState().hardState.vote, 1, 'durably');
  t.end();
});

t.test('timeouts are drawn from one to two periods, and differ (Raft 5.2)', (t) => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const node = new NodeUnderTest({ electionTick: 10, random: new SeededRandom(seed) });
    let ticks = 0;
    while (node.raw.softState.role === 'follower') {
      node.raw.tick();
      ticks++;
    }
    t.ok(ticks >= 10 && ticks < 20, `${ticks} is in [10, 20)`);
    seen.add(ticks);
  }
  t.equal(seen.size, 10, 'every value occurs');
  t.end();
});

t.test('a majority elects (Raft 5.2)', (t) => {
  for (const { size, votes, refusals, role } of [
    { size: 1, votes: 0, refusals: 0, role: 'leader' },
    { size: 3, votes: 1, refusals: 0, role: 'leader' },
    { size: 3, votes: 0, refusals: 1, role: 'candidate' },
    { size: 3, votes: 0, refusals: 2, role: 'follower' },
    { size: 5, votes: 1, refusals: 0, role: 'candidate' },
    { size: 5, votes: 2, refusals: 0, role: 'leader' },
    { size: 5, votes: 1, refusals: 3, role: 'follower' },
  ]) {
    const node = new NodeUnderTest({ voters: Array.from({ length: size }, (_, i) => i + 1) });
    node.raw.campaign();
    node.settle();
    for (let i = 0; i < votes + refusals; i++) {
      node.step({ type: 'MsgVoteResp', from: i + 2, to: 1, term: 1, reject: i >= votes });
    }
    t.equal(node.raw.softState.role, role, `${votes} votes and ${refusals} refusals of ${size}`);
  }
  t.end();
});

t.test('the same voter counts once', (t) => {
  const node = new NodeUnderTest({ voters: [1, 2, 3, 4, 5] });
  node.raw.campaign();
  node.settle();
  for (let i = 0; i < 4; i++) node.step({ type: 'MsgVoteResp', from: 2, to: 1, term: 1, reject: false });
  t.equal(node.raw.softState.role, 'candidate');
  t.end();
});

t.test('one vote per term, first come first served (Raft 5.2)', (t) => {
  const node = new NodeUnderTest();
  const answer = (from: number): boolean[] =>
    node.step(voteRequest(from, 1, 0, 0)).flatMap((m) => (m.type === 'MsgVoteResp' ? [m.reject] : []));
  t.same(answer(2), [false]);
  t.same(answer(3), [true], 'not for another');
  t.same(answer(2), [false], 'again for the same');
  const restarted = new NodeUnderTest({ hardState: node.storage.initialState().hardState });
  t.same(
    restarted.step(voteRequest(3, 1, 0, 0)).map((m) => m.type === 'MsgVoteResp' && m.reject),
    [true],
    'nor after a restart',
  );
  t.end();
});

t.test('no vote for a log that is less up to date (Raft 5.4.1)', (t) => {
  for (const { log, index, logTerm, granted } of [
    { log: [1], index: 1, logTerm: 1, granted: true },
    { log: [1], index: 2, logTerm: 1, granted: true },
    { log: [1, 1], index: 1, logTerm: 1, granted: false },
    { log: [1, 1], index: 1, logTerm: 2, granted: true },
    { log: [2], index: 3, logTerm: 1, granted: false },
    { log: [], index: 0, logTerm: 0, granted: true },
  ]) {
    const node = new NodeUnderTest({ log, hardState: { term: 2, vote: 0, commit: 0 } });
    const [answer] = node.step(voteRequest(2, 3, index, logTerm));
    t.match(answer, { type: 'MsgVoteResp', term: 3, reject: !granted }, `${log} against ${logTerm}/${index}`);
  }
  t.end();
});

t.test('a candidate follows who won its term (Raft 5.2)', (t) => {
  for (const term of [1, 2]) {
    const node = new NodeUnderTest();
    node.raw.campaign();
    node.settle();
    node.step(appendTo1(2, term, 0, 0, []));
    t.same(node.raw.softState, { leader: 2, role: 'follower' });
    t.equal(node.raw.term, term);
  }
  t.end();
});

t.test('everyone gives way to a higher term (Raft 5.1)', (t) => {
  const follower = new NodeUnderTest();
  const candidate = new NodeUnderTest();
  candidate.raw.campaign();
  candidate.settle();
  const leader = new NodeUnderTest();
  leader.lead(2);
  t.equal(leader.raw.softState.role, 'leader');
  for (const node of [follower, candidate, leader]) {
    node.step(appendTo1(3, 9, 0, 0, []));
    t.same(node.raw.softState, { leader: 3, role: 'follower' });
    t.equal(node.storage.initialState().hardState.term, 9);
  }
  t.end();
});

t.test('messages of an older term change nothing (Raft 5.1)', (t) => {
  const node = new NodeUnderTest({ hardState: { term: 5, vote: 0, commit: 0 } });
  t.same(node.raw.step(appendTo1(2, 4, 0, 0, entriesOf(1, 4))), { status: 'ignored', reason: 'staleTerm' });
  t.same(node.settle(), []);
  t.equal(node.raw.lastIndex, 0);
  t.end();
});

t.test('votes leave only when they are durable (thesis 3.8)', (t) => {
  const node = new NodeUnderTest({ asyncStorageWrites: true });
  node.raw.step(voteRequest(2, 1, 0, 0));
  const { messages } = node.raw.ready();
  t.match(messages, [
    {
      type: 'MsgStorageAppend',
      to: LOCAL_APPEND,
      hardState: { term: 1, vote: 2 },
      responses: [{ type: 'MsgVoteResp' }],
    },
  ]);
  t.equal(messages.length, 1, 'nothing else leaves');
  t.end();
});

t.test('a candidate counts its own vote only when it is durable (thesis 3.8)', (t) => {
  const node = new NodeUnderTest({ voters: [1], asyncStorageWrites: true });
  node.raw.campaign();
  const [write] = node.raw.ready().messages;
  t.equal(node.raw.softState.role, 'candidate');
  t.equal(write?.type, 'MsgStorageAppend');
  if (write?.type === 'MsgStorageAppend') for (const m of write.responses) node.raw.step(m);
  t.equal(node.raw.softState.role, 'leader');
  t.end();
});

t.test('a pre-vote changes neither term nor vote, of either side (thesis 9.6)', (t) => {
  const asker = new NodeUnderTest({ preVote: true, hardState: { term: 3, vote: 2, commit: 0 } });
  asker.raw.campaign();
  t.match(asker.settle()[0], { type: 'MsgPreVote', term: 4 });
  t.match(asker.raw.status(), { role: 'preCandidate', term: 3, vote: 2 });
  const voter = new NodeUnderTest({ hardState: { term: 3, vote: 2, commit: 0 } });
  const [answer] = voter.step({ ...voteRequest(3, 4, 0, 0), type: 'MsgPreVote' });
  t.match(answer, { type: 'MsgPreVoteResp', term: 4, reject: false });
  t.match(voter.raw.status(), { term: 3, vote: 2 });
  asker.step({ type: 'MsgPreVoteResp', from: 2, to: 1, term: 4, reject: false });
  t.match(asker.raw.status(), { role: 'candidate', term: 4, vote: 1 });
  t.end();
});

t.test('whoever hears a leader does not help to depose it, unless the leader asked (thesis 4.2.3, 3.10)', (t) => {
  const node = new NodeUnderTest({ checkQuorum: true, electionTick: 5 });
  node.step(appendTo1(2, 1, 0, 0, []));
  t.same(node.step(voteRequest(3, 2, 9, 1)), []);
  t.equal(node.raw.term, 1);
  t.match(node.step({ ...voteRequest(3, 2, 9, 1), transfer: true }), [{ type: 'MsgVoteResp', reject: false }]);
  const later = new NodeUnderTest({ checkQuorum: true, electionTick: 5 });
  later.step(appendTo1(2, 1, 0, 0, []));
  later.raw.setRandomizedElectionTimeout(9);
  for (let i = 0; i < 5; i++) later.raw.tick();
  t.match(later.step(voteRequest(3, 2, 9, 1)), [{ type: 'MsgVoteResp', reject: false }], 'after the lease');
  t.end();
});

t.test('a leader that a quorum does not answer steps down (thesis 6.2)', (t) => {
  const node = new NodeUnderTest({ checkQuorum: true, electionTick: 3 });
  node.lead(2);
  node.ack(2, 1);
  for (let i = 0; i < 3; i++) node.raw.tick();
  t.equal(node.raw.softState.role, 'leader', 'one answer since the last check is enough');
  for (let i = 0; i < 3; i++) node.raw.tick();
  t.equal(node.raw.softState.role, 'follower');
  t.end();
});

t.test('with lease-based reads a restarted node waits before it votes', (t) => {
  const options = { checkQuorum: true, readOnlyOption: 'leaseBased', electionTick: 5 } as const;
  const node = new NodeUnderTest({ ...options, hardState: { term: 1, vote: 2, commit: 0 } });
  node.raw.setRandomizedElectionTimeout(9);
  t.same(node.step(voteRequest(3, 2, 0, 0)), [], 'it may have promised a lease');
  for (let i = 0; i < 5; i++) node.raw.tick();
  t.match(node.step(voteRequest(3, 2, 0, 0)), [{ type: 'MsgVoteResp', reject: false }]);
  t.end();
});

t.test('a node with a committed change that it has not applied does not campaign', (t) => {
  const node = new NodeUnderTest();
  const change = { transition: 'auto', changes: [{ type: 'remove', node: 1 }], context: new Uint8Array(0) } as const;
  node.raw.step(appendTo1(2, 1, 0, 0, [{ type: 'confChange', term: 1, index: 1, change }], 1));
  node.raw.campaign();
  t.equal(node.raw.softState.role, 'follower');
  t.ok(node.events.some((e) => e.type === 'campaignRefused' && e.reason === 'unappliedConfChange'));
  t.end();
});

t.test('a campaign does not stumble over what was compacted before its apply was answered', (t) => {
  const node = new NodeUnderTest({ asyncStorageWrites: true });
  node.raw.step(appendTo1(2, 1, 0, 0, entriesOf(1, 1, 1), 2));
  const ready = node.raw.ready();
  node.storage.append(ready.entries);
  for (const work of ready.messages) {
    if (work.type === 'MsgStorageAppend') for (const m of work.responses) if (m.to === 1) node.raw.step(m);
  }
  t.equal(node.raw.ready().committedEntries.length, 2);
  // The state machine has applied them and the storage has compacted them; the answer is under way.
  node.storage.compact(2);
  node.raw.campaign();
  t.equal(node.raw.softState.role, 'candidate');
  t.end();
});
