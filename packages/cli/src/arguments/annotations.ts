import { UsageError } from './usage-error.ts';

/**
 * Reads `KEY=VALUE`, which sets an annotation, and `KEY-`, which takes one away (null). Throws `UsageError`
 * naming what is neither, or a key that is given twice.
 */
export function parseAnnotations(texts: readonly string[]): Record<string, string | null> {
  const changes = new Map<string, string | null>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const removes = equals < 0 && text.length > 1 && text.endsWith('-');
    if (equals < 1 && !removes) {
      throw new UsageError(`"${text}" is neither KEY=VALUE, which sets an annotation, nor KEY-, which takes it away`);
    }
    const key = removes ? text.slice(0, -1) : text.slice(0, equals);
    if (changes.has(key)) throw new UsageError(`annotation "${key}" is given twice`);
    changes.set(key, removes ? null : text.slice(equals + 1));
  }
  return Object.fromEntries(changes);
}
