/** A thread in which a bug is planted before anything of the core is loaded, and which then runs the program. */
import { parentPort, workerData } from 'node:worker_threads';
import { plant } from '../mutations/rewrite.ts';
import type { PlantedData, PlantedMessage } from './planted.ts';

const { planted, args }: PlantedData & { readonly args: readonly string[] } = workerData;
const unplanted = plant(planted.rewrites);
const { run } = await import('../program.ts');
if (unplanted().length > 0) throw new Error(`${planted.name} changes ${unplanted().join(', ')}, which nothing loads`);

const say = (message: PlantedMessage): void => parentPort?.postMessage(message);
const code = await run(args, {
  out: (line) => say({ type: 'out', line }),
  err: (line) => say({ type: 'err', line }),
});
say({ type: 'exit', code });
