/**
 * Runs with a planted bug. One that changes what passes between a loop and its world is planted in a run; one that
 * changes the core's source has to be planted in a thread before the core is loaded there.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { MUTATIONS } from '../mutations/mutants.ts';
import type { Mutation } from '../mutations/mutation.ts';
import type { Rewrite } from '../mutations/rewrite.ts';
import type { ProgramOutput } from './program-output.ts';

/** What a thread with a planted bug is told at its start. */
export interface PlantedData {
  readonly planted: { readonly name: string; readonly rewrites: readonly Rewrite[] };
}

/** What the thread of a program says. */
export type PlantedMessage =
  | { readonly type: 'out' | 'err'; readonly line: string }
  | { readonly type: 'exit'; readonly code: number };

/** The planted bug of this name. Throws `N3X_INVALID` when there is none. */
export function plantedBug(name: string): Mutation {
  const found = MUTATIONS.find((mutation) => mutation.name === name);
  if (found !== undefined) return found;
  throw new N3xError(ERROR_CODES.invalid, `there is no planted bug ${name}: \`n3x-sim list\` names them`);
}

/** Whether a run with this bug has to be made in a thread of its own, and this is not that. */
export function needsThread({ name, rewrites = [] }: Mutation): boolean {
  if (rewrites.length === 0) return false;
  const data: Partial<PlantedData> | null = isMainThread ? null : workerData;
  return data?.planted?.name !== name;
}

/** What a thread for runs with this bug is to be started with. */
export function plantedData({ name, rewrites = [] }: Mutation): PlantedData {
  return { planted: { name, rewrites } };
}

/** Does what `args` ask for in a thread in which the bug is planted; answers the exit code. */
export function runPlanted(args: readonly string[], mutation: Mutation, { out, err }: ProgramOutput): Promise<number> {
  const worker = new Worker(new URL('./planted-thread.ts', import.meta.url), {
    workerData: { ...plantedData(mutation), args },
  });
  return new Promise((resolve, reject) => {
    worker.on('message', (message: PlantedMessage) => {
      if (message.type === 'exit') resolve(message.code);
      else if (message.type === 'out') out(message.line);
      else err(message.line);
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread of a planted bug ended with ${code}`)));
  });
}
