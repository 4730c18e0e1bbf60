/** The order of the keys of plain objects: by code units. */

/**
 * Sorts keys in place; whether they were in order already. Most are, or nearly: for so few texts that beats the
 * general sort, which works on a copy.
 */
export function sortKeys(keys: string[]): boolean {
  let wereSorted = true;
  for (let at = 1; at < keys.length; at++) {
    const key = keys[at] ?? '';
    let to = at;
    for (; to > 0; to--) {
      const before = keys[to - 1] ?? '';
      if (before <= key) break;
      keys[to] = before;
    }
    if (to === at) continue;
    keys[to] = key;
    wereSorted = false;
  }
  return wereSorted;
}
