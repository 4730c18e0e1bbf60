/** Searches for planted bugs, each in a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { Hunt } from './hunt.ts';
import type { Mutation } from './mutation.ts';

/** Looks for one planted bug from each of `firsts` on, one search after the other. Rejects when it does not run. */
export async function search(mutation: Mutation, firsts: readonly number[]): Promise<readonly Hunt[]> {
  const { name, rewrites = [] } = mutation;
  const worker = new Worker(new URL('./search-thread.ts', import.meta.url), { workerData: { name, rewrites } });
  try {
    const hunts: Hunt[] = [];
    for (const first of firsts) hunts.push(await huntOn(worker, first));
    return hunts;
  } finally {
    await worker.terminate();
  }
}

function huntOn(worker: Worker, first: number): Promise<Hunt> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread of a search ended with ${code}`)));
    worker.postMessage(first);
  });
}
