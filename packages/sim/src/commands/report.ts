/** What a run came to, for people and for programs. */
import { formatFault } from '../faults/fault.ts';
import type { RunOptions, RunResult } from '../simulator.ts';

/** The command that repeats a run. */
export function replayCommand({ seed, hosts, durationMs, profile, workload }: RunOptions): string {
  const parts = [`--seed ${seed}`, `--hosts ${hosts}`, `--duration ${durationMs}ms`];
  return `n3x-sim replay ${parts.join(' ')} --profile ${profile.name} --workload ${workload.name}`;
}

/** A result as plain data. */
export function resultJson(options: RunOptions, result: RunResult, realMs: number): Record<string, unknown> {
  const { faults, history, ...rest } = result;
  return {
    ...rest,
    ...{ hosts: options.hosts, profile: options.profile.name, workload: options.workload.name },
    ...{ realMs: Math.round(realMs), speed: speed(result, realMs) },
    ...(result.verdict === 'passed' ? {} : { faults: faults.map(formatFault), replay: replayCommand(options) }),
  };
}

/** Virtual seconds per real second. */
export function speed({ virtualMs }: Pick<RunResult, 'virtualMs'>, realMs: number): number {
  return Math.round(virtualMs / Math.max(1, realMs));
}

/** A result in a few lines. */
export function describeResult(options: RunOptions, result: RunResult, realMs: number): string {
  const { seed, violation, counts, virtualMs, convergedAfterMs } = result;
  const what = `seed ${seed}: ${options.hosts} hosts, profile ${options.profile.name}, workload ${options.workload.name}`;
  const lines = [what];
  if (violation === undefined)
    lines.push(`passed; at rest ${((convergedAfterMs ?? 0) / 1_000).toFixed(1)} s after the last fault`);
  else {
    lines.push(`VIOLATED ${violation.rule} at ${(violation.atMs / 1_000).toFixed(3)} s`, `  ${violation.message}`);
    lines.push(
      'faults:',
      ...result.faults.map((fault) => `  ${formatFault(fault)}`),
      `repeat: ${replayCommand(options)}`,
    );
  }
  lines.push(
    Object.entries(counts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
    `digest ${result.digest}; ${(virtualMs / 1_000).toFixed(1)} virtual s in ${(realMs / 1_000).toFixed(2)} s: ${speed(result, realMs)} times real time`,
  );
  return lines.join('\n');
}
