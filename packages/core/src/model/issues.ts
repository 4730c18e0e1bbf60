/**
 * Turns what a schema found wrong into lines for people: where, what, what was there instead and, for a
 * name that is not known, what may have been meant.
 */
import type { z } from 'zod';
import { nearest } from '../base/near-miss.ts';

/** One thing that is wrong with an input. */
export interface Issue {
  /** Where: `spec.volumes[0].sizeMib`; empty for the input as a whole. */
  readonly path: string;
  /** Where, step by step. */
  readonly steps: readonly (string | number)[];
  /** What, and how to mend it. */
  readonly message: string;
}

/** At most this many issues are described: the first ones are what a user mends first. */
const MAX_ISSUES = 16;

type RawIssue = z.core.$ZodIssue;

/** Describes what `error` found wrong with `input` when it was read by `schema`. Never empty. */
export function describeIssues(error: z.core.$ZodError, schema: z.core.$ZodType, input: unknown): Issue[] {
  const found: Issue[] = [];
  for (const issue of error.issues) {
    found.push(...describe(issue, [], schema, input));
    if (found.length >= MAX_ISSUES) break;
  }
  return found.slice(0, MAX_ISSUES);
}

/** All issues in one line, each with its place. */
export function issueLine(issues: readonly Issue[]): string {
  return issues.map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`)).join('; ');
}

function describe(issue: RawIssue, prefix: readonly PropertyKey[], schema: z.core.$ZodType, input: unknown): Issue[] {
  const steps = [...prefix, ...issue.path].map((step) => (typeof step === 'number' ? step : String(step)));
  const value = valueAt(input, steps);
  const one = (message: string): Issue[] => [{ path: pathText(steps), steps, message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const place = [...steps, key];
        const near = nearest(key, fieldsAt(schema, steps, input));
        const hint = near === undefined ? '' : `, did you mean "${near}"?`;
        return { path: pathText(place), steps: place, message: `unknown field${hint}` };
      });
    case 'invalid_type':
      if (value === undefined) return one('is missing');
      return one(`must be ${kindText(issue.expected)} (got ${show(value)})`);
    case 'invalid_value':
      return one(choiceText(issue.values.map(String), value));
    case 'too_small':
      return one(`must ${boundText(issue.origin, 'at least', issue.minimum, issue.inclusive !== false, value)}`);
    case 'too_big':
      return one(`must ${boundText(issue.origin, 'at most', issue.maximum, issue.inclusive !== false, value)}`);
    case 'invalid_union': {
      if ('discriminator' in issue && typeof issue.discriminator === 'string') {
        const place = issue.path.at(-1) === issue.discriminator ? steps : [...steps, issue.discriminator];
        const options = discriminatorValues(schemaAt(schema, place.slice(0, -1), input), issue.discriminator);
        return [{ path: pathText(place), steps: place, message: choiceText(options, valueAt(input, place)) }];
      }
      const inner = issue.errors[0]?.[0];
      return inner === undefined ? one(issue.message) : describe(inner, steps, schema, input);
    }
    case 'invalid_key': {
      const inner = issue.issues[0];
      return one(inner === undefined ? issue.message : ownText(inner.message, steps.at(-1)));
    }
    default:
      return one(issue.code === 'custom' ? issue.message : ownText(issue.message, value));
  }
}

/** The text of a format's own message, with what was there. */
function ownText(message: string, value: unknown): string {
  return `${message} (got ${show(value)})`;
}

function choiceText(options: readonly string[], value: unknown): string {
  const wanted = options.length === 1 ? `must be ${options[0]}` : `must be one of ${options.join(', ')}`;
  if (value === undefined) return `is missing: ${wanted}`;
  const near = typeof value === 'string' ? nearest(value, options) : undefined;
  return `${wanted} (got ${show(value)}${near === undefined ? '' : `, did you mean "${near}"?`})`;
}

function boundText(origin: string, word: string, bound: number | bigint, inclusive: boolean, value: unknown): string {
  const limit = inclusive ? `${word} ${bound}` : `${word === 'at least' ? 'more than' : 'less than'} ${bound}`;
  if (origin === 'string') return `have ${limit} characters (has ${typeof value === 'string' ? value.length : 0})`;
  if (origin === 'array' || origin === 'set')
    return `have ${limit} items (has ${Array.isArray(value) ? value.length : 0})`;
  // A number of a query string is still a string here.
  return `be ${limit} (got ${typeof value === 'string' ? value.slice(0, 60) : show(value)})`;
}

function kindText(expected: string): string {
  if (expected === 'int') return 'a whole number';
  if (expected === 'record' || expected === 'object') return 'an object';
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

/** A value in at most 60 characters. What is nested is only named: it may be deep. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function pathText(steps: readonly (string | number)[]): string {
  let text = '';
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${/^[A-Za-z_][\w-]*$/.test(step) ? step : JSON.stringify(step)}`;
  }
  return text;
}

