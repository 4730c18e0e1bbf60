import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { StaleMark } from '../context.ts';

/**
 * One object out of a list that may be stale. Single objects are read from lists then, because only a list says as
 * of which index it is. Throws `N3X_NOT_FOUND`.
 */
export function findStale<T extends { readonly name: string }>(
  kind: string,
  name: string,
  list: StaleMark & { readonly items: readonly T[] },
): { readonly item: T; readonly mark: StaleMark } {
  const item = list.items.find((entry) => entry.name === name);
  if (item === undefined) {
    const known = list.stale ? ` as of index ${list.index}, which may be stale` : '';
    throw new N3xError(ERROR_CODES.notFound, `there is no ${kind} "${name}"${known}`);
  }
  return { item, mark: { stale: list.stale, index: list.index } };
}
