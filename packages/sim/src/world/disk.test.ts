import { SeededRandom } from '@n3x/core/base/random';
import type { StorageWrite } from '@n3x/core/ports/storage';
import t from 'tap';
import { SimulatedDisk, type Stored } from './disk.ts';

/** A disk on a clock that is moved by hand. */
function setUp(seed = 1) {
  let now = 0;
  let due: { at: number; run: () => void }[] = [];
  const clock = { after: (delayMs: number, run: () => void) => void due.push({ at: now + delayMs, run }) };
  const latency = { minMs: 1, maxMs: 2, slowPermille: 100, slowMs: 500 };
  const disk = new SimulatedDisk({ clock, random: new SeededRandom(seed), latency });
  const advance = (toMs: number): void => {
    for (;;) {
      const next = due.filter(({ at }) => at <= toMs).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      due = due.filter((one) => one !== next);
      now = next.at;
      next.run();
    }
    now = toMs;
  };
  return { disk, advance, now: () => now };
}

function entryWrite(index: number, sync: boolean): StorageWrite {
  return { token: index, sync, entries: [{ type: 'normal', index, term: 1, data: new Uint8Array([index]) }] };
}

function entriesOf(disk: SimulatedDisk): number {
  const loaded = disk.load();
  if (!loaded.ok) throw loaded.error;
  return loaded.state.entries.length;
}

t.test('the same seed gives the same run, another one another', async (t) => {
  const run = (seed: number): string => {
    const { disk, advance, now } = setUp(seed);
    const trace: unknown[] = [];
    for (let round = 0, index = 1; round < 20; round++) {
      const port = disk.attach((stored) => trace.push([now(), stored.map(({ token }) => token)]));
      for (let n = 0; n < 12; n++) {
        port.write(entryWrite(index++, n % 3 === 0));
        advance(now() + 0.7);
      }
      disk.crash(round % 2 === 0 ? 'power' : 'process');
      index = entriesOf(disk) + 1;
      trace.push(index, round === 10 ? disk.rot() : '');
      if (round === 10) break;
    }
    return JSON.stringify(trace);
  };
  t.equal(run(7), run(7));
  t.not(run(7), run(8));
});

t.test('what was not synced survives a crash of the process and may be lost in a power cut', async (t) => {
  const survivors = new Set<number>();
  for (let seed = 1; seed <= 60; seed++) {
    const { disk, advance } = setUp(seed);
    const port = disk.attach(() => undefined);
    port.write(entryWrite(1, true));
    port.write(entryWrite(2, false));
    advance(2000);
    port.write(entryWrite(3, false));
    port.write(entryWrite(4, false));
    advance(4000);
    t.equal(disk.outstanding, 0);
    disk.crash('process');
    disk.crash('power');
    survivors.add(entriesOf(disk));
    t.equal(entriesOf(disk), entriesOf(disk), 'once decided it stays');
  }
  t.same([...survivors].sort(), [1, 2, 3, 4], 'every prefix that keeps the synced write');
});

t.test('what was read back is durable, whether it had been synced before or not', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const { disk, advance } = setUp(seed);
    const port = disk.attach(() => undefined);
    port.write(entryWrite(1, true));
    port.write(entryWrite(2, false));
    advance(2000);
    disk.crash('process');
    t.equal(entriesOf(disk), 2);
    disk.attach(() => undefined);
    disk.crash('power');
    t.equal(entriesOf(disk), 2);
  }
});

t.test('completions for a process that is gone are dropped', async (t) => {
  const { disk, advance } = setUp();
  const heard: Stored[] = [];
  disk.attach((stored) => heard.push(...stored)).write(entryWrite(1, true));
  disk.crash('power');
  const left = entriesOf(disk);
  disk.attach((stored) => heard.push(...stored)).write(entryWrite(left + 1, true));
  advance(2000);
  t.same(heard, [{ token: left + 1, outcome: { ok: true } }]);
});

t.test('a stalled disk completes nothing until it is resumed', async (t) => {
  const { disk, advance } = setUp();
  const heard: Stored[] = [];
  const port = disk.attach((stored) => heard.push(...stored));
  disk.stall();
  port.write(entryWrite(1, true));
  advance(10_000);
  port.write(entryWrite(2, true));
  advance(20_000);
  t.same(heard, []);
  disk.resume();
  advance(30_000);
  t.same(
    heard.map(({ token }) => token),
    [1, 2],
  );
});

t.test('after a failed write every later one fails alike, and none of them survives', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const { disk, advance } = setUp(seed);
    const heard: Stored[] = [];
    const port = disk.attach((stored) => heard.push(...stored));
    port.write(entryWrite(1, true));
    advance(2000);
    disk.fail('full');
    port.write(entryWrite(2, true));
    advance(4000);
    disk.mend();
    port.write(entryWrite(3, true));
    advance(6000);
    port.write(entryWrite(4, true));
    const outcomes = heard.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.reason));
    t.same(outcomes, ['ok', 'full', 'full']);
    disk.crash('power');
    t.equal(entriesOf(disk), 1);
  }
});

t.test('a disk that stays full fails the next process too', async (t) => {
  const { disk, advance } = setUp();
  disk.fail('readOnly');
  const heard: Stored[] = [];
  disk.attach((stored) => heard.push(...stored)).write(entryWrite(1, true));
  advance(2000);
  t.match(heard, [{ token: 1, outcome: { ok: false, reason: 'readOnly' } }]);
});

t.test('bit rot shows when the disk is read, unless the value was replaced', async (t) => {
  const keys = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { disk, advance } = setUp(seed);
    disk.reset({
      meta: {
        index: 5,
        term: 2,
        confState: { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
      },
      records: [['cluster', new Uint8Array([1])]],
    });
    let port = disk.attach(() => undefined);
    port.write(entryWrite(6, true));
    advance(2000);
    const key = disk.rot();
    keys.add(key);
    disk.crash('power');
    t.match(disk.load(), { ok: false, error: { code: 'N3X_CORRUPT', details: { record: key } } });
    port = disk.attach(() => undefined);
    if (key === 'entry 6') port.write(entryWrite(6, true));
    if (key === 'hard state') port.write({ token: 9, sync: true, hardState: { term: 3, vote: 0, commit: 5 } });
    advance(4000);
    disk.crash('power');
    t.equal(disk.load().ok, key !== 'cluster');
  }
  t.same([...keys].sort(), ['cluster', 'entry 6', 'hard state']);
});

t.test('a disk has one process at a time', async (t) => {
  const { disk } = setUp();
  const port = disk.attach(() => undefined);
  t.throws(() => disk.attach(() => undefined), /has a process/);
  t.throws(() => disk.load(), /in use/);
  t.throws(() => disk.reset(), /in use/);
  disk.crash('process');
  t.throws(() => port.write(entryWrite(1, true)), /process that is gone/);
  disk.reset();
  t.equal(entriesOf(disk), 0);
});