function valueAt(input: unknown, steps: readonly (string | number)[]): unknown {
  let value = input;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

/** Names of the fields of the object at a place of the schema. */
function fieldsAt(schema: z.core.$ZodType, steps: readonly (string | number)[], input: unknown): string[] {
  const found = schemaAt(schema, steps, input);
  return found === undefined ? [] : Object.keys(shapeOf(found));
}

function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> {
  const { def } = schema._zod;
  return def.type === 'object' && 'shape' in def ? (def as z.core.$ZodObjectDef).shape : {};
}

/** What is around a schema taken off: defaults, optionals, transforms. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let current = schema;
  for (let depth = 0; depth < 16; depth++) {
    const { def } = current._zod;
    if ('innerType' in def) current = (def as z.core.$ZodOptionalDef).innerType;
    else if (def.type === 'pipe') current = (def as z.core.$ZodPipeDef).in;
    else break;
  }
  return current;
}

/** The schema of a place; of a discriminated union the option that the input chose. */
function schemaAt(
  schema: z.core.$ZodType,
  steps: readonly (string | number)[],
  input: unknown,
): z.core.$ZodType | undefined {
  let current = unwrap(schema);
  for (let depth = 0; ; depth++) {
    const { def } = current._zod;
    const here = valueAt(input, steps.slice(0, depth));
    if (def.type === 'union' && depth < steps.length + 1) {
      const chosen = chooseOption(def as z.core.$ZodUnionDef, here);
      if (chosen === undefined) return depth === steps.length ? current : undefined;
      current = unwrap(chosen);
    }
    const step = steps[depth];
    if (step === undefined) return current;
    const next = childOf(current, step);
    if (next === undefined) return undefined;
    current = unwrap(next);
  }
}

function childOf(schema: z.core.$ZodType, step: string | number): z.core.$ZodType | undefined {
  const { def } = schema._zod;
  if (def.type === 'array') return (def as z.core.$ZodArrayDef).element;
  if (def.type === 'record') return (def as z.core.$ZodRecordDef).valueType;
  return shapeOf(schema)[String(step)];
}

function chooseOption(def: z.core.$ZodUnionDef, input: unknown): z.core.$ZodType | undefined {
  const key = 'discriminator' in def ? (def as z.core.$ZodDiscriminatedUnionDef).discriminator : undefined;
  if (key === undefined) return undefined;
  const wanted = valueAt(input, [key]);
  return def.options.find((option) => literals(shapeOf(unwrap(option))[key]).includes(String(wanted)));
}

function discriminatorValues(schema: z.core.$ZodType | undefined, key: string): string[] {
  if (schema === undefined || schema._zod.def.type !== 'union') return [];
  const { options } = schema._zod.def as z.core.$ZodUnionDef;
  return options.flatMap((option) => literals(shapeOf(unwrap(option))[key]));
}

function literals(schema: z.core.$ZodType | undefined): string[] {
  if (schema === undefined || schema._zod.def.type !== 'literal') return [];
  return (schema._zod.def as z.core.$ZodLiteralDef<string>).values.map(String);
}
