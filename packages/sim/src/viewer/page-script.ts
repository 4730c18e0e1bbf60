/**
 * The script of the page: the modules of `page/`, each stripped of its types and of what joins it to the others,
 * one after the other in the order in which they need each other. So the page needs no bundler, and what runs in
 * it can be read there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

/** Where the parts of the page are. */
const PAGE = new URL('./page/', import.meta.url);
/** The module that is run last. */
const ENTRY = 'main.ts';

/** The text of a part of the page. */
export function pagePart(name: string): string {
  return readFileSync(new URL(name, PAGE), 'utf8');
}

const IMPORT = /^import (?:type )?(?:\{[^}]*\}|\* as \w+) from '\.\/([\w-]+\.ts)';\n/gm;

/** The modules that are needed, each after those that it imports. Throws for an import that leads elsewhere. */
function inOrder(): string[] {
  const known = new Set(readdirSync(PAGE).filter((name) => name.endsWith('.ts')));
  const order: string[] = [];
  const visit = (name: string): void => {
    if (order.includes(name)) return;
    if (!known.has(name)) throw new Error(`the page has no module ${name}`);
    const source = pagePart(name);
    for (const [text, imported = ''] of source.matchAll(IMPORT)) if (!text.startsWith('import type')) visit(imported);
    if (!order.includes(name)) order.push(name);
  };
  visit(ENTRY);
  return order;
}

/** Node tells once that stripping types is young; nobody who wants a page needs to know. */
function strip(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The whole script. Throws when two modules have a name in common, or one has an import that is not understood. */
export function pageScript(): string {
  const names = new Map<string, string>();
  const parts = inOrder().map((file) => {
    const code = strip(pagePart(file).replace(IMPORT, ''))
      .replace(/^export (?=const |function |class |async )/gm, '')
      .replace(/[ \t]+$/gm, '')
      .replace(/\n{3,}/g, '\n\n');
    const left = /^(import|export) .*/m.exec(code)?.[0];
    if (left !== undefined) throw new Error(`${file} has ${left}, which the page cannot have`);
    for (const [, name = ''] of code.matchAll(/^(?:const|let|async function|function|class) (\w+)/gm)) {
      const other = names.get(name);
      if (other !== undefined) throw new Error(`${other} and ${file} both have ${name}`);
      names.set(name, file);
    }
    return code.trim();
  });
  return parts.join('\n\n');
}
