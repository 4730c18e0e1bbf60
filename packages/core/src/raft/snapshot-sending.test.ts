import t from 'tap';
import { NodeUnderTest } from './testing/node-under-test.ts';
import { type Message, type MsgAppResp, RaftStorageError } from './types.ts';

/** A leader whose log begins at 5, in term 1. */
function compactedLeader(): NodeUnderTest {
  const node = new NodeUnderTest();
  node.lead(2);
  for (let i = 0; i < 5; i++) node.raw.propose(new Uint8Array(1));
  node.settle();
  node.ack(2, node.raw.lastIndex);
  node.storage.createSnapshot(4, node.raw.confState);
  node.storage.compact(4);
  return node;
}

const refusal = (from: number, index: number, hint: number): MsgAppResp => ({
  ...{ type: 'MsgAppResp', from, to: 1, term: 1, index },
  ...{ reject: true, rejectHint: hint, logTerm: 0 },
});

const answer = (from: number): Message => ({ type: 'MsgHeartbeatResp', from, to: 1, term: 1, context: '' });
const snapshots = (sent: readonly Message[]): Message[] => sent.filter((m) => m.type === 'MsgSnap');

t.test('a follower that needs compacted entries gets the snapshot, and nothing else until it has it (Raft 7)', (t) => {
  const node = compactedLeader();
  t.match(snapshots(node.step(refusal(3, 0, 0))), [{ to: 3, snapshot: { index: 4, term: 1 } }]);
  t.match(node.raw.status().progress.get(3), { state: 'snapshot', pendingSnapshot: 4 });
  node.raw.propose(new Uint8Array(1));
  t.same(
    node.settle().filter((m) => m.to === 3),
    [],
  );
  t.ok(node.ack(3, 4).some((m) => m.type === 'MsgApp' && m.index === 4));
  t.end();
});

t.test('a snapshot that is being made is asked for again with the next answer to a heartbeat', (t) => {
  const node = compactedLeader();
  const { storage } = node;
  const make = storage.snapshot.bind(storage);
  storage.snapshot = () => {
    throw new RaftStorageError('temporarilyUnavailable');
  };
  t.same(snapshots(node.step(refusal(3, 0, 0))), []);
  t.match(node.raw.status().progress.get(3), { state: 'probe' });
  storage.snapshot = make;
  t.equal(snapshots(node.step(answer(3))).length, 1);
  t.end();
});

t.test('nothing is sent to whoever was not heard from: it would hold a snapshot back for nobody', (t) => {
  const node = compactedLeader();
  node.raw.reportUnreachable(3);
  node.raw.propose(new Uint8Array(1));
  t.same(snapshots(node.settle()), []);
  t.match(node.raw.status().progress.get(3), { recentActive: false });
  t.end();
});

t.test('a storage that fails otherwise is not passed over', (t) => {
  const node = compactedLeader();
  node.storage.snapshot = () => {
    throw new RaftStorageError('unavailable');
  };
  t.throws(() => node.step(refusal(3, 0, 0)), { message: /unavailable/ });
  t.end();
});
