import { UsageError } from './usage-error.ts';

/**
 * Reads `KEY=VALUE`, which sets an annotation or a label, and `KEY-`, which takes one away (null). Throws `UsageError`
 * naming what is neither, or a key that is given twice, after `flag` if they come from one.
 */
export function parseAnnotations(
  texts: readonly string[],
  flag = '',
  what: 'annotation' | 'label' = 'annotation',
): Record<string, string | null> {
  const at = flag === '' ? '' : `${flag}: `;
  const one = what === 'label' ? 'a label' : 'an annotation';
  const changes = new Map<string, string | null>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const removes = equals < 0 && text.length > 1 && text.endsWith('-');
    if (equals < 1 && !removes) {
      throw new UsageError(`${at}"${text}" is neither KEY=VALUE, which sets ${one}, nor KEY-, which takes it away`);
    }
    const key = removes ? text.slice(0, -1) : text.slice(0, equals);
    if (changes.has(key)) throw new UsageError(`${at}${what} "${key}" is given twice`);
    changes.set(key, removes ? null : text.slice(equals + 1));
  }
  return Object.fromEntries(changes);
}
