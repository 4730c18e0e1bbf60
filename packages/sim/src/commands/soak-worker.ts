/** A thread of a soak: runs the seeds it is sent and answers with what they came to. */
import { parentPort, workerData } from 'node:worker_threads';
import { plant } from '../mutations/rewrite.ts';
import type { PlantedData } from './planted.ts';
import type { RunRequest } from './run-options.ts';

// A bug in the core's source has to be planted before the core is loaded.
const { planted }: Partial<PlantedData> = workerData ?? {};
if (planted !== undefined) plant(planted.rewrites);
const [{ simulate }, { resultJson }, { resolveRequest }] = await Promise.all([
  import('../simulator.ts'),
  import('./report.ts'),
  import('./run-options.ts'),
]);

parentPort?.on('message', (request: RunRequest) => {
  const options = resolveRequest(request);
  const began = performance.now();
  const result = simulate(options);
  parentPort?.postMessage(resultJson(options, result, performance.now() - began, request.planted));
});
