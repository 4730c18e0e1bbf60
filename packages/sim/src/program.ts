/**
 * The command line. Exit codes: 0 every run passed, 1 a rule was violated or a planted bug missed, 2 the command was wrong, 3 the
 * simulator itself failed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describeError, N3xError } from '@n3x/core/base/errors';
import { Command, CommanderError } from 'commander';
import { describeListing, listing } from './commands/list.ts';
import { allFound, chooseMutants, mutantTable, searchMutant, writeTable } from './commands/mutants.ts';
import { describeResult, resultJson } from './commands/report.ts';
import {
  parseDuration,
  parseHosts,
  parseSeed,
  parseSeeds,
  type RunRequest,
  resolveRequest,
} from './commands/run-options.ts';
import { type SoakResult, soak } from './commands/soak.ts';
import { parseSchedule } from './faults/fault.ts';
import { simulate } from './simulator.ts';

/** Where output goes. */
export interface ProgramOutput {
  readonly out: (line: string) => void;
  /** Progress and errors. */
  readonly err: (line: string) => void;
}

const PASSED = 0;
const VIOLATED = 1;
const USAGE = 2;
const FAILED = 3;

/** Ms between two lines of progress. */
const PROGRESS_MS = 5_000;
const DAY = '24h';
const DAY_MS = 86_400_000;

interface RunFlags {
  readonly seed?: string;
  readonly hosts: string;
  readonly duration: string;
  readonly profile: string;
  readonly workload: string;
  readonly faults?: string;
  readonly json?: boolean;
}

function requestOf(flags: RunFlags): Omit<RunRequest, 'seed'> {
  return {
    hosts: parseHosts(flags.hosts),
    durationMs: parseDuration(flags.duration),
    profile: flags.profile,
    workload: flags.workload,
    ...(flags.faults === undefined ? {} : { faults: parseSchedule(readFileSync(flags.faults, 'utf8')) }),
  };
}

function withRunFlags(command: Command): Command {
  return command
    .option('--hosts <n>', 'hosts in the cluster, or auto: 3 or 5 by the seed', 'auto')
    .option('--duration <time>', 'how long load and faults last', '60s')
    .option('--profile <name>', 'links, disks, clocks and fault rates, or auto: by the seed', 'auto')
    .option('--workload <name>', 'what clients do, or auto: by the seed', 'auto')
    .option('--faults <file>', 'faults written by hand, instead of random ones')
    .option('--json', 'the result as JSON');
}

/** Runs one seed; the trace, if wanted, goes to `onLine`. */
function runOnce(flags: RunFlags, { out }: ProgramOutput, onLine?: (line: string) => void, history?: string): number {
  const options = resolveRequest({ ...requestOf(flags), seed: parseSeed(flags.seed ?? '1') });
  const began = performance.now();
  const result = simulate(onLine === undefined ? options : { ...options, onLine });
  const realMs = performance.now() - began;
  if (history !== undefined) writeFileSync(history, `${JSON.stringify(result.history.toJson(), null, 1)}\n`);
  if (flags.json === true) out(JSON.stringify(resultJson(options, result, realMs)));
  else if (onLine === undefined) out(describeResult(options, result, realMs));
  else out(describeResult(options, result, realMs).replace(/^/gm, '# '));
  return result.verdict === 'passed' ? PASSED : VIOLATED;
}

interface SoakFlags extends RunFlags {
  readonly seeds: string;
  readonly jobs: string;
  readonly time?: string;
  readonly violations: string;
}

async function runSoak(flags: SoakFlags, { out, err }: ProgramOutput): Promise<number> {
  const seeds = parseSeeds(flags.seeds);
  const total = seeds[1] - seeds[0] + 1;
  const began = performance.now();
  const results: SoakResult[] = [];
  let virtualMs = 0;
  let toldAt = began;
  const rate = (): string => {
    const seconds = (performance.now() - began) / 1_000;
    return `${results.length} of ${total} seeds in ${seconds.toFixed(0)} s, ${(virtualMs / 1_000 / seconds).toFixed(0)} virtual s per s`;
  };
  await soak({
    seeds,
    jobs: Math.max(1, parseSeed(flags.jobs)),
    limitMs: flags.time === undefined ? DAY_MS : parseDuration(flags.time),
    maxViolations: Math.max(1, parseSeed(flags.violations)),
    request: requestOf(flags),
    onResult: (result) => {
      results.push(result);
      virtualMs += result.virtualMs;
      if (result.violation !== undefined) {
        err(
          `seed ${result.seed}: ${result.violation.rule}: ${result.violation.message.slice(0, 300)}\n  ${result.replay ?? ''}`,
        );
      }
      if (performance.now() - toldAt < PROGRESS_MS) return;
      toldAt = performance.now();
      err(rate());
    },
  });
  const violated = results.filter((result) => result.verdict === 'violated').sort((a, b) => a.seed - b.seed);
  if (flags.json === true) out(JSON.stringify({ seeds: results.length, virtualMs, violated }));
  else out(`${rate()}: ${results.length - violated.length} passed, ${violated.length} violated\n${sums(results)}`);
  return violated.length === 0 ? PASSED : VIOLATED;
}

