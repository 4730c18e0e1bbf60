/** Places in ascending lists. */

/** How many of `values` are below `limit`: where it would be put in. */
export function lowerBound(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A span of time with what it is about. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** Puts spans into as few rows as they fit into without touching each other, earliest first; the row of each. */
export function pack(spans: readonly Span[], gap: number): number[] {
  const ends: number[] = [];
  return spans.map(({ from, until }) => {
    const free = ends.findIndex((end) => end + gap <= from);
    const row = free < 0 ? ends.length : free;
    ends[row] = until;
    return row;
  });
}
