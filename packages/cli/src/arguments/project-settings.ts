/** Settings of a project as they are written: `vcpu=8 memory=4G..16G strategy=least-available disk-`. */
import { nearest } from '@n3x/core/base/near-miss';
import type { QuotaChanges, QuotaResource, Quotas } from '@n3x/core/model/project';
import { parseChoice, STRATEGIES } from './choices.ts';
import { parseWholeNumber } from './number.ts';
import { UsageError } from './usage-error.ts';
import { parseSize } from './volume.ts';

/** What a quota can be over, as it is written. */
const RESOURCES: Readonly<Record<string, QuotaResource>> = {
  vcpu: 'vcpu',
  memory: 'memoryMib',
  disk: 'diskMib',
  vms: 'vms',
};
const KEYS = [...Object.keys(RESOURCES), 'strategy'];
const AMOUNT_MAX = 1_000_000_000;

type Strategy = (typeof STRATEGIES)[number];

/** What of a project's settings is to change, as the API takes it. */
export interface ProjectSettingsChange {
  quotas: QuotaChanges;
  /** Null: the cluster's way again. */
  strategy?: Strategy | null;
}

function parseAmount(key: string, text: string): number {
  if (text === '0') return 0;
  return key === 'memory' || key === 'disk' ? parseSize(key, text) : parseWholeNumber(key, text, 0, AMOUNT_MAX);
}

/** Reads `MAXIMUM`, `GUARANTEED..MAXIMUM`, `GUARANTEED..` or `..MAXIMUM`. */
function parseQuota(key: string, text: string): { guaranteed?: number; maximum?: number } {
  const [first = '', second, ...rest] = text.split('..');
  if (rest.length > 0 || (first === '' && (second ?? '') === '')) {
    throw new UsageError(`${key}: "${text}" is no quota: write MAXIMUM, GUARANTEED.. or GUARANTEED..MAXIMUM`);
  }
  if (second === undefined) return { maximum: parseAmount(key, first) };
  const guaranteed = first === '' ? undefined : parseAmount(key, first);
  const maximum = second === '' ? undefined : parseAmount(key, second);
  if (guaranteed !== undefined && maximum !== undefined && guaranteed > maximum) {
    throw new UsageError(`${key}: "${text}" guarantees more than its maximum`);
  }
  return { ...(guaranteed === undefined ? {} : { guaranteed }), ...(maximum === undefined ? {} : { maximum }) };
}

/** Reads settings. Throws `UsageError` naming what is none. */
export function parseProjectSettings(texts: readonly string[]): ProjectSettingsChange {
  const quotas: { [resource in QuotaResource]?: NonNullable<QuotaChanges[QuotaResource]> } = {};
  let strategy: Strategy | null | undefined;
  const seen = new Set<string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const takesAway = equals < 0 && text.endsWith('-');
    const key = takesAway ? text.slice(0, -1) : equals < 0 ? text : text.slice(0, equals);
    if (!KEYS.includes(key)) {
      const near = nearest(key, KEYS);
      const hint = near === undefined ? `there are ${KEYS.join(', ')}` : `did you mean ${near}?`;
      throw new UsageError(`"${key}" is no setting of a project: ${hint}`);
    }
    if (equals < 0 && !takesAway) throw new UsageError(`"${text}" has no value: write ${key}=VALUE or ${key}-`);
    if (seen.has(key)) throw new UsageError(`"${key}" is given twice`);
    seen.add(key);
    const value = text.slice(equals + 1);
    const resource = RESOURCES[key];
    if (resource === undefined) strategy = takesAway ? null : parseChoice('strategy', value, STRATEGIES);
    else quotas[resource] = takesAway ? { guaranteed: null, maximum: null } : parseQuota(key, value);
  }
  return { quotas, ...(strategy === undefined ? {} : { strategy }) };
}

/** Settings of a new project. Throws `UsageError` also where something is to be taken away. */
export function parseNewProject(texts: readonly string[]): { quotas: Quotas; strategy?: Strategy } {
  const away = texts.find((text) => text.endsWith('-') && !text.includes('='));
  const { quotas: changes, strategy } = parseProjectSettings(texts);
  if (away !== undefined) throw new UsageError(`"${away}": a new project has nothing that could be taken away`);
  const quotas: { [resource in QuotaResource]?: { guaranteed?: number; maximum?: number } } = {};
  for (const resource of Object.values(RESOURCES)) {
    const { guaranteed, maximum } = changes[resource] ?? {};
    if (typeof guaranteed !== 'number' && typeof maximum !== 'number') continue;
    quotas[resource] = {
      ...(typeof guaranteed === 'number' ? { guaranteed } : {}),
      ...(typeof maximum === 'number' ? { maximum } : {}),
    };
  }
  return { quotas, ...(strategy === undefined || strategy === null ? {} : { strategy }) };
}
