/**
 * A run as data: everything that decides it, in a file that people can read and change. Faults are written as in a
 * schedule, one text per fault. What is left out is drawn from the seed, as on the command line.
 */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { commandSchema } from '@n3x/core/machine/command';
import { formatFault, parseSchedule, parseTime } from '../faults/fault.ts';
import type { Operation, ScriptedOperation } from '../workloads/operation.ts';
import { readInput } from './input-file.ts';
import {
  CALM_PARTS,
  type CalmPart,
  type FixedRequest,
  fixRequest,
  parseDuration,
  parseHosts,
  parseSeed,
} from './run-options.ts';

/** The version of the format; what another version wrote is refused. */
const VERSION = 1;
/** How the first line of a trace file begins; its case follows. */
const TRACE_MARK = '# n3x-sim trace ';
const FIELDS =
  'n3xSimCase seed hosts duration profile workload planted membership calm faults operations violation'.split(' ');

/** What a run is known to break. */
export interface KnownViolation {
  readonly rule: string;
  readonly message: string;
  readonly atMs: number;
}

/** A run, and what it broke when it was written down. */
export interface Case {
  readonly request: FixedRequest;
  readonly violation?: KnownViolation;
}

/** A case as text: JSON with one fault and one operation per line. */
export function formatCase({ request, violation }: Case): string {
  const { faults, operations, ...rest } = caseJson({ request, ...(violation && { violation }) });
  const lines = Object.entries(rest).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  for (const [key, list] of Object.entries({ faults, operations })) {
    if (!Array.isArray(list)) continue;
    const items = list.map((item) => `    ${JSON.stringify(item)}`).join(',\n');
    lines.push(`  "${key}": [${items === '' ? '' : `\n${items}\n  `}]`);
  }
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** A case as plain data. */
export function caseJson({ request, violation }: Case): Record<string, unknown> {
  const { seed, hosts, durationMs, profile, workload, planted, membership, calm, faults, operations } = request;
  return {
    ...{ n3xSimCase: VERSION, seed, hosts, duration: `${durationMs}ms`, profile, workload },
    ...(planted === undefined ? {} : { planted }),
    ...(membership === undefined ? {} : { membership }),
    ...(calm === undefined || calm.length === 0 ? {} : { calm }),
    ...(violation === undefined ? {} : { violation }),
    ...(faults === undefined ? {} : { faults: faults.map(formatFault) }),
    ...(operations === undefined
      ? {}
      : {
          operations: operations.map(({ atMs, client, requestId, operation }) => ({
            ...{ at: `${atMs}ms`, client, id: requestId, ...operation },
          })),
        }),
  };
}

/** The first line of the trace of a case. */
export function traceHeader(found: Case): string {
  return `${TRACE_MARK}${JSON.stringify(caseJson(found))}`;
}

/** Reads a case file or the case of a trace file. Throws `N3X_INVALID` naming the file and what is wrong with it. */
export function readCase(path: string): Case & { readonly trace?: readonly string[] } {
  const text = readInput(path);
  if (!text.startsWith('#')) return parseCase(text, path);
  const [first = '', ...trace] = text.split('\n');
  if (!first.startsWith(TRACE_MARK)) throw wrong(path, 'it is no case and no trace that `run --trace` wrote');
  return { ...parseCase(first.slice(TRACE_MARK.length), path), trace: trace.filter((line) => line !== '') };
}

/** Reads the text of a case. Throws `N3X_INVALID` naming `path` and what is wrong. */
export function parseCase(text: string, path: string): Case {
  const data = object(json(text, path), path, 'the case');
  const unknown = Object.keys(data).find((key) => !FIELDS.includes(key));
  if (data['n3xSimCase'] !== VERSION) throw wrong(path, `n3xSimCase is not ${VERSION}: it is no case of this version`);
  if (unknown !== undefined) throw wrong(path, `there is no field ${unknown}: the fields are ${FIELDS.join(', ')}`);
  const { planted, membership, calm, violation } = data;
  if (planted !== undefined && typeof planted !== 'string') throw wrong(path, 'planted is no name');
  if (membership !== undefined && membership !== false) throw wrong(path, 'membership can only be false');
  try {
    const request = fixRequest({
      seed: parseSeed(word(data, 'seed')),
      hosts: parseHosts(word(data, 'hosts')),
      durationMs: parseDuration(word(data, 'duration')),
      profile: word(data, 'profile'),
      workload: word(data, 'workload'),
      ...(planted === undefined ? {} : { planted }),
      ...(membership === undefined ? {} : { membership }),
      ...(calm === undefined ? {} : { calm: list(calm, 'calm').map(calmPart) }),
      ...(data['faults'] === undefined
        ? {}
        : { faults: parseSchedule(list(data['faults'], 'faults').map(String).join('\n')) }),
      ...(data['operations'] === undefined
        ? {}
        : { operations: list(data['operations'], 'operations').map((item) => scripted(item, path)) }),
    });
    return { request, ...(violation === undefined ? {} : { violation: known(violation, path) }) };
  } catch (error) {
    if (error instanceof N3xError && !error.message.startsWith(`${path}: `)) throw wrong(path, error.message);
    throw error;
  }
}

function wrong(path: string, message: string): N3xError {
  return new N3xError(ERROR_CODES.invalid, `${path}: ${message}`);
}

function json(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(path, `it is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function object(value: unknown, path: string, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, `${what} is no object`);
  return { ...value };
}

function word(data: Readonly<Record<string, unknown>>, field: string): string {
  const value = data[field];
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new N3xError(ERROR_CODES.invalid, `${field} is missing`);
}

function list(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new N3xError(ERROR_CODES.invalid, `${field} is no list`);
}

function calmPart(value: unknown): CalmPart {
  const part = CALM_PARTS.find((name) => name === value);
  if (part !== undefined) return part;
  throw new N3xError(ERROR_CODES.invalid, `calm takes ${CALM_PARTS.join(', ')}, not ${JSON.stringify(value)}`);
}

function scripted(item: unknown, path: string): ScriptedOperation {
  const { at, client, id, ...operation } = object(item, path, 'an operation');
  const atMs = parseTime(String(at));
  if (atMs === undefined || typeof id !== 'string' || typeof client !== 'number' || !Number.isSafeInteger(client)) {
    throw wrong(path, `an operation has no at, client or id: ${JSON.stringify(item).slice(0, 120)}`);
  }
  if (!isOperation(operation)) throw wrong(path, `${id} is no read and no write with a command that there is`);
  return { atMs, client, requestId: id, operation };
}

function isOperation(value: object): value is Operation {
  if (!('object' in value) || typeof value.object !== 'string' || !('type' in value)) return false;
  return value.type === 'write'
    ? 'command' in value && commandSchema.safeParse(value.command).success
    : value.type === 'read';
}

function known(value: unknown, path: string): KnownViolation {
  const { rule, message, atMs } = object(value, path, 'violation');
  if (typeof rule === 'string' && typeof message === 'string' && typeof atMs === 'number')
    return { rule, message, atMs };
  throw wrong(path, 'violation has no rule, message or atMs');
}
