import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import t from 'tap';
import type { ConfChange, ConfState, Entry, Message, ProposedEntry, SnapshotMeta } from '../raft/types.ts';
import { decodePeerMessage, encodePeerMessage } from './codec.ts';
import type { PeerMessage } from './peer-message.ts';
import { checkAddressing, MESSAGE_CODES } from './schema.ts';
import { WireError } from './wire-error.ts';

const plain = { noNullPrototype: true };
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const id = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const data = fc.uint8Array({ maxLength: 300 });
const context = fc.string({ maxLength: 40, unit: 'grapheme' });
const members = fc.uniqueArray(id, { maxLength: 7 }).map((list) => list.sort((a, b) => a - b));

const change: fc.Arbitrary<ConfChange> = fc.record(
  {
    transition: fc.constantFrom('auto', 'implicit', 'explicit'),
    changes: fc.array(
      fc.record({ type: fc.constantFrom('addVoter', 'addLearner', 'remove', 'update'), node: id }, plain),
      { maxLength: 4 },
    ),
    context: data,
  },
  plain,
);
const confState: fc.Arbitrary<ConfState> = fc.record(
  { voters: members, votersOutgoing: members, learners: members, learnersNext: members, autoLeave: fc.boolean() },
  plain,
);
const snapshot: fc.Arbitrary<SnapshotMeta> = fc.record({ index: count, term: count, confState }, plain);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ type: fc.constant('normal'), term: id, index: id, data }, plain),
  fc.record({ type: fc.constant('confChange'), term: id, index: id, change }, plain),
);
const proposed: fc.Arbitrary<ProposedEntry> = fc.oneof(
  fc.record({ type: fc.constant('normal'), data }, plain),
  fc.record({ type: fc.constant('confChange'), change }, plain),
);

const head = { from: id, to: id, term: count };
const reject = fc.boolean();
const raft: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant('MsgProp'), ...head, entries: fc.array(proposed, { maxLength: 4 }) }, plain),
  fc.record(
    {
      type: fc.constant('MsgApp'),
      ...head,
      index: count,
      logTerm: count,
      entries: fc.array(entry, { maxLength: 20 }),
      commit: count,
    },
    plain,
  ),
  fc.record(
    { type: fc.constant('MsgAppResp'), ...head, index: count, reject, rejectHint: count, logTerm: count },
    plain,
  ),
  fc.record(
    { type: fc.constantFrom('MsgVote', 'MsgPreVote'), ...head, index: count, logTerm: count, transfer: fc.boolean() },
    plain,
  ),
  fc.record({ type: fc.constantFrom('MsgVoteResp', 'MsgPreVoteResp'), ...head, reject }, plain),
  fc.record(
    {
      type: fc.constantFrom('MsgVoteResp', 'MsgPreVoteResp'),
      ...head,
      reject,
      committed: fc.record({ index: count, term: count }, plain),
    },
    plain,
  ),
  fc.record({ type: fc.constant('MsgSnap'), ...head, snapshot }, plain),
  fc.record({ type: fc.constant('MsgHeartbeat'), ...head, commit: count, context }, plain),
  fc.record({ type: fc.constant('MsgHeartbeat'), ...head, commit: count, context, sentAt: count }, plain),
  fc.record({ type: fc.constant('MsgHeartbeatResp'), ...head, context, sentAt: count }, plain),
  fc.record({ type: fc.constant('MsgHeartbeatResp'), ...head, context }, plain),
  fc.record({ type: fc.constant('MsgReadIndex'), ...head, context }, plain),
  fc.record({ type: fc.constant('MsgReadIndexResp'), ...head, index: count, context }, plain),
  fc.record({ type: fc.constantFrom('MsgTransferLeader'), ...head }, plain),
  fc.record({ type: fc.constantFrom('MsgTimeoutNow'), ...head }, plain),
  fc.record({ type: fc.constantFrom('MsgForgetLeader'), ...head }, plain),
);
const peerMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('raft'), message: raft }, plain) },
  fc.record(
    {
      type: fc.constant('snapshotChunk'),
      term: count,
      snapshot,
      offset: count,
      last: fc.boolean(),
      records: fc.array(fc.tuple(fc.string({ maxLength: 60 }), data), { maxLength: 10 }),
      checksum: fc.nat(0xffff_ffff),
    },
    plain,
  ),
  fc.record({ type: fc.constant('snapshotAck'), index: count, term: count, next: count }, plain),
  fc.record(
    {
      type: fc.constant('members'),
      index: count,
      members: fc.array(
        fc.record(
          {
            id,
            peerId: fc.string({ maxLength: 60 }),
            addresses: fc.array(fc.string({ maxLength: 60 }), { maxLength: 4 }),
          },
          plain,
        ),
        { maxLength: 4 },
      ),
    },
    plain,
  ),
);

