import { SeededRandom } from '@n3x/core/base/random';
import { SimulatedDisk } from '@n3x/sim/world/disk';
import t from 'tap';
import { writeStream } from './stream.ts';
import { type OpenedStore, type StorePlace, storageSuite } from './suite.ts';

/** Virtual time: runs what is due next, as long as it is asked to. */
class Timeline {
  #now = 0;
  #due: { at: number; run: () => void }[] = [];

  after(delayMs: number, run: () => void): void {
    this.#due.push({ at: this.#now + delayMs, run });
    this.#due.sort((a, b) => a.at - b.at);
  }

  /** Runs one thing; false when there is none. */
  step(): boolean {
    const next = this.#due.shift();
    if (next === undefined) return false;
    this.#now = next.at;
    next.run();
    return true;
  }
}

/** Where a simulated disk is used; `power` says whether its crashes are power cuts. */
function simulatedPlace(seed: number, power: boolean): StorePlace {
  const timeline = new Timeline();
  const disk = new SimulatedDisk({
    clock: timeline,
    random: new SeededRandom(seed),
    latency: { minMs: 0.1, maxMs: 2, slowPermille: 50, slowMs: 40 },
  });
  const open = async (): Promise<OpenedStore> => {
    const loaded = disk.load();
    if (!loaded.ok) throw loaded.error;
    const completions: OpenedStore['completions'][number][] = [];
    const port = disk.attach((stored) => completions.push(stored));
    const settle = async (): Promise<void> => {
      while (disk.outstanding > 0) timeline.step();
    };
    return {
      state: loaded.state,
      completions,
      write: (write) => port.write(write),
      settle,
      close: async () => {
        await settle();
        disk.crash('process');
      },
    };
  };
  return {
    open,
    crashInStream: async (count) => {
      const store = await open();
      let written = 0;
      let completed = 0;
      for (const write of writeStream()) {
        store.write(write);
        written = write.token;
        if (written % 4 === 0) timeline.step();
        completed = store.completions.at(-1)?.at(-1)?.token ?? 0;
        if (completed >= count) break;
      }
      disk.crash(power ? 'power' : 'process');
      return { written, completed };
    },
    dispose: async () => undefined,
  };
}

let seed = 1;
t.test('process crashes', async (t) => {
  storageSuite({
    test: (name, body) => t.test(name, body),
    factory: async () => simulatedPlace(seed++, false),
    supports: { keepsCompleted: true },
    runs: { model: 150, crashes: 60 },
  });
});
t.test('power cuts', async (t) => {
  storageSuite({
    test: (name, body) => t.test(name, body),
    factory: async () => simulatedPlace(seed++, true),
    supports: { keepsCompleted: false },
    runs: { model: 20, crashes: 60 },
  });
});
