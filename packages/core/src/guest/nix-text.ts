/** Nix source text from values. Source: the Nix manual, "String literal" and "Attribute set". */

/** A Nix expression as text; made by the functions here, never from input as it is. */
export interface NixExpression {
  readonly nix: string;
}

/** What can be written as Nix. Of an attribute set, what is undefined is left out. */
export type NixValue =
  | string
  | number
  | boolean
  | null
  | NixExpression
  | readonly NixValue[]
  | { readonly [name: string]: NixValue | undefined };

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  // Every dollar sign, so that no `${` can come about, whatever stands before it.
  $: '\\$',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A string literal that Nix reads as exactly `text`. Nix has no strings with NUL, so there `text` must have none. */
export function nixString(text: string): string {
  return `"${text.replace(/[\\"$\n\r\t]/g, (character) => ESCAPES[character] ?? character)}"`;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_'-]*$/;
const KEYWORDS = new Set(['assert', 'else', 'if', 'in', 'inherit', 'let', 'or', 'rec', 'then', 'with']);

/** An attribute's name, quoted where it must be. */
export function nixName(name: string): string {
  return IDENTIFIER.test(name) && !KEYWORDS.has(name) ? name : nixString(name);
}

/** An expression from text that is Nix already. */
export function expression(nix: string): NixExpression {
  return { nix };
}

/** A value as Nix source; nested sets and lists are indented, starting from `indent`. Numbers must be integers. */
export function nixValue(value: NixValue, indent = ''): string {
  if (typeof value === 'string') return nixString(value);
  if (value === null) return 'null';
  if (typeof value !== 'object') return String(value);
  if (isExpression(value)) return value.nix;
  const inner = `${indent}  `;
  if (isList(value)) {
    if (value.length === 0) return '[ ]';
    const items = value.map((item) => `${inner}${listItem(item, inner)}\n`);
    return `[\n${items.join('')}${indent}]`;
  }
  return `{\n${nixBindings(value, inner)}${indent}}`;
}

/** The bindings of an attribute set, one per line. */
export function nixBindings(set: { readonly [name: string]: NixValue | undefined }, indent: string): string {
  return Object.entries(set)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${indent}${nixName(name)} = ${nixValue(value, indent)};\n`],
    )
    .join('');
}

/** In a list, an application must stand in parentheses; so must a negative number. */
function listItem(item: NixValue, indent: string): string {
  const text = nixValue(item, indent);
  const isExposed = typeof item === 'number' || (typeof item === 'object' && item !== null && isExpression(item));
  return isExposed && !/^[A-Za-z0-9_./][A-Za-z0-9_./'-]*$/.test(text) ? `(${text})` : text;
}

function isExpression(value: NixValue): value is NixExpression {
  return typeof value === 'object' && value !== null && 'nix' in value && typeof value.nix === 'string';
}

function isList(value: NixValue): value is readonly NixValue[] {
  return Array.isArray(value);
}
