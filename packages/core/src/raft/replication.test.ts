import t from 'tap';
import { appendTo1, entriesOf, NodeUnderTest, votersOnly } from './testing/node-under-test.ts';

t.test('a leader begins its term with an empty entry and sends it (thesis 6.4, step 1)', (t) => {
  const node = new NodeUnderTest({ log: [1], hardState: { term: 1, vote: 0, commit: 1 } });
  const sent = node.lead(2);
  t.match(sent, [
    { type: 'MsgApp', to: 2, term: 2, index: 1, logTerm: 1, commit: 1, entries: [{ term: 2, index: 2 }] },
    { type: 'MsgApp', to: 3 },
  ]);
  t.end();
});

t.test(
  'a leader sends heartbeats every interval, with a commit index the follower is known to hold (Raft 5.2)',
  (t) => {
    const node = new NodeUnderTest({ heartbeatTick: 2 });
    node.lead(2);
    node.ack(2, 1);
    node.raw.tick();
    t.same(node.settle(), []);
    node.raw.tick();
    t.match(node.settle(), [
      { type: 'MsgHeartbeat', to: 2, commit: 1 },
      { type: 'MsgHeartbeat', to: 3, commit: 0 },
    ]);
    t.end();
  },
);

t.test('an entry is committed once a majority holds it (Raft 5.3)', (t) => {
  for (const { size, acks, committed } of [
    { size: 3, acks: 0, committed: false },
    { size: 3, acks: 1, committed: true },
    { size: 5, acks: 1, committed: false },
    { size: 5, acks: 2, committed: true },
  ]) {
    const voters = Array.from({ length: size }, (_, i) => i + 1);
    const node = new NodeUnderTest({ voters });
    node.lead(...voters.slice(1));
    const result = node.raw.propose(new Uint8Array([7]));
    node.settle();
    for (let i = 0; i < acks; i++) node.ack(i + 2, 2);
    t.equal(node.raw.committed === 2, committed, `${acks} of ${size}`);
    t.match(result, { status: 'accepted', index: 2, term: 1 });
  }
  t.end();
});

t.test('an entry of an older term is never committed by counting (Raft 5.4.2)', (t) => {
  const node = new NodeUnderTest({ log: [1, 2], hardState: { term: 2, vote: 0, commit: 0 } });
  node.lead(2);
  node.ack(2, 1);
  t.equal(node.raw.committed, 0);
  node.ack(2, 2);
  t.equal(node.raw.committed, 0, 'although a majority holds it');
  node.ack(2, 3);
  t.equal(node.raw.committed, 3, 'with the first entry of the term everything before it');
  t.end();
});

t.test('a follower takes what follows a matching entry, and says otherwise how far it may match (Raft 5.3)', (t) => {
  for (const { log, at, ok } of [
    { log: [], at: { index: 0, term: 0 }, ok: true },
    { log: [1, 1], at: { index: 2, term: 1 }, ok: true },
    { log: [1, 1], at: { index: 1, term: 1 }, ok: true },
    { log: [1, 1], at: { index: 3, term: 2 }, ok: false },
    { log: [1, 1], at: { index: 2, term: 2 }, ok: false },
  ]) {
    const node = new NodeUnderTest({ log, hardState: { term: 2, vote: 0, commit: 0 } });
    const [answer] = node.step(appendTo1(2, 3, at.index, at.term, entriesOf(at.index + 1, 3)));
    t.match(answer, { type: 'MsgAppResp', reject: !ok }, `${log} at ${at.term}/${at.index}`);
    if (ok) t.equal(node.raw.lastIndex, at.index + 1);
    else t.equal(node.raw.lastIndex, log.length);
  }
  t.end();
});

t.test('a conflict replaces the rest of the log, agreement does not (Raft 5.3)', (t) => {
  const terms = (node: NodeUnderTest): (number | undefined)[] =>
    Array.from({ length: node.raw.lastIndex }, (_, i) => node.raw.termAt(i + 1));
  const conflicting = new NodeUnderTest({ log: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 1 } });
  conflicting.step(appendTo1(2, 2, 1, 1, entriesOf(2, 2)));
  t.same(terms(conflicting), [1, 2]);
  const delayed = new NodeUnderTest({ log: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 1 } });
  delayed.step(appendTo1(2, 2, 1, 1, entriesOf(2, 1)));
  t.same(terms(delayed), [1, 1, 1], 'an older, shorter append takes nothing away');
  t.end();
});

t.test('a follower commits no further than what it knows to match (Raft figure 2, AppendEntries 5)', (t) => {
  const node = new NodeUnderTest({ log: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 0 } });
  node.step(appendTo1(2, 2, 1, 1, [], 3));
  t.equal(node.raw.committed, 1);
  t.end();
});

