/**
 * The text form of a scripted scenario: blocks of a directive line, optional input, a line `----`, and the
 * expected output up to a blank line. Lines with `#` carry the story. Pure: texts in, texts out.
 */

/** One argument: `key`, `key=value`, or `key=(a,b)`. A bare word is a key without values. */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

/** One block. */
export interface Directive {
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  /** `file:line`, for messages. */
  readonly position: string;
}

/** Runs a directive and gives its output; an empty one shows as `ok`. */
export type Handler = (directive: Directive) => string;

/** A script that is malformed, or whose output is not what it expects. */
export class ScriptError extends Error {
  constructor(position: string, message: string) {
    super(`${position}: ${message}`);
    this.name = 'ScriptError';
  }
}

const ARGUMENT = /^([^\s=]+)(?:=(?:\(([^)]*)\)|(\S*)))?\s*/;
const SEPARATOR = '----';

/** Takes a directive line apart. Throws {@link ScriptError} where it cannot. */
export function parseDirective(line: string, position: string): Pick<Directive, 'command' | 'args'> {
  const command = line.split(/\s+/, 1)[0] ?? '';
  let rest = line.slice(command.length).trimStart();
  const args: Argument[] = [];
  while (rest !== '') {
    const match = ARGUMENT.exec(rest);
    const key = match?.[1];
    if (match === null || key === undefined) throw new ScriptError(position, `cannot parse '${line}'`);
    const list = match[2]?.split(',').map((value) => value.trim());
    const values = list?.filter((value) => value !== '') ?? (match[3] === undefined ? [] : [match[3]]);
    args.push({ key, values });
    rest = rest.slice(match[0].length);
  }
  return { command, args };
}

/**
 * Runs every block of `text` and returns the text with the actual outputs in it. Without `rewrite` the
 * first output that differs from the expected one throws {@link ScriptError} with both.
 */
export function runScript(path: string, text: string, handle: Handler, options: { readonly rewrite: boolean }): string {
  const lines = text.split('\n');
  const out: string[] = [];
  for (let i = 0; i < lines.length; ) {
    const first = lines[i] ?? '';
    const position = `${path}:${i + 1}`;
    out.push(first);
    i++;
    if (first.trim() === '' || first.startsWith('#')) continue;
    // A backslash at the end goes on with the next line.
    let directive = first.trim();
    while (directive.endsWith('\\') && i < lines.length) {
      const next = lines[i] ?? '';
      out.push(next);
      directive = `${directive.slice(0, -1).trimEnd()} ${next.trim()}`;
      i++;
    }
    const input: string[] = [];
    while (i < lines.length && lines[i] !== SEPARATOR) {
      input.push(lines[i] ?? '');
      out.push(lines[i] ?? '');
      i++;
    }
    if (i === lines.length) throw new ScriptError(position, `no ${SEPARATOR} after '${directive}'`);
    i++;
    const expected: string[] = [];
    while (i < lines.length && (lines[i] ?? '').trim() !== '') {
      expected.push(lines[i] ?? '');
      i++;
    }
    const output = handle({ ...parseDirective(directive, position), input: input.join('\n').trim(), position });
    const actual = output.replace(/\n+$/, '') || 'ok';
    if (/\n[ \t]*\n/.test(actual)) throw new ScriptError(position, 'the output has a blank line');
    if (!options.rewrite && actual !== expected.join('\n')) {
      throw new ScriptError(position, `${directive}\n${differences(expected, actual.split('\n'))}`);
    }
    out.push(SEPARATOR, ...actual.split('\n'));
  }
  return out.join('\n');
}

/** The lines around the first difference: `-` expected, `+` actual. */
function differences(expected: readonly string[], actual: readonly string[]): string {
  let same = 0;
  while (same < expected.length && expected[same] === actual[same]) same++;
  let tail = 0;
  const longest = Math.min(expected.length, actual.length) - same;
  while (tail < longest && expected[expected.length - 1 - tail] === actual[actual.length - 1 - tail]) tail++;
  const shown = (lines: readonly string[], mark: string): string[] =>
    lines.slice(same, lines.length - tail).map((line) => `${mark}${line}`);
  const before = expected.slice(Math.max(0, same - 3), same).map((line) => ` ${line}`);
  return [...before, ...shown(expected, '-'), ...shown(actual, '+')].join('\n');
}
