import fc from 'fast-check';
import t from 'tap';
import { SeededRandom } from '../base/random.ts';
import type { SnapshotAck, SnapshotChunk } from '../wire/peer-message.ts';
import { chunkChecksum } from './snapshot-checksum.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { CHUNK_BYTES, cutPieces, GIVE_UP_MS, RESEND_MS, SnapshotSender } from './snapshot-sender.ts';

const META = {
  index: 40,
  term: 3,
  confState: { voters: [1], votersOutgoing: [], learners: [2], learnersNext: [], autoLeave: false },
};

function records(count: number, bytes: number): (readonly [string, Uint8Array])[] {
  return Array.from({ length: count }, (_, i) => [`vm/v${i}`, new Uint8Array(bytes).fill(i & 0xff)] as const);
}

/** A sender whose pieces are collected. */
function sender(): { sender: SnapshotSender; sent: SnapshotChunk[]; ended: boolean[] } {
  const sent: SnapshotChunk[] = [];
  const ended: boolean[] = [];
  const made = new SnapshotSender({
    send: (_to, chunk) => void sent.push(chunk),
    finished: (_to, ok) => void ended.push(ok),
  });
  return { sender: made, sent, ended };
}

t.test('the checksum is CRC-32', async (t) => {
  t.equal(chunkChecksum([]), 0);
  t.not(chunkChecksum([['a', Uint8Array.of(1)]]), chunkChecksum([['a', Uint8Array.of(2)]]));
  t.not(chunkChecksum([['a', Uint8Array.of(1)]]), chunkChecksum([['b', Uint8Array.of(1)]]));
});

t.test('pieces are bounded, and there is always one', async (t) => {
  t.equal(cutPieces([]).length, 1);
  const pieces = cutPieces(records(100, 10_000));
  t.ok(pieces.length >= 4);
  for (const piece of pieces.slice(0, -1)) {
    const bytes = piece.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
    t.ok(bytes >= CHUNK_BYTES && bytes < CHUNK_BYTES + 10_100);
  }
});

t.test('a snapshot arrives whole over a link that loses, doubles and reorders', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 0, max: 60 }), (seed, count) => {
      const random = new SeededRandom(seed);
      const all = records(count, 20_000);
      const toReceiver: SnapshotChunk[] = [];
      const toSender: SnapshotAck[] = [];
      let finished: boolean | null = null;
      const from = new SnapshotSender({
        send: (_to, chunk) => void toReceiver.push(chunk),
        finished: (_to, ok) => {
          finished = ok;
        },
      });
      const to = new SnapshotReceiver();
      let nowMs = 0;
      let complete: readonly (readonly [string, Uint8Array])[] | null = null;
      from.start(2, 3, META, all, nowMs);
      for (let step = 0; step < 3_000 && finished === null; step++) {
        nowMs += 100;
        from.tick(nowMs);
        if (toReceiver.length > 0) {
          const [chunk] = toReceiver.splice(random.below(toReceiver.length), 1);
          const copies = chunk === undefined || random.below(4) === 0 ? 0 : 1 + random.below(2);
          for (let i = 0; i < copies && chunk !== undefined; i++) {
            const damaged = random.below(8) === 0;
            const result = to.receive(1, damaged ? { ...chunk, checksum: chunk.checksum ^ 1 } : chunk);
            if (result.ack !== null) toSender.push(result.ack);
            if (result.complete !== null) complete = result.complete.records;
          }
        }
        if (toSender.length > 0) {
          const [ack] = toSender.splice(random.below(toSender.length), 1);
          if (ack !== undefined && random.below(4) !== 0) from.acknowledged(2, ack.index, ack.next, nowMs);
        }
      }
      return finished === true && JSON.stringify(complete) === JSON.stringify(all);
    }),
    { numRuns: 60 },
  );
  t.pass();
});

t.test('a piece that is not answered is sent again, and a follower that is silent given up', async (t) => {
  const { sender: from, sent, ended } = sender();
  from.start(2, 3, META, records(1, 10), 0);
  t.equal(sent.length, 1);
  from.tick(RESEND_MS - 1);
  t.equal(sent.length, 1);
  from.tick(RESEND_MS);
  t.equal(sent.length, 2);
  from.tick(GIVE_UP_MS);
  t.same(ended, [false]);
  from.acknowledged(2, META.index, 1, GIVE_UP_MS);
  t.same(ended, [false], 'an answer that comes too late changes nothing');
});

t.test('a newer snapshot replaces the one under way; an older one is ignored', async (t) => {
  const receiver = new SnapshotReceiver();
  const piece = (index: number, offset: number, last: boolean): SnapshotChunk => ({
    type: 'snapshotChunk',
    term: 3,
    snapshot: { ...META, index },
    offset,
    last,
    records: [],
    checksum: chunkChecksum([]),
  });
  t.match(receiver.receive(1, piece(40, 0, false)), { ack: { next: 1 }, complete: null });
  t.match(receiver.receive(1, piece(50, 0, false)), { ack: { index: 50, next: 1 } });
  t.same(receiver.receive(1, piece(40, 1, true)), { ack: null, complete: null });
  t.match(receiver.receive(1, piece(50, 1, true)), { complete: { snapshot: { index: 50 } } });
  t.match(receiver.receive(1, piece(50, 1, true)), { ack: { next: 2 }, complete: null }, 'the last piece again');
});
