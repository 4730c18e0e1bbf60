import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '@n3x/agent/store/level-store';
import t from 'tap';
import { type OpenedStore, type StorePlace, storageSuite } from './suite.ts';

const CHILD = join(import.meta.dirname, 'level-child.ts');

async function levelPlace(): Promise<StorePlace> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-store-'));
  return {
    open: () => openLevel(directory),
    crashInStream: async (count) => {
      const child = spawn(process.execPath, [CHILD, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      let [written, completed] = [0, 0];
      for await (const line of createInterface({ input: child.stdout })) {
        const [what, token] = line.split(' ');
        if (what === 'written') written = Number(token);
        else completed = Number(token);
        if (completed >= count) child.kill('SIGKILL');
      }
      const [, signal] = await exited;
      if (signal !== 'SIGKILL') throw new Error('the process ended by itself');
      return { written, completed };
    },
    dispose: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function openLevel(directory: string): Promise<OpenedStore> {
  const completions: OpenedStore['completions'][number][] = [];
  let outstanding = 0;
  let settled: (() => void) | undefined;
  const store = await openStore(directory, {
    onStored: (stored) => {
      completions.push(stored);
      outstanding -= stored.length;
      if (outstanding === 0) settled?.();
    },
  });
  return {
    state: await store.load(),
    completions,
    write: (write) => {
      outstanding++;
      store.write(write);
    },
    settle: async () => {
      if (outstanding > 0) {
        await new Promise<void>((resolve) => {
          settled = resolve;
        });
      }
    },
    close: () => store.close(),
  };
}

storageSuite({
  test: (name, body) => t.test(name, body),
  factory: levelPlace,
  supports: { keepsCompleted: true },
  runs: { model: 40, crashes: 8 },
});
