/**
 * Faults as text. One per line, `at TIME WHAT`; what follows a `#` is passed over:
 *
 *     at 10s partition n1 | n2 n3 for 8s
 *     at 12s cut n1 > n2               # one direction
 *     at 13s cut n1 - n3               # both
 *     at 14s crash leader for 3s
 *     at 20s heal
 */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import {
  type Fault,
  type FaultLink,
  type FaultSchedule,
  LASTING_FAULTS,
  MISBEHAVIOURS,
  SUDDEN_FAULTS,
  type TimedFault,
} from './fault-kinds.ts';

export type { Fault, FaultSchedule, FaultTarget, TimedFault } from './fault-kinds.ts';

/** How each kind is written, by its first word: for messages and for `list`. */
export const FAULT_FORMS: Readonly<Record<Fault['type'], string>> = {
  partition: 'partition n1 | n2 n3 [for 5s]',
  cut: 'cut n1 > n2 [for 5s]',
  mend: 'mend n1 > n2',
  flap: 'flap n1 - n2 every 300ms for 5s',
  'slow-link': 'slow-link n1 - n2 by 20 for 5s',
  heal: 'heal',
  isolate: 'isolate n1 for 5s',
  deaf: 'deaf n1 for 5s',
  mute: 'mute n1 for 5s',
  stall: 'stall n1 for 2s',
  'slow-disk': 'slow-disk n1 for 5s',
  'stuck-disk': 'stuck-disk n1 for 5s',
  'full-disk': 'full-disk n1 for 5s',
  'broken-disk': 'broken-disk n1 for 5s',
  'slow-driver': 'slow-driver n1 for 30s',
  'failing-driver': 'failing-driver n1 for 30s',
  'hanging-driver': 'hanging-driver n1 for 30s',
  restart: 'restart n1',
  rot: 'rot n1',
  wipe: 'wipe n1',
  remove: 'remove n1',
  upgrade: 'upgrade n1',
  downgrade: 'downgrade n1',
  crash: 'crash n1 [for 3s]',
  stop: 'stop n1 [for 3s]',
  power: 'power n1 [for 3s]',
  join: 'join',
  drift: 'drift n1 50000ppm',
  jump: 'jump n1 -30s',
  misbehave: `misbehave n1 ${MISBEHAVIOURS[0]} for 5s`,
};

/** The line that {@link parseSchedule} reads. */
export function formatFault({ atMs, fault }: TimedFault): string {
  return `at ${time(atMs)} ${what(fault)}`;
}

/** The text that {@link parseSchedule} reads, a line per fault. */
export function formatSchedule(schedule: FaultSchedule): string {
  return schedule.map((fault) => `${formatFault(fault)}\n`).join('');
}

