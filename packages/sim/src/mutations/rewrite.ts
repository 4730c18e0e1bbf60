/**
 * Planted bugs as edits of the source text: what somebody could have typed. A thread of a search applies
 * them to the modules that it loads, in memory; the files stay as they are, and no other thread sees any of it.
 */
import { registerHooks } from 'node:module';

/** One edit of a file of `packages/core/src`. */
export interface Rewrite {
  /** Path below `packages/core/src`, without `.ts`. */
  readonly file: string;
  /** The text to be replaced. It has to occur exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Where the core's sources are. */
export const CORE_SOURCES = new URL('../../../core/src/', import.meta.url);

/** The text of `file` with its edits made. Throws when a place is gone, or is no longer the only one. */
export function rewritten(file: string, source: string, rewrites: readonly Rewrite[]): string {
  let text = source;
  for (const { find, replace } of rewrites.filter((rewrite) => rewrite.file === file)) {
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`${file}.ts has ${parts.length - 1} places like this, a planted bug needs one: ${find}`);
    }
    text = parts.join(replace);
  }
  return text;
}

/**
 * From now on modules are loaded with these edits, in this thread alone: call it before the first import of
 * the core. Answers a way to ask which of the edited files were not loaded so far.
 */
export function plant(rewrites: readonly Rewrite[]): () => readonly string[] {
  const missing = new Set(rewrites.map(({ file }) => file));
  const files = new Map([...missing].map((file) => [new URL(`${file}.ts`, CORE_SOURCES).href, file]));
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      const file = files.get(url);
      if (file === undefined || loaded.source === null || loaded.source === undefined) return loaded;
      missing.delete(file);
      const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      return { ...loaded, source: rewritten(file, source, rewrites) };
    },
  });
  return () => [...missing];
}
