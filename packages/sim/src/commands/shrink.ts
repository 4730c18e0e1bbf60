/** The verb `shrink`. */
import { formatFault } from '../faults/fault.ts';
import { type Shrunk, shrink } from '../shrink/shrinker.ts';
import { caseJson, formatCase } from './case-file.ts';
import type { GivenCase, OneRunFlags } from './flags.ts';
import { checkOutputs, writeOutput } from './input-file.ts';
import { EXIT, type ProgramOutput } from './program-output.ts';
import { parseCount, parseDuration } from './run-options.ts';

/** Flags of `shrink`. */
export interface ShrinkFlags extends OneRunFlags {
  readonly runs: string;
  readonly time: string;
  readonly write?: string;
}

/** Operations that are shown; the file has them all. */
const OPERATIONS_SHOWN = 20;

/** Shrinks a failing run and writes what is left into a file. */
export function runShrink(found: GivenCase, flags: ShrinkFlags, { out, err }: ProgramOutput): number {
  const { request } = found;
  const limits = { maxRuns: parseCount(flags.runs, '--runs'), limitMs: parseDuration(flags.time) };
  const path = flags.write ?? `n3x-sim-${request.seed}.case.json`;
  checkOutputs(path);
  const began = performance.now();
  const shrunk = shrink(request, {
    ...limits,
    onStep: ({ what, before, after, runs }) => err(`${what}: ${amount(before)} to ${amount(after)} (${runs} runs)`),
  });
  if (shrunk === undefined) {
    out(flags.json === true ? JSON.stringify({ verdict: 'passed' }) : `seed ${request.seed} passes: nothing to shrink`);
    return EXIT.passed;
  }
  const small = { request: shrunk.request, violation: shrunk.violation };
  writeOutput(path, formatCase(small));
  const { steps, runs, isSmallest } = shrunk;
  if (flags.json === true) {
    out(JSON.stringify({ verdict: 'violated', file: path, case: caseJson(small), steps, runs, isSmallest }));
  } else out(describe(shrunk, path, performance.now() - began));
  return EXIT.violated;
}

function amount(value: number): string {
  return String(Math.round(value));
}

function describe({ request, violation, runs, isSmallest }: Shrunk, path: string, realMs: number): string {
  const { hosts, profile, calm = [], workload, durationMs, faults, operations } = request;
  const shown = operations.slice(0, OPERATIONS_SHOWN);
  const left = operations.length - shown.length;
  return [
    `${isSmallest ? 'smallest found' : 'limit reached'} after ${runs} runs in ${(realMs / 1_000).toFixed(1)} s`,
    `VIOLATED ${violation.rule} at ${(violation.atMs / 1_000).toFixed(3)} s`,
    `  ${violation.message}`,
    `hosts ${hosts}, ${durationMs} ms, profile ${profile}${calm.length > 0 ? ` but for ${calm.join(', ')}` : ''}, workload ${workload}`,
    `faults: ${faults.length}`,
    ...faults.map((fault) => `  ${formatFault(fault)}`),
    `operations: ${operations.length}`,
    ...shown.map(
      ({ atMs, client, operation }) =>
        `  at ${atMs}ms client ${client} ${operation.type === 'read' ? 'reads' : operation.command.type} ${operation.object}`,
    ),
    ...(left > 0 ? [`  and ${left} more`] : []),
    `repeat:  n3x-sim replay ${path}`,
    `explain: n3x-sim explain ${path}`,
  ].join('\n');
}
