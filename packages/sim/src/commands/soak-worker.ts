/** A thread of a soak: runs the seeds it is sent and answers with what they came to. */
import { parentPort } from 'node:worker_threads';
import { simulate } from '../simulator.ts';
import { resultJson } from './report.ts';
import { type RunRequest, resolveRequest } from './run-options.ts';

parentPort?.on('message', (request: RunRequest) => {
  const options = resolveRequest(request);
  const began = performance.now();
  const result = simulate(options);
  parentPort?.postMessage(resultJson(options, result, performance.now() - began));
});
