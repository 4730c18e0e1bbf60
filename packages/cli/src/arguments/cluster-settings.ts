import { nearest } from '@n3x/core/base/near-miss';
import { parseChoice, STRATEGIES } from './choices.ts';
import { parseDuration, parseSeconds } from './duration.ts';
import { UsageError } from './usage-error.ts';

/** Numbers of voters that there may be. */
const VOTERS = ['1', '3', '5', '7'] as const;
/** What can be set, with how it is written. */
const KEYS = [
  'voters',
  'replace-after',
  'strategy',
  'lease-ttl',
  'restart-lease',
  'clock-error',
  'fence-margin',
] as const;
/** Shortest and longest silence after which a voter is replaced, in seconds. */
const REPLACE_AFTER_SECONDS = [5, 604_800] as const;

/** What of a cluster's settings is to change, as the API takes it. */
export interface ClusterSettingsChange {
  voters?: 1 | 3 | 5 | 7;
  replaceAfterSeconds?: number;
  strategy?: (typeof STRATEGIES)[number];
  leaseTtlSeconds?: number;
  restartLeaseSeconds?: number;
  clockErrorPercent?: number;
  fenceMarginMs?: number;
}

function parseVoters(text: string): 1 | 3 | 5 | 7 {
  if (!VOTERS.some((one) => one === text)) {
    throw new UsageError(
      `voters: "${text}" is not 1, 3, 5 or 7: an even number bears no more failures than the one below`,
    );
  }
  return Number(text) as 1 | 3 | 5 | 7;
}

function parseReplaceAfter(text: string): number {
  const seconds = parseSeconds('replace-after', text);
  const [least, most] = REPLACE_AFTER_SECONDS;
  if (seconds < least || seconds > most) throw new UsageError(`replace-after: "${text}" is out of range: 5s to 7d`);
  return seconds;
}

function parseLeaseTtl(text: string): number {
  const seconds = parseSeconds('lease-ttl', text);
  if (seconds < 2 || seconds > 60) throw new UsageError(`lease-ttl: "${text}" is out of range: 2s to 60s`);
  return seconds;
}

/** 0 for none. */
function parseRestartLease(text: string): number {
  if (text === '0' || text === '0s') return 0;
  const seconds = parseSeconds('restart-lease', text);
  if (seconds > 3_600) throw new UsageError(`restart-lease: "${text}" is out of range: up to 1h, or 0 for none`);
  return seconds;
}

function parseClockError(text: string): number {
  const percent = /^\d+(\.\d+)?%?$/.test(text) ? Number(text.replace('%', '')) : Number.NaN;
  if (!(percent >= 0.1 && percent <= 20)) throw new UsageError(`clock-error: "${text}" is not 0.1% to 20%`);
  return percent;
}

function parseFenceMargin(text: string): number {
  const ms = parseDuration('fence-margin', text);
  if (ms < 100 || ms > 10_000) throw new UsageError(`fence-margin: "${text}" is out of range: 100ms to 10s`);
  return ms;
}

/** Reads `voters=N`, `replace-after=DURATION`, `strategy=STRATEGY` and the figures of leases. Throws `UsageError` naming what is neither. */
export function parseClusterSettings(texts: readonly string[]): ClusterSettingsChange {
  const change: ClusterSettingsChange = {};
  const seen = new Set<string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? '' : text.slice(equals + 1);
    const near = nearest(key, KEYS);
    if (!KEYS.some((one) => one === key)) {
      const hint = near === undefined ? `there are ${KEYS.join(', ')}` : `did you mean ${near}?`;
      throw new UsageError(`"${key}" is no setting of a cluster: ${hint}`);
    }
    if (equals < 0) throw new UsageError(`"${text}" has no value: write ${key}=VALUE`);
    if (seen.has(key)) throw new UsageError(`"${key}" is given twice`);
    seen.add(key);
    if (key === 'voters') change.voters = parseVoters(value);
    else if (key === 'strategy') change.strategy = parseChoice('strategy', value, STRATEGIES);
    else if (key === 'lease-ttl') change.leaseTtlSeconds = parseLeaseTtl(value);
    else if (key === 'restart-lease') change.restartLeaseSeconds = parseRestartLease(value);
    else if (key === 'clock-error') change.clockErrorPercent = parseClockError(value);
    else if (key === 'fence-margin') change.fenceMarginMs = parseFenceMargin(value);
    else change.replaceAfterSeconds = parseReplaceAfter(value);
  }
  return change;
}
