import t from 'tap';
import { SeededRandom } from '../base/random.ts';
import { MemoryStorage } from './memory-storage.ts';
import { RawNode } from './raw-node.ts';

function node(): RawNode {
  const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  return new RawNode({
    id: 1,
    storage: new MemoryStorage({ index: 2, term: 1, confState }),
    random: new SeededRandom(1),
    preVote: false,
    checkQuorum: false,
    asyncStorageWrites: true,
  });
}

t.test('the image shows what an input changed, and is a copy', (t) => {
  const raw = node();
  const fresh = raw.image();
  t.same(raw.image(), fresh, 'looking changes nothing');
  raw.campaign();
  t.notSame(raw.image(), fresh);
  t.equal(fresh.role, 'follower');
  t.equal(raw.image().role, 'candidate');
  t.equal(raw.image().messages.length, 2);
  t.end();
});

t.test('nodes that were told the same have the same image', (t) => {
  const [a, b] = [node(), node()];
  for (const raw of [a, b]) {
    raw.campaign();
    raw.ready();
    raw.step({ type: 'MsgVoteResp', from: 2, to: 1, term: 1, reject: false });
    raw.step({ type: 'MsgVoteResp', from: 1, to: 1, term: 1, reject: false });
    raw.readIndex('r');
    raw.propose(new Uint8Array([1]));
  }
  t.equal(a.image().role, 'leader');
  t.same(a.image(), b.image());
  b.ready();
  t.notSame(a.image(), b.image(), 'what was handed out is not outstanding any more');
  t.end();
});
