/** Where two plain values differ. */

/** One place where two values differ. */
export interface Difference {
  /** Dotted path, positions of lists as numbers: `source.volumes.0.sizeMib`. */
  readonly path: string;
  /** Null where there is nothing. */
  readonly old: unknown;
  readonly new: unknown;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}

function collect(path: string, before: unknown, after: unknown, found: Difference[]): void {
  if (Object.is(before, after)) return;
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
      const old = Object.hasOwn(before, key) ? before[key] : undefined;
      const next = Object.hasOwn(after, key) ? after[key] : undefined;
      collect(path === '' ? key : `${path}.${key}`, old, next, found);
    }
    return;
  }
  found.push({ path, old: before ?? null, new: after ?? null });
}

/** Every place where two plain values differ, in order of the paths. A field that is undefined is absent. */
export function differences(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  collect('', before, after, found);
  return found;
}

/** Whether two plain values are the same. */
export function same(before: unknown, after: unknown): boolean {
  if (Object.is(before, after)) return true;
  if (!isObject(before) || !isObject(after) || Array.isArray(before) !== Array.isArray(after)) return false;
  // Plain values inherit nothing that is listed here, and no list of keys has to be made.
  for (const key in before) {
    if (!same(before[key], Object.hasOwn(after, key) ? after[key] : undefined)) return false;
  }
  for (const key in after) {
    if (after[key] !== undefined && !Object.hasOwn(before, key)) return false;
  }
  return true;
}

/** A value in a message: short, on one line. */
export function shown(value: unknown): string {
  const text =
    value === null || value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= 48 ? line : `${line.slice(0, 45)}...`;
}