/** What all runs of a soak did together, by profile. */
function sums(results: readonly SoakResult[]): string {
  const names = [...new Set(results.map((result) => result.profile))].sort();
  return names
    .map((name) => {
      const mine = results.filter((result) => result.profile === name);
      const sum = (count: string): number => mine.reduce((total, { counts }) => total + (counts[count] ?? 0), 0);
      const virtual = mine.reduce((total, result) => total + result.virtualMs, 0);
      const real = mine.reduce((total, result) => total + result.realMs, 0);
      const figures = ['faults', 'elections', 'entries', 'operations', 'unanswered', 'vmCopiesAtOnce'];
      const counts = figures.map((count) => `${count} ${sum(count)}`).join(', ');
      return `  ${name.padEnd(12)} ${mine.length} runs, ${counts}, ${Math.round(virtual / Math.max(1, real))} times real time`;
    })
    .join('\n');
}

interface MutantFlags {
  readonly only: readonly string[];
  readonly searches: string;
  readonly write?: string;
  readonly json?: boolean;
}

function runMutants({ only, searches, write, json }: MutantFlags, { out, err }: ProgramOutput): number {
  const reports = chooseMutants(only).map((mutation) => {
    const report = searchMutant(mutation, Math.max(1, parseSeed(searches)));
    err(`${report.name}: ${report.seeds.map((used) => used ?? 'missed').join(' ')} seeds, ${report.rules.join(', ')}`);
    return report;
  });
  const table = mutantTable(reports);
  if (write !== undefined) writeTable(write, table);
  else out(json === true ? JSON.stringify(reports) : table);
  return allFound(reports) ? PASSED : VIOLATED;
}

/** Does what `args` ask for; answers the exit code. */
export async function run(args: readonly string[], output: ProgramOutput): Promise<number> {
  let code = PASSED;
  const program = new Command('n3x-sim')
    .description('runs n3x clusters in virtual time, under faults, from one seed')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
    });
  withRunFlags(program.command('run').description('run one seed').option('--seed <n>', 'the seed', '1'))
    .option('--history <file>', 'write what clients asked and were answered as JSON')
    .action((flags: RunFlags & { history?: string }) => {
      code = runOnce(flags, output, undefined, flags.history);
    });
  withRunFlags(
    program.command('replay').description('run one seed and print its trace').option('--seed <n>', 'the seed', '1'),
  ).action((flags: RunFlags) => {
    code = runOnce(flags, output, output.out);
  });
  withRunFlags(program.command('soak').description('run many seeds').option('--seeds <a..b>', 'the seeds', '1..100'))
    .option('--jobs <n>', 'threads', '1')
    .option('--time <time>', `begin no seed after this long (${DAY} without it)`)
    .option('--violations <n>', 'begin no seed after so many violations', '10')
    .action(async (flags: SoakFlags) => {
      code = await runSoak(flags, output);
    });
  program
    .command('mutants')
    .description('search for the planted bugs, and print which checker finds each within how many seeds')
    .option('--only <name...>', 'these alone', [])
    .option('--searches <n>', 'searches for each, from different seeds', '5')
    .option('--write <file>', 'put the table between its marks in this file')
    .option('--json', 'as JSON')
    .action((flags: MutantFlags) => {
      code = runMutants(flags, output);
    });
  program
    .command('list')
    .description('profiles, workloads and the rules that are checked')
    .option('--json', 'as JSON')
    .action((flags: { json?: boolean }) =>
      output.out(flags.json === true ? JSON.stringify(listing()) : describeListing()),
    );
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? PASSED : USAGE;
    output.err(describeError(error));
    return error instanceof N3xError ? USAGE : FAILED;
  }
}
