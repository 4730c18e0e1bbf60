/**
 * Finds where in a TOML text a key stands, so that a complaint about its value can point there. The text
 * has been parsed already: only its shape is followed here, values are skipped.
 */

/** A place in a text, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * The place of the key that `steps` leads to. For what stands within a value (an item of an array, a key
 * of an inline table) the place of the key that holds the value; for what is not there, that of its table.
 */
export function locateKey(text: string, steps: readonly (string | number)[]): Place {
  const names = steps.map(String);
  let best: Place = { line: 1, column: 1 };
  let bestLength = 0;
  for (const entry of keysOf(text)) {
    const length = entry.path.length;
    if (length <= bestLength || length > names.length) continue;
    if (entry.path.every((name, position) => name === names[position])) {
      best = entry.place;
      bestLength = length;
    }
  }
  return best;
}

interface KeyEntry {
  readonly path: readonly string[];
  readonly place: Place;
}

/** White space and a comment. */
const BLANK = /\s*(?:#[^\n]*)?/y;

/** Table headers and keys with their full paths, in order. */
function* keysOf(text: string): Generator<KeyEntry> {
  let table: string[] = [];
  let position = 0;
  let line = 1;
  let lineStart = 0;
  const advance = (to: number): void => {
    for (; position < to; position++) {
      if (text[position] === '\n') {
        line++;
        lineStart = position + 1;
      }
    }
  };
  while (position < text.length) {
    BLANK.lastIndex = position;
    if (BLANK.test(text) && BLANK.lastIndex > position) {
      advance(BLANK.lastIndex);
      continue;
    }
    const place = { line, column: position - lineStart + 1 };
    if (text[position] === '[') {
      const end = lineEnd(text, position);
      table = keyParts(text.slice(position, end).replace(/^\[+\s*/, ''));
      yield { path: table, place };
      advance(end);
      continue;
    }
    const equals = endOfKey(text, position);
    yield { path: [...table, ...keyParts(text.slice(position, equals))], place };
    advance(endOfValue(text, equals + 1));
  }
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

/** Position of the `=` after a key, or of the line's end. */
function endOfKey(text: string, from: number): number {
  let position = from;
  while (position < text.length && text[position] !== '=' && text[position] !== '\n') {
    const quote = text[position];
    position = quote === '"' || quote === "'" ? endOfString(text, position) : position + 1;
  }
  return position;
}

/** The parts of a dotted key, quotes taken off. */
function keyParts(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+)|(?:\]|#).*/g)].flatMap((match) => {
    const part = match[1] ?? match[2] ?? match[3];
    return part === undefined ? [] : [part];
  });
}

/** Position after a string that starts at `from`. */
function endOfString(text: string, from: number): number {
  const quote = text[from] ?? '';
  const triple = quote.repeat(3);
  if (text.startsWith(triple, from)) {
    let end = text.indexOf(triple, from + 3);
    while (end > 0 && quote === '"' && isEscaped(text, end)) end = text.indexOf(triple, end + 1);
    return end === -1 ? text.length : end + 3;
  }
  for (let position = from + 1; position < text.length; position++) {
    if (quote === '"' && text[position] === '\\') position++;
    else if (text[position] === quote) return position + 1;
    else if (text[position] === '\n') return position;
  }
  return text.length;
}

function isEscaped(text: string, position: number): boolean {
  let slashes = 0;
  while (text[position - 1 - slashes] === '\\') slashes++;
  return slashes % 2 === 1;
}

/** Position of the line's end after the value that starts at `from`; brackets may span lines. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let position = from;
  while (position < text.length) {
    const character = text[position];
    if (character === '"' || character === "'") {
      position = endOfString(text, position);
      continue;
    }
    if (character === '#') {
      position = lineEnd(text, position);
      continue;
    }
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    else if (character === '\n' && depth <= 0) return position;
    position++;
  }
  return position;
}
