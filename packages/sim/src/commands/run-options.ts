/** What a run is asked for in words, and the options that it means. */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { parseTime, type TimedFault } from '../faults/fault.ts';
import { PROFILES } from '../profiles/profile.ts';
import type { RunOptions } from '../simulator.ts';
import { WORKLOADS } from '../workloads/workloads.ts';

/** What a run is asked for. Plain data, so that it can go to another thread. */
export interface RunRequest {
  readonly seed: number;
  /** Hosts that found the cluster; `auto` draws 3 or 5 from the seed. */
  readonly hosts: number | 'auto';
  readonly durationMs: number;
  /** A name, or `auto`: one after the other, by the seed. */
  readonly profile: string;
  readonly workload: string;
  readonly faults?: readonly TimedFault[];
}

/** Most hosts that a world may have. */
const HOSTS_MAX = 50;

function invalid(message: string): N3xError {
  return new N3xError(ERROR_CODES.invalid, message);
}

/** Hosts of a world whose number is left to the seed. */
function hostsOf(seed: number): number {
  return seed % 4 === 0 ? 3 : 5;
}

/** Chooses by name; `auto` goes through all of `names` by the seed. Throws `N3X_INVALID` for a name that there is not. */
function choose<T>(
  kind: string,
  name: string,
  from: Readonly<Record<string, T>>,
  names: readonly string[],
  at: number,
): T {
  const chosen = name === 'auto' ? names[at % names.length] : name;
  const found = chosen === undefined ? undefined : from[chosen];
  if (found === undefined) throw invalid(`there is no ${kind} ${name}: choose auto, ${Object.keys(from).join(', ')}`);
  return found;
}

/** The options that `request` means. Throws `N3X_INVALID` naming what is wrong. */
export function resolveRequest(request: RunRequest): RunOptions {
  const { seed, hosts, durationMs, profile, workload, faults } = request;
  const profiles = Object.keys(PROFILES).filter((name) => name !== 'calm');
  const workloads = Object.keys(WORKLOADS).filter((name) => name !== 'idle');
  return {
    seed,
    hosts: hosts === 'auto' ? hostsOf(seed) : hosts,
    durationMs,
    profile: choose('profile', profile, PROFILES, profiles, seed),
    workload: choose('workload', workload, WORKLOADS, workloads, Math.floor(seed / profiles.length)),
    ...(faults === undefined ? {} : { faults }),
  };
}

/** A seed: a whole number from 0. */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) throw invalid(`${text} is no seed: give a whole number`);
  return seed;
}

/** Seeds `A..B`, both included, or one. */
export function parseSeeds(text: string): readonly [first: number, last: number] {
  const [first = '', last = first, ...rest] = text.split('..');
  const range = [parseSeed(first), parseSeed(last)] as const;
  if (rest.length > 0 || range[1] < range[0]) throw invalid(`${text} are no seeds: give A..B`);
  return range;
}

/** A number of hosts, or `auto`. */
export function parseHosts(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const hosts = Number(text);
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > HOSTS_MAX) throw invalid(`--hosts takes 1 to ${HOSTS_MAX}`);
  return hosts;
}

/** A duration such as `60s`. */
export function parseDuration(text: string): number {
  const ms = parseTime(text);
  if (ms === undefined || ms <= 0) throw invalid(`${text} is no duration: give 500ms, 60s or 10m`);
  return ms;
}
