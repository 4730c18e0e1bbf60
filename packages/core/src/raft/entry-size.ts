/** The one measure of an entry's size, used by every limit. */
import type { Entry, ProposedEntry } from './types.ts';

/** Bytes charged for one step of a configuration change. */
const CHANGE_BYTES = 8;

/**
 * Payload of an entry in bytes: the length of its data. A new leader's empty entry and the change that
 * leaves a joint configuration count nothing, so no limit on proposals can ever refuse them.
 */
export function entrySize(entry: Entry | ProposedEntry): number {
  if (entry.type === 'normal') return entry.data.length;
  return entry.change.changes.length * CHANGE_BYTES + entry.change.context.length;
}

/** Payload of several entries. */
export function entriesSize(entries: readonly (Entry | ProposedEntry)[]): number {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  return size;
}

/**
 * How many of `entries[start..end)` fit into `maxBytes`, never less than one of a non-empty range: an
 * entry larger than the limit travels alone.
 */
export function fittingCount(entries: readonly Entry[], start: number, end: number, maxBytes: number): number {
  if (maxBytes === Number.POSITIVE_INFINITY) return Math.max(end - start, 0);
  let size = 0;
  for (let i = start; i < end; i++) {
    const entry = entries[i];
    if (entry === undefined) return i - start;
    size += entrySize(entry);
    if (size > maxBytes && i > start) return i - start;
  }
  return Math.max(end - start, 0);
}
