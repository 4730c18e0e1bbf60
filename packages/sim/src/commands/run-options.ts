/** What a run is asked for in words, and the options that it means. */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { parseTime, type TimedFault } from '../faults/fault.ts';
import { PROFILES, type Profile } from '../profiles/profile.ts';
import { parseProfile } from '../profiles/profile-file.ts';
import type { RunOptions } from '../simulator.ts';
import type { ScriptedOperation } from '../workloads/operation.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { readInput } from './input-file.ts';
import { needsThread, plantedBug } from './planted.ts';

/** Parts of a profile that a run can have from the profile `calm` instead. */
export const CALM_PARTS = ['links', 'disk', 'driver', 'clocks'] as const;

/** One of {@link CALM_PARTS}. */
export type CalmPart = (typeof CALM_PARTS)[number];

/** What a run is asked for. Plain data, so that it can go to another thread. */
export interface RunRequest {
  readonly seed: number;
  /** Hosts that found the cluster; `auto` draws 3 or 5 from the seed. */
  readonly hosts: number | 'auto';
  readonly durationMs: number;
  /** A name, a file that ends in `.toml` or `.json`, or `auto`: one after the other, by the seed. */
  readonly profile: string;
  readonly workload: string;
  /** Instead of faults drawn from the profile. */
  readonly faults?: readonly TimedFault[];
  /** Instead of operations drawn from the workload. */
  readonly operations?: readonly ScriptedOperation[];
  /** What is to be as under the profile `calm`. */
  readonly calm?: readonly CalmPart[];
  /** False for no joins and departures, whatever the workload says. */
  readonly membership?: false;
  /** The name of a bug to plant. */
  readonly planted?: string;
}

/** A request that leaves nothing to the seed but what is drawn. */
export interface FixedRequest extends RunRequest {
  readonly hosts: number;
}

/** Most hosts that a world may have. */
const HOSTS_MAX = 50;

function invalid(message: string): N3xError {
  return new N3xError(ERROR_CODES.invalid, message);
}

/** Most hosts of a world whose number is left to the seed. */
export const HOSTS_AUTO_MAX = 5;

/** Hosts of a world whose number is left to the seed. */
function hostsOf(seed: number): number {
  return seed % 4 === 0 ? 3 : HOSTS_AUTO_MAX;
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

/** `request` with the seed's choices written out. Throws `N3X_INVALID` naming what is wrong. */
export function fixRequest(request: RunRequest): FixedRequest {
  if (request.planted !== undefined) plantedBug(request.planted);
  const { profile, workload, hosts } = chosen(request);
  return { ...request, hosts, profile: profile.name, workload: workload.name };
}

/** The options that `request` means. Throws `N3X_INVALID` naming what is wrong. */
export function resolveRequest(request: RunRequest): RunOptions {
  const { seed, durationMs, faults, operations, calm = [], membership, planted } = request;
  const { profile, workload, hosts } = chosen(request);
  const bug = planted === undefined ? undefined : plantedBug(planted);
  if (bug !== undefined && needsThread(bug)) throw new Error(`${bug.name} is not planted in this thread`);
  const tampering = bug?.make?.();
  return {
    ...{ seed, hosts, durationMs },
    profile: calmed(profile, calm),
    workload: membership === false ? { ...workload, membership } : workload,
    ...(faults === undefined ? {} : { faults }),
    ...(operations === undefined ? {} : { operations }),
    ...(tampering === undefined ? {} : { tampering }),
  };
}

function chosen({ seed, hosts, profile, workload }: RunRequest): Pick<RunOptions, 'hosts' | 'profile' | 'workload'> {
  const profiles = Object.keys(PROFILES).filter((name) => name !== 'calm');
  const workloads = Object.keys(WORKLOADS).filter((name) => name !== 'idle');
  return {
    hosts: hosts === 'auto' ? hostsOf(seed) : hosts,
    profile: isFile(profile)
      ? parseProfile(readInput(profile), profile)
      : choose('profile', profile, PROFILES, profiles, seed),
    workload: choose('workload', workload, WORKLOADS, workloads, Math.floor(seed / profiles.length)),
  };
}

/** Whether a profile is given by a file. */
function isFile(profile: string): boolean {
  return profile.endsWith('.toml') || profile.endsWith('.json');
}

function calmed(profile: Profile, parts: readonly CalmPart[]): Profile {
  const { calm } = PROFILES;
  if (calm === undefined || parts.length === 0) return profile;
  return {
    ...profile,
    links: parts.includes('links') ? calm.links : profile.links,
    disk: parts.includes('disk') ? calm.disk : profile.disk,
    driver: parts.includes('driver') ? calm.driver : profile.driver,
    driftPpm: parts.includes('clocks') ? calm.driftPpm : profile.driftPpm,
  };
}

/** A seed: a whole number from 0. */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) throw invalid(`${text} is no seed: give a whole number`);
  return seed;
}

/** A whole number from `least` to `most`, for what `flag` counts. */
export function parseCount(text: string, flag: string, most = Number.MAX_SAFE_INTEGER, least = 1): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !(count >= least && count <= most)) {
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
    throw invalid(`${flag} takes a whole number ${range}, not ${text}`);
  }
  return count;
}

/** Most threads of one command. */
export const JOBS_MAX = 256;

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
