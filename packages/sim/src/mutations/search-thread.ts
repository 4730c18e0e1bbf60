/**
 * A thread of a search. It plants one bug in itself before anything of the core is loaded, and then looks for
 * it from each seed that it is sent.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { plant, type Rewrite } from './rewrite.ts';

const { name, rewrites }: { readonly name: string; readonly rewrites: readonly Rewrite[] } = workerData;
const unplanted = plant(rewrites);
const [{ hunt }, { MUTATIONS }] = await Promise.all([import('./hunt.ts'), import('./mutants.ts')]);

const mutation = MUTATIONS.find((candidate) => candidate.name === name);
if (mutation === undefined) throw new Error(`there is no planted bug ${name}`);
if (unplanted().length > 0) throw new Error(`${name} changes ${unplanted().join(', ')}, which nothing loads`);

parentPort?.on('message', (first: number) => parentPort?.postMessage(hunt(mutation, first)));
