import fc from 'fast-check';
import t from 'tap';
import { SeededRandom } from '../base/random.ts';
import { MemoryStorage } from './memory-storage.ts';
import { RawNode } from './raw-node.ts';
import { appendTo1, entriesOf, NodeUnderTest, votersOnly } from './testing/node-under-test.ts';
import { LOCAL_APPEND, type Message } from './types.ts';

const number = fc.oneof(
  fc.integer({ min: -3, max: 12 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1.5, 2 ** 60, Number.MAX_SAFE_INTEGER),
);
const small = fc.nat(6);
const entry = fc.record({
  type: fc.constant('normal' as const),
  term: number,
  index: number,
  data: fc.constant(new Uint8Array(1)),
});
const members = fc.array(number, { maxLength: 4 });
const confState = fc.record({
  voters: members,
  votersOutgoing: members,
  learners: members,
  learnersNext: members,
  autoLeave: fc.boolean(),
});

/** Anything at all in the shape of a message; with `value` small, often a plausible one. */
function anyMessage(value: fc.Arbitrary<number>): fc.Arbitrary<Message> {
  const base = { from: fc.oneof(fc.integer({ min: 1, max: 5 }), number), to: fc.constantFrom(1, 1, 1, 2), term: value };
  const type = <T extends string>(...names: T[]): fc.Arbitrary<T> => fc.constantFrom(...names);
  const position = { index: value, logTerm: value };
  return fc.oneof(
    fc.record({
      ...base,
      ...position,
      type: type('MsgApp'),
      entries: fc.array(entry, { maxLength: 3 }),
      commit: value,
    }),
    fc.record({ ...base, ...position, type: type('MsgAppResp'), reject: fc.boolean(), rejectHint: value }),
    fc.record({ ...base, ...position, type: type('MsgVote', 'MsgPreVote'), transfer: fc.boolean() }),
    fc.record({ ...base, type: type('MsgVoteResp', 'MsgPreVoteResp'), reject: fc.boolean() }),
    fc.record({ ...base, type: type('MsgSnap'), snapshot: fc.record({ index: value, term: value, confState }) }),
    fc.record({ ...base, type: type('MsgHeartbeat'), commit: value, context: fc.string(), sentAt: value }),
    fc.record({ ...base, type: type('MsgHeartbeatResp'), context: fc.string(), sentAt: value }),
    fc.record({ ...base, type: type('MsgReadIndexResp'), index: value, context: fc.string() }),
    fc.record({ ...base, type: type('MsgReadIndex'), context: fc.string() }),
    fc.record({ ...base, type: type('MsgTimeoutNow', 'MsgTransferLeader', 'MsgForgetLeader', 'MsgHup', 'MsgBeat') }),
    fc.record({ ...base, type: type('MsgSnapStatus'), reject: fc.boolean() }),
  );
}

t.test('no message from outside breaks a node, nor what it has committed', (t) => {
  const start = fc.constantFrom('follower', 'candidate', 'leader');
  const messages = fc.array(fc.oneof(anyMessage(small), anyMessage(number)), { maxLength: 30 });
  fc.assert(
    fc.property(start, messages, (role, list) => {
      const node = new NodeUnderTest({
        log: [1, 1, 1],
        hardState: { term: 1, vote: 0, commit: 2 },
        asyncStorageWrites: false,
      });
      if (role === 'candidate') node.raw.campaign();
      if (role === 'leader') node.lead(2);
      for (const message of list) {
        node.step(message);
        if (node.raw.firstIndex <= 2 && (node.raw.termAt(1) !== 1 || node.raw.termAt(2) !== 1)) return false;
        if (node.raw.committed < 2 || node.raw.committed > node.raw.lastIndex) return false;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
  t.end();
});

t.test('each fault has a name', (t) => {
  const node = new NodeUnderTest();
  const app = appendTo1(2, 1, 0, 0, entriesOf(1, 1));
  const answer = { type: 'MsgVoteResp', from: 9, to: 1, term: 1, reject: false } as const;
  const cases: [Message, string][] = [
    [{ ...app, to: 2 }, 'misaddressed'],
    [{ ...app, term: 0 }, 'malformed'],
    [{ ...app, from: 0 }, 'malformed'],
    [{ ...app, entries: entriesOf(2, 1) }, 'malformed'],
    [{ ...app, entries: entriesOf(1, 2) }, 'malformed'],
    [answer, 'unknownPeer'],
    [{ type: 'MsgHup', from: 2, to: 1, term: 0 }, 'localOnly'],
    [{ type: 'MsgUnreachable', from: 2, to: 1, term: 0 }, 'localOnly'],
    [{ type: 'MsgStorageAppendResp', from: 2, to: 1, term: 1, index: 1, logTerm: 1 }, 'localOnly'],
    [{ ...app, from: LOCAL_APPEND }, 'malformed'],
  ];
  for (const [message, reason] of cases) {
    t.same(node.raw.step(message), { status: 'ignored', reason }, `${message.type}: ${reason}`);
  }
  t.notOk(node.raw.hasReady(), 'and nothing happened');
  t.end();
});

t.test('a heartbeat that names a commit beyond the log is reported, and not obeyed', (t) => {
  const node = new NodeUnderTest({ log: [1] });
  const beat = { type: 'MsgHeartbeat', from: 2, to: 1, term: 1, commit: 5, context: '' } as const;
  t.same(node.raw.step(beat), { status: 'ignored', reason: 'commitBeyondLog' });
  t.equal(node.raw.committed, 0);
  t.end();
});

t.test('options out of range are refused by name', (t) => {
  const base = { id: 1, storage: new MemoryStorage(), random: new SeededRandom(1) };
  for (const [wrong, name] of [
    [{ id: 0 }, 'id'],
    [{ id: LOCAL_APPEND }, 'id'],
    [{ electionTick: 1 }, 'electionTick'],
    [{ heartbeatTick: 0 }, 'heartbeatTick'],
    [{ maxInflightMsgs: 0 }, 'maxInflightMsgs'],
    [{ maxInflightBytes: 1, maxSizePerMsg: 2 }, 'maxInflightBytes'],
    [{ maxUncommittedEntriesSize: Number.NaN }, 'maxUncommittedEntriesSize'],
    [{ readOnlyOption: 'leaseBased', checkQuorum: false }, 'readOnlyOption'],
    [{ leaseMarginTicks: 10 }, 'leaseMarginTicks'],
  ] as const) {
    t.throws(() => new RawNode({ ...base, ...wrong }), { code: 'N3X_CONFIG', message: new RegExp(name) });
  }
  t.ok(new RawNode(base));
  t.same(votersOnly(1).voters, [1]);
  t.end();
});
