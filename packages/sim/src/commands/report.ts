/** What a run came to, for people and for programs. */
import { formatFault } from '../faults/fault.ts';
import type { RunOptions, RunResult } from '../simulator.ts';
import type { FixedRequest } from './run-options.ts';

/** What names a run on a command line. */
type Named = Pick<RunOptions, 'seed' | 'hosts' | 'durationMs'> & {
  readonly profile: string | RunOptions['profile'];
  readonly workload: string | RunOptions['workload'];
} & Partial<Pick<FixedRequest, 'planted'>>;

function nameOf(named: string | { readonly name: string }): string {
  return typeof named === 'string' ? named : named.name;
}

/** The flags that mean a run. Faults and operations that were given as data are in a file, and not told here. */
export function runFlags({ seed, hosts, durationMs, profile, workload, planted }: Named): string {
  const parts = [`--seed ${seed}`, `--hosts ${hosts}`, `--duration ${durationMs}ms`];
  parts.push(`--profile ${nameOf(profile)}`, `--workload ${nameOf(workload)}`);
  if (planted !== undefined) parts.push(`--planted ${planted}`);
  return parts.join(' ');
}

/** The command that repeats a run. */
export function replayCommand(named: Named): string {
  return `n3x-sim replay ${runFlags(named)}`;
}

/** A result as plain data. */
export function resultJson(
  options: RunOptions,
  result: RunResult,
  realMs: number,
  planted?: string,
): Record<string, unknown> {
  const { faults, history, ...rest } = result;
  const named = { ...options, ...(planted === undefined ? {} : { planted }) };
  return {
    ...rest,
    ...{ hosts: options.hosts, profile: options.profile.name, workload: options.workload.name },
    ...{ realMs: Math.round(realMs), speed: speed(result, realMs) },
    ...(result.verdict === 'passed' ? {} : { faults: faults.map(formatFault), replay: replayCommand(named) }),
  };
}

/** Virtual seconds per real second. */
export function speed({ virtualMs }: Pick<RunResult, 'virtualMs'>, realMs: number): number {
  return Math.round(virtualMs / Math.max(1, realMs));
}

/** Faults of a violated run that are listed; of hundreds nobody reads more, and `explain` tells which matter. */
const FAULTS_SHOWN = 20;

/** A result in a few lines. `repeat` is the command that repeats it. */
export function describeResult(
  options: RunOptions,
  result: RunResult,
  realMs: number,
  repeat = replayCommand(options),
): string {
  const { seed, violation, counts, virtualMs, convergedAfterMs } = result;
  const what = `seed ${seed}: ${options.hosts} hosts, profile ${options.profile.name}, workload ${options.workload.name}`;
  const lines = [what];
  if (violation === undefined)
    lines.push(`passed; at rest ${((convergedAfterMs ?? 0) / 1_000).toFixed(1)} s after the last fault`);
  else {
    lines.push(`VIOLATED ${violation.rule} at ${(violation.atMs / 1_000).toFixed(3)} s`, `  ${violation.message}`);
    const happened = result.faults.filter(({ atMs }) => atMs <= violation.atMs - result.workAtMs);
    const shown = happened.slice(-FAULTS_SHOWN);
    const which = shown.length < happened.length ? `, the last ${shown.length} of ${happened.length}` : '';
    lines.push(`faults until then${which}:`, ...shown.map((fault) => `  ${formatFault(fault)}`));
    lines.push(
      `repeat:  ${repeat}`,
      `explain: ${repeat.replace(' replay ', ' explain ')}`,
      `shrink:  ${repeat.replace(' replay ', ' shrink ')}`,
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