/** What decoding makes of `bytes`: a message, or the reason of a refusal; anything else fails the test. */
function attempt(bytes: Uint8Array): PeerMessage | WireError {
  try {
    return decodePeerMessage(bytes);
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

function reason(bytes: Uint8Array): string {
  const result = attempt(bytes);
  return result instanceof WireError ? result.reason : 'accepted';
}

const pack = (value: unknown): Uint8Array => new Packr({ useRecords: false }).pack(value);

t.test('every message reads back as it was written', async (t) => {
  fc.assert(
    fc.property(peerMessage, (message) => {
      t.strictSame(decodePeerMessage(encodePeerMessage(message)), message);
    }),
    { numRuns: 400 },
  );
});

t.test('a message owns its bytes', async (t) => {
  const message: PeerMessage = {
    type: 'raft',
    message: { type: 'MsgProp', from: 1, to: 2, term: 0, entries: [{ type: 'normal', data: Uint8Array.of(1, 2, 3) }] },
  };
  const bytes = encodePeerMessage(message);
  const decoded = decodePeerMessage(bytes);
  bytes.fill(0);
  t.strictSame(decoded, message);
});

t.test('garbage is refused with a typed error, whatever it is', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      t.ok(attempt(bytes) instanceof WireError);
    }),
    { numRuns: 2_000 },
  );
});

t.test(
  'a message with bytes changed, cut or added is another message or is refused, and nothing else happens',
  async (t) => {
    const harm = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(peerMessage, harm, fc.nat(), fc.uint8Array({ maxLength: 3 }), (message, changes, cut, tail) => {
        const whole = encodePeerMessage(message);
        const bytes = new Uint8Array([...whole.subarray(0, 1 + (cut % whole.length)), ...tail]);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const result = attempt(bytes);
        if (!(result instanceof WireError)) t.strictSame(attempt(encodePeerMessage(result)), result);
      }),
      { numRuns: 2_000 },
    );
  },
);

t.test('any MessagePack value that is not a message is refused', async (t) => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: false, maxDepth: 3 }), (value) => {
      let bytes: Uint8Array;
      try {
        bytes = pack(value);
      } catch {
        return;
      }
      t.ok(attempt(bytes) instanceof WireError);
    }),
  );
});

