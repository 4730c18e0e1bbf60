/** Many seeds, on several threads. */
import { Worker } from 'node:worker_threads';
import type { RunRequest } from './run-options.ts';

/** What one seed of a soak came to. */
export interface SoakResult {
  readonly seed: number;
  readonly verdict: 'passed' | 'violated';
  readonly violation?: { readonly rule: string; readonly message: string; readonly atMs: number };
  readonly replay?: string;
  readonly profile: string;
  readonly workload: string;
  readonly virtualMs: number;
  readonly realMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** What is to be soaked. */
export interface SoakOptions {
  readonly seeds: readonly [first: number, last: number];
  readonly jobs: number;
  /** Real ms after which no new seed is begun. */
  readonly limitMs: number;
  /** Violations after which no new seed is begun. */
  readonly maxViolations: number;
  readonly request: Omit<RunRequest, 'seed'>;
  readonly onResult: (result: SoakResult) => void;
}

/** Runs the seeds one after the other on `jobs` threads; answers once all that were begun have ended. */
export async function soak(options: SoakOptions): Promise<void> {
  const [first, last] = options.seeds;
  const end = performance.now() + options.limitMs;
  let next = first;
  let violations = 0;
  const goesOn = (): boolean => next <= last && performance.now() < end && violations < options.maxViolations;
  const thread = async (): Promise<void> => {
    const worker = new Worker(new URL('./soak-worker.ts', import.meta.url));
    try {
      while (goesOn()) {
        const result = await runOn(worker, { ...options.request, seed: next++ });
        if (result.verdict === 'violated') violations++;
        options.onResult(result);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs, last - first + 1) }, thread));
}

function runOn(worker: Worker, request: RunRequest): Promise<SoakResult> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      worker.off('message', succeed);
      worker.off('error', fail);
    };
    const succeed = (result: SoakResult): void => {
      done();
      resolve(result);
    };
    const fail = (error: Error): void => {
      done();
      reject(new Error(`seed ${request.seed}: ${error.message}`, { cause: error }));
    };
    worker.on('message', succeed);
    worker.on('error', fail);
    worker.postMessage(request);
  });
}
