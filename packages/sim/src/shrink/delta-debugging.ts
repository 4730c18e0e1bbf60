/**
 * Delta debugging (Zeller and Hildebrandt 2002): from a list with which something fails, a list with which it
 * still does and from which no single item can be left out.
 */

/** Cuts `items` into `count` parts of nearly the same length, none of them empty while there are enough items. */
function parts<T>(items: readonly T[], count: number): readonly (readonly T[])[] {
  return Array.from({ length: count }, (_, at) =>
    items.slice(Math.floor((at * items.length) / count), Math.floor(((at + 1) * items.length) / count)),
  );
}

/**
 * The smallest list that is found: `fails` is asked about lists with items left out, in their order, and has to
 * answer the same for the same list. `items` itself is taken to fail. Asks about n log n lists as a rule, n squared
 * at worst.
 */
export function minimise<T>(items: readonly T[], fails: (items: readonly T[]) => boolean): readonly T[] {
  if (items.length === 0 || fails([])) return [];
  let left = items;
  let count = 2;
  while (left.length > 1) {
    const cut = parts(left, count);
    const alone = count === 2 ? cut.find((part) => fails(part)) : undefined;
    const less = alone ?? cut.map((_, without) => cut.filter((_, at) => at !== without).flat()).find(fails);
    if (less !== undefined) {
      left = less;
      count = alone === undefined ? Math.max(2, count - 1) : 2;
    } else if (count < left.length) count = Math.min(left.length, 2 * count);
    else break;
  }
  return left;
}