t.test('an append that would replace a committed entry is passed over', (t) => {
  const node = new NodeUnderTest({ log: [1, 1], hardState: { term: 1, vote: 0, commit: 2 } });
  t.match(node.raw.step(appendTo1(2, 2, 2, 1, [])), { status: 'stepped' });
  const below = node.step(appendTo1(2, 2, 1, 1, entriesOf(2, 2)));
  t.match(below.at(-1), { type: 'MsgAppResp', reject: false, index: 2 }, 'what is committed is acknowledged');
  t.equal(node.raw.termAt(2), 1);
  t.end();
});

t.test('committed entries are applied in order, once (Raft 5.3)', (t) => {
  const node = new NodeUnderTest();
  node.step(appendTo1(2, 1, 0, 0, entriesOf(1, 1, 1, 1), 2));
  node.step(appendTo1(2, 1, 3, 1, [], 3));
  node.step(appendTo1(2, 1, 3, 1, [], 3));
  t.same(
    node.applied.map((entry) => entry.index),
    [1, 2, 3],
  );
  t.end();
});

t.test('acknowledgements leave only when the entries are durable (thesis 3.8)', (t) => {
  const node = new NodeUnderTest({ asyncStorageWrites: true });
  node.raw.step(appendTo1(2, 1, 0, 0, entriesOf(1, 1)));
  const { messages } = node.raw.ready();
  t.equal(messages.length, 1);
  t.match(messages[0], {
    type: 'MsgStorageAppend',
    entries: [{ index: 1 }],
    responses: [{ type: 'MsgAppResp' }, { type: 'MsgStorageAppendResp', index: 1, logTerm: 1 }],
  });
  t.end();
});

t.test('nothing is applied in async mode before it is durable here', (t) => {
  const node = new NodeUnderTest({ asyncStorageWrites: true });
  node.raw.step(appendTo1(2, 1, 0, 0, entriesOf(1, 1), 1));
  const first = node.raw.ready();
  t.equal(node.raw.committed, 1);
  t.same(first.committedEntries, []);
  const [write] = first.messages;
  if (write?.type !== 'MsgStorageAppend') return t.fail('no write');
  node.storage.append(write.entries);
  for (const m of write.responses) if (m.to === 1) node.raw.step(m);
  t.match(node.raw.ready().messages, [{ type: 'MsgStorageApply', entries: [{ index: 1 }] }]);
  return t.end();
});

t.test('looking whether there is work changes nothing', (t) => {
  const node = new NodeUnderTest();
  node.raw.campaign();
  t.ok(node.raw.hasReady());
  const before = node.raw.status();
  t.ok(node.raw.hasReady());
  t.same(node.raw.status(), before);
  t.equal(node.raw.ready().messages.length, 2);
  node.raw.advance();
  t.notOk(node.raw.hasReady());
  t.end();
});

t.test('a snapshot replaces a log that it does not fit, and nothing else (Raft 7)', (t) => {
  const snapshot = (index: number, term: number) => ({ index, term, confState: votersOnly(1, 2, 3) });
  const lagging = new NodeUnderTest({ log: [1, 1], hardState: { term: 1, vote: 0, commit: 1 } });
  const answer = lagging.step({ type: 'MsgSnap', from: 2, to: 1, term: 2, snapshot: snapshot(5, 2) });
  t.match(answer.at(-1), { type: 'MsgAppResp', index: 5 });
  t.match(lagging.raw.status(), { firstIndex: 6, lastIndex: 5, committed: 5, applied: 5 });

  const holder = new NodeUnderTest({ log: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 1 } });
  holder.step({ type: 'MsgSnap', from: 2, to: 1, term: 2, snapshot: snapshot(2, 1) });
  t.match(holder.raw.status(), { firstIndex: 1, lastIndex: 3, committed: 2 }, 'entries after it are kept');

  const ahead = new NodeUnderTest({ log: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 3 } });
  t.match(ahead.step({ type: 'MsgSnap', from: 2, to: 1, term: 2, snapshot: snapshot(2, 1) }).at(-1), { index: 3 });
  t.equal(ahead.raw.lastIndex, 3);
  t.end();
});

t.test('a restarted node goes on where its storage and its state machine stand', (t) => {
  const node = new NodeUnderTest({ log: [1, 1, 2], hardState: { term: 2, vote: 3, commit: 2 }, applied: 1 });
  t.match(node.raw.status(), { term: 2, vote: 3, committed: 2, applied: 1, lastIndex: 3, role: 'follower' });
  t.same(node.settle(), []);
  t.same(
    node.applied.map((entry) => entry.index),
    [2],
  );
  t.throws(() => new NodeUnderTest({ log: [1], hardState: { term: 1, vote: 0, commit: 2 } }), /beyond the log/);
  t.end();
});
