/**
 * The one order that plain values have in memory and in their bytes: the keys of every object by code units, and no
 * field that is undefined. So equal values have equal bytes on every host.
 */
import { sortKeys } from './key-order.ts';

/** Whether a value has parts of its own. */
export function hasParts(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function orderedList(list: readonly unknown[], before: unknown): readonly unknown[] {
  const past: readonly unknown[] = Array.isArray(before) ? before : [];
  let copy: unknown[] | undefined;
  for (let at = 0; at < list.length; at++) {
    const entry = list[at];
    if (!hasParts(entry)) continue;
    const ordered = canonical(entry, past[at]);
    if (ordered === entry) continue;
    copy ??= [...list];
    copy[at] = ordered;
  }
  return copy ?? list;
}

function canonical(value: Readonly<Record<string, unknown>>, before: unknown): object {
  if (value === before) return value;
  if (Array.isArray(value)) return orderedList(value, before);
  const past = hasParts(before) ? before : undefined;
  let isOrdered = true;
  let last = '';
  // Plain values inherit nothing that is listed here, and no list of keys has to be made.
  for (const key in value) {
    if (key < last) isOrdered = false;
    last = key;
    const part = value[key];
    if (part === undefined) isOrdered = false;
    else if (hasParts(part) && part !== past?.[key] && canonical(part, past?.[key]) !== part) isOrdered = false;
  }
  return isOrdered ? value : reordered(value, past);
}

function reordered(
  value: Readonly<Record<string, unknown>>,
  past: Readonly<Record<string, unknown>> | undefined,
): object {
  const keys = Object.keys(value);
  sortKeys(keys);
  const copy: Record<string, unknown> = {};
  for (const key of keys) {
    const part = value[key];
    if (part !== undefined) copy[key] = hasParts(part) ? canonical(part, past?.[key]) : part;
  }
  return copy;
}

/**
 * The same value in order: itself when it is so already. `before` is what it takes the place of, in order itself: parts that
 * are still those of before are not looked at again. Neither the argument nor the result may be changed afterwards.
 */
export function inOrder<T extends object>(value: T, before?: object): T {
  // Order of keys and absent fields are no part of a type; every object may be looked at by its keys.
  return canonical(value as Readonly<Record<string, unknown>>, before) as T;
}
