/** The flags of `vm create` about hosts. */
import type { VmCreateRequest } from '@n3x/core/api/schemas';
import { DOMAINS, parseChoice, STRATEGIES, SYSTEMS } from './choices.ts';
import { parseLabels } from './labels.ts';
import { parseWholeNumber } from './number.ts';
import { UsageError } from './usage-error.ts';

/** Flags that say where a VM may run and where it had better run, as written. */
export interface PlacementFlags {
  readonly host?: string;
  readonly require?: readonly string[];
  readonly zone?: string;
  readonly system?: string;
  readonly feature?: readonly string[];
  readonly near?: readonly string[];
  readonly apart?: readonly string[];
  readonly atMost?: readonly string[];
  readonly strategy?: string;
  readonly prefer?: readonly string[];
  readonly spread?: readonly string[];
  readonly pack?: readonly string[];
  readonly costWeight?: string;
}

type Placement = NonNullable<VmCreateRequest['spec']['placement']>;

/** Weight of a wish that names none: half of what the strategy has. */
const DEFAULT_WEIGHT = 50;
const WEIGHT_MAX = 1000;

function parsePair(flag: string, text: string, example: string): string {
  if (!/^[^=]+=/.test(text)) throw new UsageError(`${flag}: "${text}" is not KEY=VALUE, for example ${example}`);
  return text;
}

function parsePrefer(text: string): { label: string; weight: number } {
  const [label = '', weight, ...more] = text.split(':');
  if (more.length > 0) throw new UsageError(`--prefer: "${text}" is not KEY=VALUE[:WEIGHT], for example ssd=yes:100`);
  return {
    label: parsePair('--prefer', label, 'ssd=yes'),
    weight: weight === undefined ? DEFAULT_WEIGHT : parseWholeNumber('--prefer', weight, 1, WEIGHT_MAX),
  };
}

/** `KEY=VALUE[:host|zone][:WEIGHT]`. */
function parseCompany(flag: string, text: string): { label: string; per: 'host' | 'zone'; weight: number } {
  const [label = '', ...rest] = text.split(':');
  parsePair(flag, label, 'app=web');
  const [first, second, ...more] = rest;
  const domain = first !== undefined && !/^\d/.test(first) ? parseChoice(flag, first, DOMAINS) : undefined;
  const weight = domain === undefined ? first : second;
  if (more.length > 0 || (domain === undefined && second !== undefined)) {
    throw new UsageError(`${flag}: "${text}" is not KEY=VALUE[:host|zone][:WEIGHT], for example app=web:zone:100`);
  }
  return {
    label,
    per: domain ?? 'host',
    weight: weight === undefined ? DEFAULT_WEIGHT : parseWholeNumber(flag, weight, 1, WEIGHT_MAX),
  };
}

/** `N:KEY=VALUE[:host|zone]`. */
function parseLimit(text: string): { label: string; per: 'host' | 'zone'; max: number } {
  const [count, label, domain, ...more] = text.split(':');
  if (count === undefined || label === undefined || more.length > 0) {
    throw new UsageError(`--at-most: "${text}" is not N:KEY=VALUE[:host|zone], for example 1:app=web:zone`);
  }
  return {
    label: parsePair('--at-most', label, '1:app=web'),
    per: domain === undefined ? 'host' : parseChoice('--at-most', domain, DOMAINS),
    max: parseWholeNumber('--at-most', count, 1, 10_000),
  };
}

/** What the flags ask for; undefined when they ask for nothing. Throws `UsageError` that names the flag. */
export function parsePlacement(flags: PlacementFlags): Placement | undefined {
  const pairs = (flag: string, texts: readonly string[]) => texts.map((text) => parsePair(flag, text, 'app=web'));
  const required = [...(flags.require ?? []), ...(flags.zone === undefined ? [] : [`zone=${flags.zone}`])];
  const placement: Placement = {
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(required.length === 0 ? {} : { requireLabels: parseLabels('--require', required) }),
    ...(flags.system === undefined ? {} : { system: parseChoice('--system', flags.system, SYSTEMS) }),
    ...(flags.feature === undefined ? {} : { features: [...flags.feature] }),
    ...(flags.near === undefined ? {} : { near: pairs('--near', flags.near) }),
    ...(flags.apart === undefined ? {} : { apart: pairs('--apart', flags.apart) }),
    ...(flags.atMost === undefined ? {} : { limits: flags.atMost.map(parseLimit) }),
    ...(flags.strategy === undefined ? {} : { strategy: parseChoice('--strategy', flags.strategy, STRATEGIES) }),
    ...(flags.prefer === undefined ? {} : { prefer: flags.prefer.map(parsePrefer) }),
    ...(flags.spread === undefined ? {} : { spread: flags.spread.map((text) => parseCompany('--spread', text)) }),
    ...(flags.pack === undefined ? {} : { pack: flags.pack.map((text) => parseCompany('--pack', text)) }),
    ...(flags.costWeight === undefined
      ? {}
      : { costWeight: parseWholeNumber('--cost-weight', flags.costWeight, 1, WEIGHT_MAX) }),
  };
  return Object.keys(placement).length === 0 ? undefined : placement;
}

/** Reads a priority, which may be below 0. Throws `UsageError`. */
export function parsePriority(text: string): number {
  const value = /^-?\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= -1000 && value <= 1000)) {
    throw new UsageError(`--priority: "${text}" is not a whole number from -1000 to 1000`);
  }
  return value;
}

/** The flag that a refused field of a placement came from. */
export function placementFlag(field: string): string {
  const flags: Readonly<Record<string, string>> = {
    requireLabels: '--require',
    features: '--feature',
    limits: '--at-most',
    costWeight: '--cost-weight',
  };
  return flags[field] ?? `--${field}`;
}
