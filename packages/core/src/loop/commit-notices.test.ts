import t from 'tap';
import type { Message, MsgApp } from '../raft/types.ts';
import { CommitNotices } from './commit-notices.ts';

function setUp() {
  const sent: Message[] = [];
  const notices = new CommitNotices((message) => sent.push(message));
  const append = (to: number, commit: number, entries: MsgApp['entries'] = []): void =>
    notices.pass({ type: 'MsgApp', from: 1, to, term: 2, index: 7, logTerm: 2, commit, entries });
  const entry = { type: 'normal', term: 2, index: 8, data: new Uint8Array([1]) } as const;
  /** What was sent since the last look. */
  const look = (): string[] =>
    sent.splice(0).map((m) => `${m.type} to ${m.to}${'commit' in m ? ` commit ${m.commit}` : ''}`);
  return { notices, append, entry, look };
}

t.test('an append with entries takes the notice along', async (t) => {
  const { notices, append, entry, look } = setUp();
  append(2, 7);
  t.ok(notices.any);
  append(2, 7, [entry]);
  t.same(look(), ['MsgApp to 2 commit 7']);
  t.notOk(notices.any);
});

t.test('a notice that nothing makes superfluous leaves at the second wake, the last one only', async (t) => {
  const { notices, append, look } = setUp();
  append(2, 7);
  append(3, 7);
  notices.wake();
  append(2, 8);
  t.same(look(), []);
  notices.wake();
  t.same(look(), ['MsgApp to 2 commit 8', 'MsgApp to 3 commit 7']);
  t.notOk(notices.any);
});

t.test('what is no news of a commit leaves at once: it probes', async (t) => {
  const { notices, append, entry, look } = setUp();
  append(2, 7, [entry]);
  append(2, 7);
  t.same(look(), ['MsgApp to 2 commit 7', 'MsgApp to 2 commit 7']);
  t.notOk(notices.any);
});

t.test('a follower whose client waits is told at once', async (t) => {
  const { notices, append, look } = setUp();
  notices.awaited(2, 8);
  append(2, 8);
  append(3, 8);
  t.same(look(), ['MsgApp to 2 commit 8']);
  append(2, 9);
  t.same(look(), []);
  notices.pass({ type: 'MsgReadIndexResp', from: 1, to: 2, term: 2, index: 9, context: 'r' });
  t.same(look(), ['MsgApp to 2 commit 9', 'MsgReadIndexResp to 2']);
});

t.test('a new office starts afresh', async (t) => {
  const { notices, append, look } = setUp();
  append(2, 7);
  notices.clear();
  notices.wake();
  notices.wake();
  t.same(look(), []);
  append(2, 3);
  t.ok(notices.any, 'what an earlier office told is forgotten');
});
