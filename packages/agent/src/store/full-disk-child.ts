/**
 * For the test of full disks. `write DIR` writes until the store fails, and a little more; `read DIR` reads
 * back. Each prints one line of JSON.
 */
import { N3xError } from '@n3x/core/base/errors';
import type { StorageOutcome } from '@n3x/core/ports/storage';
import { openStore } from './level-store.ts';

const [, , what, directory = ''] = process.argv;
const LATER_WRITES = 3;

async function writeUntilFailure(): Promise<unknown> {
  let acknowledged = 0;
  const failures: StorageOutcome[] = [];
  let complete: (outcome: StorageOutcome) => void = () => undefined;
  const store = await openStore(directory, {
    onStored: ([stored]) => complete(stored?.outcome ?? { ok: true }),
  });
  await store.load();
  for (let index = 1; failures.length <= LATER_WRITES; index++) {
    const outcome = await new Promise<StorageOutcome>((resolve) => {
      complete = resolve;
      const data = new Uint8Array(50_000).fill(index);
      store.write({ token: index, sync: true, entries: [{ type: 'normal', index, term: 1, data }] });
    });
    if (outcome.ok) acknowledged = index;
    else failures.push(outcome);
  }
  await store.close();
  return { acknowledged, failures };
}

async function readBack(): Promise<unknown> {
  try {
    const store = await openStore(directory, { onStored: () => undefined });
    const { entries } = await store.load();
    await store.close();
    return { entries: entries.length };
  } catch (error) {
    if (error instanceof N3xError) return { error: error.toBody() };
    throw error;
  }
}

console.log(JSON.stringify(await (what === 'write' ? writeUntilFailure() : readBack())));
