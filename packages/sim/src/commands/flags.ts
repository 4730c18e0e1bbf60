/** What the commands that run a world are given, and the run that it means. */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { Command } from 'commander';
import { parseSchedule, type TimedFault } from '../faults/fault.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { type Case, readCase } from './case-file.ts';
import { checkFaultHosts } from './fault-hosts.ts';
import { readInput } from './input-file.ts';
import { fixRequest, HOSTS_AUTO_MAX, parseDuration, parseHosts, parseSeed, type RunRequest } from './run-options.ts';

/** What says which run is meant. Without defaults, so that what was given shows. */
export interface RunFlags {
  readonly hosts?: string;
  readonly duration?: string;
  readonly profile?: string;
  readonly workload?: string;
  readonly faults?: string;
  readonly planted?: string;
  readonly json?: boolean;
}

/** As {@link RunFlags}, for one run. */
export interface OneRunFlags extends RunFlags {
  readonly seed?: string;
  readonly case?: string;
}

/** Adds the flags of {@link RunFlags}. */
export function withRunFlags(command: Command): Command {
  return command
    .option('--hosts <n>', 'hosts in the cluster, or auto: 3 or 5 by the seed (default: auto)')
    .option('--duration <time>', 'how long load and faults last (default: 60s)')
    .option(
      '--profile <name>',
      'links, disks, clocks and fault rates, a file of one, or auto: by the seed (default: auto)',
    )
    .option('--workload <name>', 'what clients do, or auto: by the seed (default: auto)')
    .option('--faults <file>', 'faults written by hand, instead of random ones')
    .option('--planted <name>', 'with one of the planted bugs')
    .option('--json', 'the result as JSON');
}

/** Adds the flags of {@link OneRunFlags}. */
export function withOneRunFlags(command: Command): Command {
  return withRunFlags(command.option('--seed <n>', 'the seed (default: 1)')).option(
    '--case <file>',
    'a run as data, as `shrink` and `run --write` write it, or a trace',
  );
}

/** The runs that `flags` mean, but for their seed. Throws `N3X_INVALID`. */
export function requestOf(flags: RunFlags): Omit<RunRequest, 'seed'> {
  const { hosts = 'auto', duration = '60s', profile = 'auto', workload = 'auto', faults, planted } = flags;
  const count = parseHosts(hosts);
  const grows = workload === 'auto' || WORKLOADS[workload]?.membership === true;
  const schedule =
    faults === undefined ? undefined : readSchedule(faults, count === 'auto' ? HOSTS_AUTO_MAX : count, grows);
  return {
    hosts: count,
    durationMs: parseDuration(duration),
    ...{ profile, workload },
    ...(schedule === undefined ? {} : { faults: schedule }),
    ...(planted === undefined ? {} : { planted }),
  };
}

function readSchedule(path: string, hosts: number, grows: boolean): readonly TimedFault[] {
  const text = readInput(path);
  try {
    const schedule = parseSchedule(text);
    checkFaultHosts(schedule, hosts, grows);
    return schedule;
  } catch (error) {
    if (error instanceof N3xError) throw new N3xError(error.code, `${path}: ${error.message}`);
    throw error;
  }
}

/** The one run that a command is about. */
export interface GivenCase extends Case {
  /** The file that says so, if one does, and the trace in it. */
  readonly path?: string;
  readonly trace?: readonly string[];
}

/** The one run that is meant, by a file or by flags. Throws `N3X_INVALID`. */
export function caseOf(flags: OneRunFlags, file?: string): GivenCase {
  const path = file ?? flags.case;
  if (path === undefined) return { request: fixRequest({ ...requestOf(flags), seed: parseSeed(flags.seed ?? '1') }) };
  const { seed, hosts, duration, profile, workload, faults, planted } = flags;
  const other = { seed, hosts, duration, profile, workload, faults, planted };
  const given = Object.entries(file === undefined ? other : { ...other, case: flags.case });
  const flag = given.find(([, value]) => value !== undefined)?.[0];
  if (flag !== undefined) throw new N3xError(ERROR_CODES.invalid, `${path} says what to run: leave out --${flag}`);
  return { ...readCase(path), path };
}
