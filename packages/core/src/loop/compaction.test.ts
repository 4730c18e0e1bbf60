import fc from 'fast-check';
import t from 'tap';
import type { Entry } from '../raft/types.ts';
import { Compaction, type CompactionOptions } from './compaction.ts';
import { entryBytes, LogMirror } from './log-mirror.ts';

const OPTIONS: CompactionOptions = {
  ...{ compactAfterEntries: 100, compactAfterBytes: 10_000, keepEntries: 60 },
  ...{ lagEntries: 200, lagBytes: 20_000 },
};

const EMPTY_CONF = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** A log that grows, and is cut as it is decided. */
class Grower {
  readonly log: LogMirror;
  readonly compaction: Compaction;
  applied = 0;
  /** What no live follower needs any more. */
  needed = Number.POSITIVE_INFINITY;
  asked = 0;
  cuts: [applied: number, index: number][] = [];

  constructor(options: Partial<CompactionOptions> = {}) {
    const position = { index: 0, term: 0 };
    const stored = { hardState: { term: 0, vote: 0, commit: 0 }, compacted: position, entries: [] };
    this.log = new LogMirror({ ...stored, applied: { ...position, confState: EMPTY_CONF } }, () => ({
      ...position,
      confState: EMPTY_CONF,
    }));
    this.compaction = new Compaction({ ...OPTIONS, ...options });
  }

  grow(count: number, bytes = 1): void {
    for (let i = 0; i < count; i++) {
      this.applied++;
      const entry: Entry = { type: 'normal', index: this.applied, term: 1, data: new Uint8Array(bytes) };
      this.log.append([entry]);
      const index = this.compaction.decide(this.log, this.applied, () => {
        this.asked++;
        return this.needed;
      });
      if (index === undefined) continue;
      this.log.compact(index);
      this.cuts.push([this.applied, index]);
    }
  }

  get held(): number {
    return this.applied - this.log.firstIndex() + 1;
  }
}

t.test('the log is cut seldom, and down to a tail', async (t) => {
  const grower = new Grower();
  grower.grow(300);
  t.same(grower.cuts, [
    [101, 41],
    [142, 82],
    [183, 123],
    [224, 164],
    [265, 205],
  ]);
  t.equal(grower.asked, 5, 'followers are looked at only when there is something to cut');
});

t.test('what a live follower needs is kept, up to a number of entries', async (t) => {
  const grower = new Grower();
  grower.needed = 20;
  grower.grow(200);
  t.same(grower.cuts, [[101, 20]], 'nothing beyond where it is');
  t.ok(grower.asked < 25, `asked ${grower.asked} times: not for every entry`);
  grower.grow(400);
  t.ok(grower.held <= 205, `${grower.held} are held`);
  t.ok((grower.cuts.at(-1)?.[1] ?? 0) > 20, 'beyond the limit it has to go without');
  grower.needed = Number.POSITIVE_INFINITY;
  grower.grow(10);
  t.ok(grower.held <= 70, 'once it is there, or gone, the log is cut as usual');
});

t.test('a log of few large entries is cut for its bytes', async (t) => {
  const grower = new Grower();
  grower.grow(40, 1_000);
  t.same(grower.cuts[0], [11, 6], 'half is left');
  t.ok(grower.log.bytes <= 10_000);
  const lagging = new Grower();
  lagging.needed = 0;
  lagging.grow(60, 1_000);
  t.ok(lagging.log.bytes <= 25_000, `${lagging.log.bytes} bytes are held for one that lags`);
  t.ok(lagging.log.bytes > 15_000);
});

t.test('the log is bounded, whatever is needed and however large the entries are', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.constantFrom(0, 1, 50, 900), fc.nat(600)), {
        maxLength: 30,
      }),
      (rounds) => {
        const grower = new Grower();
        for (const [count, bytes, needed] of rounds) {
          grower.needed = needed;
          grower.grow(count, bytes);
          const kept = grower.log.entries(grower.log.firstIndex(), grower.applied + 1, Number.MAX_SAFE_INTEGER);
          const sum = kept.reduce((total, entry) => total + entryBytes(entry), 0);
          if (grower.log.bytes !== sum) throw new Error(`${grower.log.bytes} bytes are counted, ${sum} are there`);
          if (grower.held > 205 || sum > 20_000 + 8 * 900) throw new Error(`${grower.held} entries, ${sum} bytes`);
          if (grower.applied - grower.held > grower.applied - 1 && grower.applied > 0) throw new Error('all is gone');
        }
      },
    ),
  );
});

t.test('the bytes of a replaced tail are not counted', async (t) => {
  const grower = new Grower();
  grower.grow(5, 10);
  const data = new Uint8Array(3);
  grower.log.append([{ type: 'normal', index: 3, term: 2, data }]);
  t.equal(grower.log.bytes, 23);
  grower.log.compact(2);
  t.equal(grower.log.bytes, 3);
  t.equal(grower.log.indexLeaving(3), 2);
  t.equal(grower.log.indexLeaving(2), 3);
});