t.test('what is out of range or of a wrong type', async (t) => {
  const resp = MESSAGE_CODES.MsgAppResp;
  t.equal(reason(pack([resp, 1, 2, 3, 4, false, 5, 6])), 'accepted');
  t.equal(reason(pack([resp, 0, 2, 3, 4, false, 5, 6])), 'outOfRange', 'no host is 0');
  t.equal(reason(pack([resp, -1, 2, 3, 4, false, 5, 6])), 'malformed');
  t.equal(reason(pack([resp, 1, 2, 3.5, 4, false, 5, 6])), 'outOfRange');
  t.equal(reason(pack([resp, 1, 2, 2 ** 53, 4, false, 5, 6])), 'outOfRange');
  t.equal(reason(pack([resp, 1, 2, Number.NaN, 4, false, 5, 6])), 'outOfRange');
  t.equal(reason(pack([resp, 1, 2, 3, 4, 0, 5, 6])), 'malformed');
  t.equal(reason(pack([resp, 1, 2, '3', 4, false, 5, 6])), 'malformed');
  t.equal(reason(pack([resp, 1, 2, 3, 4, false, 5])), 'malformed', 'a field is missing');
  t.equal(reason(pack([resp, 1, 2, 3, 4, false, 5, 6, 7])), 'malformed', 'a field too many');
  t.equal(reason(pack({ type: 'MsgApp' })), 'malformed');
  t.equal(reason(pack([])), 'malformed');
  const heartbeat = (text: string): Uint8Array => pack([MESSAGE_CODES.MsgHeartbeat, 1, 2, 3, 4, text]);
  t.equal(reason(heartbeat('x'.repeat(1_024))), 'accepted');
  t.equal(reason(heartbeat('x'.repeat(1_025))), 'outOfRange');
  const app = (entries: unknown): Uint8Array => pack([MESSAGE_CODES.MsgApp, 1, 2, 3, 4, 3, 4, entries]);
  t.equal(reason(app([[3, 5, Uint8Array.of(1)]])), 'accepted');
  t.equal(reason(app([[3, 5, 'text']])), 'malformed');
  t.equal(reason(app([[3, 5, Uint8Array.of(1), 1]])), 'malformed');
  t.equal(reason(app([[3, 0, Uint8Array.of(1)]])), 'outOfRange', 'there is no entry 0');
  t.equal(reason(app([[3, 5, 7, [], new Uint8Array(0)]])), 'outOfRange', 'there is no transition 7');
  const snap = (voters: number[]): Uint8Array =>
    pack([MESSAGE_CODES.MsgSnap, 1, 2, 3, [9, 3, [voters, [], [], [], false]]]);
  t.equal(reason(snap([1, 2])), 'accepted');
  t.equal(reason(snap([2, 1])), 'outOfRange');
  t.equal(reason(snap([1, 1])), 'outOfRange');
});

t.test('lengths that promise more than there is reserve nothing', async (t) => {
  for (const bytes of [
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0x98, 2, 1, 2, 3, 4, 3, 4, 0xdd, 0xff, 0xff, 0xff, 0xff],
    [0x98, 2, 1, 2, 3, 4, 3, 4, 0xdd, 0x00, 0x01, 0x00, 0x00],
    [0x98, 2, 1, 2, 3, 4, 3, 4, 0x91, 0x93, 1, 1, 0xc6, 0xff, 0xff, 0xff, 0xff],
  ]) {
    t.ok(attempt(Uint8Array.from(bytes)) instanceof WireError);
  }
});

t.test('messages that stay on a host are neither written nor read', async (t) => {
  const local: Message[] = [
    { type: 'MsgHup', from: 1, to: 1, term: 0 },
    { type: 'MsgUnreachable', from: 2, to: 1, term: 0 },
    { type: 'MsgSnapStatus', from: 2, to: 1, term: 0, reject: true },
    { type: 'MsgStorageAppend', from: 1, to: 1, term: 1, entries: [], responses: [] },
    { type: 'MsgStorageApplyResp', from: 1, to: 1, term: 0, entries: [] },
  ];
  for (const message of local) {
    t.throws(
      () => encodePeerMessage({ type: 'raft', message }),
      { name: WireError.name, reason: 'unknownType' },
      message.type,
    );
  }
  const known = new Set<number>(Object.values(MESSAGE_CODES));
  for (let code = 0; code < 256; code++) {
    if (known.has(code)) continue;
    t.equal(reason(pack([code, 1, 2, 3])), 'unknownType', `code ${code}`);
  }
});

t.test('a peer speaks for itself, and to this host', async (t) => {
  const vote = (from: number, to: number): PeerMessage => ({
    type: 'raft',
    message: { type: 'MsgVoteResp', from, to, term: 1, reject: false },
  });
  t.doesNotThrow(() => checkAddressing(vote(2, 1), 2, 1));
  t.throws(() => checkAddressing(vote(3, 1), 2, 1), { name: WireError.name, reason: 'wrongSender' });
  t.throws(() => checkAddressing(vote(2, 3), 2, 1), { name: WireError.name, reason: 'wrongReceiver' });
  const passedOn: PeerMessage = {
    type: 'raft',
    message: { type: 'MsgReadIndex', from: 3, to: 1, term: 0, context: 'x' },
  };
  t.doesNotThrow(() => checkAddressing(passedOn, 2, 1), 'a follower passes reads of others on to the leader');
});