function time(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function lasting(forMs: number | undefined): string {
  return forMs === undefined ? '' : ` for ${time(forMs)}`;
}

function link({ from, to, both }: FaultLink): string {
  return `${from} ${both ? '-' : '>'} ${to}`;
}

function what(fault: Fault): string {
  switch (fault.type) {
    case 'partition':
      return `partition ${fault.groups.map((group) => group.join(' ')).join(' | ')}${lasting(fault.forMs)}`;
    case 'cut':
      return `cut ${link(fault)}${lasting(fault.forMs)}`;
    case 'mend':
      return `mend ${link(fault)}`;
    case 'flap':
      return `flap ${link(fault)} every ${time(fault.everyMs)}${lasting(fault.forMs)}`;
    case 'slow-link':
      return `slow-link ${link(fault)} by ${fault.by}${lasting(fault.forMs)}`;
    case 'heal':
    case 'join':
      return fault.type;
    case 'crash':
    case 'stop':
    case 'power':
      return `${fault.type} ${fault.host}${lasting(fault.downMs)}`;
    case 'drift':
      return `drift ${fault.host} ${fault.ppm}ppm`;
    case 'jump':
      return `jump ${fault.host} ${time(fault.byMs)}`;
    case 'misbehave':
      return `misbehave ${fault.host} ${fault.how}${lasting(fault.forMs)}`;
    default:
      return `${fault.type} ${fault.host}${'forMs' in fault ? lasting(fault.forMs) : ''}`;
  }
}

/** Reads a schedule, and orders it by time. Throws `N3X_INVALID` naming the line and what is wrong with it. */
export function parseSchedule(text: string): TimedFault[] {
  const faults: TimedFault[] = [];
  text.split('\n').forEach((line, at) => {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (words[0] === '') return;
    const fault = parseLine(words);
    if (typeof fault === 'string') {
      throw new N3xError(ERROR_CODES.invalid, `line ${at + 1}: ${fault}: ${line.trim()}`, {
        details: { line: at + 1 },
      });
    }
    faults.push(fault);
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Ms of `10s`, `1.5s`, `-3s`, `250ms` or `2m`; undefined for anything else. */
export function parseTime(text: string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (match === null) return undefined;
  const unit = match[2] === 'ms' ? 1 : match[2] === 's' ? 1_000 : 60_000;
  return unit === 1 ? Number(match[1]) : Math.round(Number(match[1]) * unit * 1_000) / 1_000;
}

function isKind(type: string): type is Fault['type'] {
  return Object.hasOwn(FAULT_FORMS, type);
}

function parseLine([at, when = '', type = '', ...rest]: readonly string[]): TimedFault | string {
  const atMs = parseTime(when);
  if (at !== 'at' || atMs === undefined) return 'it does not begin with a time, as in `at 10s heal`';
  if (atMs < 0) return 'its time is before the beginning';
  if (!isKind(type))
    return `there is no fault ${type || '(none named)'}: choose ${Object.keys(FAULT_FORMS).join(', ')}`;
  const fault = parseFault(type, rest);
  return fault === undefined ? `${type} is written as in \`at ${time(atMs)} ${FAULT_FORMS[type]}\`` : { atMs, fault };
}

const TARGET = /^[a-z][a-z0-9-]*$/;

function target(word: string | undefined): string | undefined {
  return word !== undefined && TARGET.test(word) ? word : undefined;
}

/** Takes `KEYWORD TIME` off the end; the words unchanged and no time when they do not end so. */
function takeTime(words: readonly string[], keyword: string): readonly [rest: readonly string[], ms?: number] {
  const ms = parseTime(words.at(-1) ?? '');
  return words.at(-2) === keyword && ms !== undefined && ms >= 0 ? [words.slice(0, -2), ms] : [words];
}

function parseLink([first, way, second, ...rest]: readonly string[]): FaultLink | undefined {
  const [from, to] = [target(first), target(second)];
  if (from === undefined || to === undefined || rest.length > 0 || (way !== '>' && way !== '-')) return undefined;
  return { from, to, both: way === '-' };
}

function parseFault(type: Fault['type'], all: readonly string[]): Fault | undefined {
  const [words, forMs] = takeTime(all, 'for');
  const last = forMs === undefined ? {} : { forMs };
  const host = target(words[0]);
  const alone = words.length === 1 ? host : undefined;
  const lastingFault = LASTING_FAULTS.find((kind) => kind === type);
  if (lastingFault !== undefined) {
    return alone === undefined || forMs === undefined ? undefined : { type: lastingFault, host: alone, forMs };
  }
  const sudden = SUDDEN_FAULTS.find((kind) => kind === type);
  if (sudden !== undefined)
    return alone === undefined || forMs !== undefined ? undefined : { type: sudden, host: alone };
  switch (type) {
    case 'heal':
    case 'join':
      return all.length === 0 ? { type } : undefined;
    case 'partition':
      return parsePartition(words, last);
    case 'cut': {
      const way = parseLink(words);
      return way === undefined ? undefined : { type, ...way, ...last };
    }
    case 'mend': {
      const way = parseLink(all);
      return way === undefined ? undefined : { type, ...way };
    }
    case 'flap': {
      const [rest, everyMs = 0] = takeTime(words, 'every');
      const way = parseLink(rest);
      return way === undefined || forMs === undefined || everyMs < 1 ? undefined : { type, ...way, everyMs, forMs };
    }
    case 'slow-link': {
      const way = words.at(-2) === 'by' ? parseLink(words.slice(0, -2)) : undefined;
      const by = Number(words.at(-1));
      return way === undefined || forMs === undefined || !(by >= 1 && by <= 1_000)
        ? undefined
        : { type, ...way, by, forMs };
    }
    case 'crash':
    case 'stop':
    case 'power':
      if (alone === undefined) return undefined;
      return forMs === undefined ? { type, host: alone } : { type, host: alone, downMs: forMs };
    case 'drift': {
      const ppm = Number(/^(-?\d+)ppm$/.exec(all[1] ?? '')?.[1]);
      const possible = ppm > -1_000_000 && ppm <= 10_000_000;
      return host === undefined || all.length !== 2 || !possible ? undefined : { type, host, ppm };
    }
    case 'jump': {
      const byMs = parseTime(all[1] ?? '');
      return host === undefined || all.length !== 2 || byMs === undefined ? undefined : { type, host, byMs };
    }
    case 'misbehave': {
      const how = MISBEHAVIOURS.find((one) => one === words[1]);
      if (host === undefined || how === undefined || words.length !== 2 || forMs === undefined) return undefined;
      return { type, host, how, forMs };
    }
    default:
      return undefined;
  }
}

function parsePartition(words: readonly string[], last: { forMs?: number }): Fault | undefined {
  const groups = words
    .join(' ')
    .split('|')
    .map((group) => group.trim().split(/\s+/));
  const named = groups.flat();
  const sound = groups.length > 1 && named.every((name) => TARGET.test(name)) && new Set(named).size === named.length;
  return sound ? { type: 'partition', groups, ...last } : undefined;
}
