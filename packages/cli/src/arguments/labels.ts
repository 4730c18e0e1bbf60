import { UsageError } from './usage-error.ts';

/** Reads `KEY=VALUE` pairs into one record. A key given twice with two values is refused with `UsageError`. */
export function parseLabels(flag: string, pairs: readonly string[]): Record<string, string> {
  const labels = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new UsageError(`${flag}: "${pair}" is not KEY=VALUE, for example zone=a`);
    const key = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    const earlier = labels.get(key);
    if (earlier !== undefined && earlier !== value) {
      throw new UsageError(`${flag}: "${key}" is given twice, as "${earlier}" and as "${value}"`);
    }
    labels.set(key, value);
  }
  return Object.fromEntries(labels);
}
