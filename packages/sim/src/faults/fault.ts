/**
 * Faults as data and as text. One per line, `at TIME WHAT`:
 *
 *     at 10s partition n1 | n2 n3
 *     at 12s cut n1 > n2
 *     at 14s crash leader for 3s
 *     at 20s heal
 */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';

/** A host by name, or whoever leads at that moment. */
export type FaultTarget = string;

/** What goes wrong, or right again. Times in ms. */
export type Fault =
  | { readonly type: 'partition'; readonly groups: readonly (readonly FaultTarget[])[] }
  | { readonly type: 'cut'; readonly from: FaultTarget; readonly to: FaultTarget }
  | { readonly type: 'mend'; readonly from: FaultTarget; readonly to: FaultTarget }
  /** Takes back partitions and cuts. */
  | { readonly type: 'heal' }
  /** The daemon is killed; `downMs` later it is started again. */
  | { readonly type: 'crash'; readonly host: FaultTarget; readonly downMs?: number }
  /** The machine loses its power, and with it its VMs and what was not synced. */
  | { readonly type: 'power'; readonly host: FaultTarget; readonly downMs?: number }
  | { readonly type: 'restart'; readonly host: FaultTarget }
  /** The process stops in its tracks and goes on later. */
  | { readonly type: 'stall'; readonly host: FaultTarget; readonly forMs: number }
  /** Every write takes a hundred times as long. */
  | { readonly type: 'slow-disk'; readonly host: FaultTarget; readonly forMs: number }
  /** No write ends. */
  | { readonly type: 'stuck-disk'; readonly host: FaultTarget; readonly forMs: number }
  | { readonly type: 'full-disk'; readonly host: FaultTarget; readonly forMs: number }
  /** The monotonic clock runs fast by so many millionths, or slow. */
  | { readonly type: 'drift'; readonly host: FaultTarget; readonly ppm: number }
  /** The wall clock is set. */
  | { readonly type: 'jump'; readonly host: FaultTarget; readonly byMs: number };

/** A fault and when it happens, counted from the end of the setting up. */
export interface TimedFault {
  readonly atMs: number;
  readonly fault: Fault;
}

/** The line that {@link parseSchedule} reads. */
export function formatFault({ atMs, fault }: TimedFault): string {
  return `at ${time(atMs)} ${what(fault)}`;
}

function time(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function what(fault: Fault): string {
  switch (fault.type) {
    case 'partition':
      return `partition ${fault.groups.map((group) => group.join(' ')).join(' | ')}`;
    case 'cut':
    case 'mend':
      return `${fault.type} ${fault.from} > ${fault.to}`;
    case 'heal':
      return 'heal';
    case 'crash':
    case 'power':
      return `${fault.type} ${fault.host}${fault.downMs === undefined ? '' : ` for ${time(fault.downMs)}`}`;
    case 'restart':
      return `restart ${fault.host}`;
    case 'stall':
    case 'slow-disk':
    case 'stuck-disk':
    case 'full-disk':
      return `${fault.type} ${fault.host} for ${time(fault.forMs)}`;
    case 'drift':
      return `drift ${fault.host} ${fault.ppm}ppm`;
    case 'jump':
      return `jump ${fault.host} ${time(fault.byMs)}`;
  }
}

/** Reads a schedule; empty lines and what follows a `#` are passed over. Throws `N3X_INVALID` naming the line. */
export function parseSchedule(text: string): TimedFault[] {
  const faults: TimedFault[] = [];
  text.split('\n').forEach((line, at) => {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (words[0] === '') return;
    const fault = parseLine(words);
    if (fault === undefined) {
      throw new N3xError(ERROR_CODES.invalid, `line ${at + 1} is no fault: ${line.trim()}`, {
        details: { line: at + 1 },
      });
    }
    faults.push(fault);
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function parseLine([at, when = '', type = '', ...rest]: readonly string[]): TimedFault | undefined {
  const atMs = parseTime(when);
  const fault = parseFault(type, rest);
  return at !== 'at' || atMs === undefined || fault === undefined ? undefined : { atMs, fault };
}

/** Ms of `10s`, `1.5s`, `-3s`, `250ms` or `2m`, down to thousandths of a ms; undefined for anything else. */
export function parseTime(text: string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (match === null) return undefined;
  const unit = match[2] === 'ms' ? 1 : match[2] === 's' ? 1_000 : 60_000;
  return Math.round(Number(match[1]) * unit * 1_000) / 1_000;
}

function parseFault(type: string, words: readonly string[]): Fault | undefined {
  const [host, second, third] = words;
  const forMs = second === 'for' && third !== undefined ? parseTime(third) : undefined;
  switch (type) {
    case 'heal':
      return words.length === 0 ? { type } : undefined;
    case 'partition': {
      const groups = words
        .join(' ')
        .split('|')
        .map((group) => group.trim().split(/\s+/));
      return groups.length > 1 && groups.every((group) => group[0] !== '') ? { type, groups } : undefined;
    }
    case 'cut':
    case 'mend':
      return host !== undefined && second === '>' && third !== undefined ? { type, from: host, to: third } : undefined;
    case 'crash':
    case 'power':
      if (host === undefined || (second !== undefined && forMs === undefined)) return undefined;
      return forMs === undefined ? { type, host } : { type, host, downMs: forMs };
    case 'restart':
      return host === undefined || words.length > 1 ? undefined : { type, host };
    case 'stall':
    case 'slow-disk':
    case 'stuck-disk':
    case 'full-disk':
      return host === undefined || forMs === undefined ? undefined : { type, host, forMs };
    case 'drift': {
      const ppm = /^(-?\d+)ppm$/.exec(second ?? '')?.[1];
      return host === undefined || ppm === undefined ? undefined : { type, host, ppm: Number(ppm) };
    }
    case 'jump': {
      const byMs = parseTime(second ?? '');
      return host === undefined || byMs === undefined ? undefined : { type, host, byMs };
    }
    default:
      return undefined;
  }
}
