/** Many seeds, on several threads. */
import { Worker } from 'node:worker_threads';
import { type RunFlags, requestOf } from './flags.ts';
import { plantedBug, plantedData } from './planted.ts';
import { EXIT, type ProgramOutput } from './program-output.ts';
import { fixRequest, JOBS_MAX, parseCount, parseDuration, parseSeeds, type RunRequest } from './run-options.ts';
import {
  describeProgress,
  describeSummary,
  describeViolation,
  type SoakEnd,
  type SoakResult,
  summarise,
} from './soak-report.ts';

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

/** Runs the seeds one after the other on `jobs` threads; answers why it ended, once all that were begun have ended. */
export async function soak(options: SoakOptions): Promise<SoakEnd> {
  const [first, last] = options.seeds;
  const end = performance.now() + options.limitMs;
  let next = first;
  let violations = 0;
  const goesOn = (): boolean => next <= last && performance.now() < end && violations < options.maxViolations;
  const { planted } = options.request;
  const workerData = planted === undefined ? {} : plantedData(plantedBug(planted));
  const thread = async (): Promise<void> => {
    const worker = new Worker(new URL('./soak-worker.ts', import.meta.url), { workerData });
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
  if (next > last) return 'seeds';
  return violations >= options.maxViolations ? 'violations' : 'time';
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

/** Ms between two lines of progress. */
const PROGRESS_MS = 5_000;
/** Real ms after which a soak without a limit ends: a day. */
const DAY_MS = 86_400_000;

/** Flags of `soak`. */
export interface SoakFlags extends RunFlags {
  readonly seeds: string;
  readonly jobs: string;
  readonly time?: string;
  readonly violations: string;
}

/** `soak`: many seeds, with progress and violations on the way and a summary at the end. */
export async function runSoak(flags: SoakFlags, { out, err }: ProgramOutput): Promise<number> {
  const seeds = parseSeeds(flags.seeds);
  const request = requestOf(flags);
  // What is wrong is told before threads are started for it.
  fixRequest({ ...request, seed: seeds[0] });
  const jobs = parseCount(flags.jobs, '--jobs', JOBS_MAX);
  const maxViolations = parseCount(flags.violations, '--violations');
  const limitMs = flags.time === undefined ? DAY_MS : parseDuration(flags.time);
  const wanted = seeds[1] - seeds[0] + 1;
  const results: SoakResult[] = [];
  const began = performance.now();
  let toldAt = began;
  const onResult = (result: SoakResult): void => {
    results.push(result);
    if (result.violation !== undefined) err(describeViolation(result));
    const now = performance.now();
    if (now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    err(describeProgress(summarise(results, wanted, now - began, 'seeds')));
  };
  const end = await soak({ seeds, jobs, limitMs, maxViolations, request, onResult });
  const summary = summarise(results, wanted, performance.now() - began, end);
  out(flags.json === true ? JSON.stringify(summary) : describeSummary(summary));
  return summary.violated.length === 0 ? EXIT.passed : EXIT.violated;
}
