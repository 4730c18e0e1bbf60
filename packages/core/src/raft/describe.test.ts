import t from 'tap';
import { confChange, parseChanges } from './confchange/describe.ts';
import { describeData, describeEvent, describeMessage, describeReady, indent } from './describe.ts';
import { votersOnly } from './testing/node-under-test.ts';
import type { Entry } from './types.ts';

const data = (text: string): Uint8Array => new TextEncoder().encode(text);
const first: Entry = { type: 'normal', term: 1, index: 11, data: data('a b') };
const second: Entry = { type: 'confChange', term: 1, index: 12, change: confChange(parseChanges('v4 r1')) };
const app = { type: 'MsgApp', from: 1, to: 2, term: 1, index: 10, logTerm: 1, commit: 9 } as const;

t.test('messages', (t) => {
  t.equal(
    describeMessage({ ...app, entries: [first] }),
    '1->2 MsgApp Term:1 Log:1/10 Commit:9 Entries:[1/11 EntryNormal "a b"]',
  );
  t.equal(
    describeMessage({ ...app, commit: 0, entries: [first, second] }),
    '1->2 MsgApp Term:1 Log:1/10 Entries:[\n  1/11 EntryNormal "a b"\n  1/12 EntryConfChangeV2 v4 r1\n]',
  );
  t.equal(
    describeMessage({
      type: 'MsgAppResp',
      from: 2,
      to: 1,
      term: 1,
      index: 10,
      reject: true,
      rejectHint: 4,
      logTerm: 1,
    }),
    '2->1 MsgAppResp Term:1 Log:1/10 Rejected (Hint: 4)',
  );
  t.equal(
    describeMessage({
      type: 'MsgSnap',
      from: 1,
      to: 2,
      term: 3,
      snapshot: { index: 9, term: 2, confState: votersOnly(1, 2) },
    }),
    '1->2 MsgSnap Term:3 Log:0/0\n  Snapshot: Index:9 Term:2 ConfState:Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false',
  );
  t.equal(
    describeMessage({
      type: 'MsgStorageAppend',
      from: 1,
      to: -1,
      term: 2,
      hardState: { term: 2, vote: 1, commit: 3 },
      entries: [],
      responses: [{ type: 'MsgVoteResp', from: 1, to: 1, term: 2, reject: false }],
    }),
    '1->AppendThread MsgStorageAppend Term:2 Log:0/0 Commit:3 Vote:1 Responses:[\n  1->1 MsgVoteResp Term:2 Log:0/0\n]',
  );
  t.end();
});

t.test('Readys', (t) => {
  const empty = { readStates: [], entries: [], committedEntries: [], messages: [], mustSync: false };
  t.equal(describeReady(empty), '<empty Ready>');
  t.equal(
    describeReady({
      ...empty,
      softState: { leader: 2, role: 'preCandidate' },
      hardState: { term: 1, vote: 0, commit: 0 },
      readStates: [{ index: 4, context: 'r' }],
      entries: [first],
      committedEntries: [first],
      mustSync: true,
    }),
    'Ready MustSync=true:\nLead:2 State:StatePreCandidate\nHardState Term:1 Commit:0\nReadStates r@4\n' +
      'Entries:\n1/11 EntryNormal "a b"\nCommittedEntries:\n1/11 EntryNormal "a b"',
  );
  t.end();
});

t.test('data is printable, whatever it is', (t) => {
  t.equal(describeData(new Uint8Array([0, 10, 34, 92, 65, 255])), '"\\x00\\x0a\\"\\\\A\\xff"');
  t.end();
});

t.test('indentation and events', (t) => {
  t.equal(indent('a\n\nb'), '  a\n\n  b');
  t.equal(describeEvent({ type: 'role', role: 'leader', term: 3 }), 'StateLeader at term 3');
  t.end();
});
