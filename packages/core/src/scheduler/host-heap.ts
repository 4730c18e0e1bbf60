/** Hosts with their points, the best on top: most points, of equals the lowest id. */
import type { Host } from '../model/host.ts';

/** A host as it was when it was weighed. */
export interface Weighed {
  readonly host: Host;
  readonly points: number;
}

function isBetter(a: Weighed, b: Weighed): boolean {
  return a.points > b.points || (a.points === b.points && a.host.id < b.host.id);
}

/** A binary heap. */
export class HostHeap {
  readonly #entries: Weighed[];

  /** Takes the list over. */
  constructor(entries: Weighed[] = []) {
    this.#entries = entries;
    for (let at = (entries.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get top(): Weighed | undefined {
    return this.#entries[0];
  }

  push(entry: Weighed): void {
    const entries = this.#entries;
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || !isBetter(entry, parent)) break;
      entries[at] = parent;
      at = above;
    }
    entries[at] = entry;
  }

  /** Takes the top away. */
  pop(): Weighed | undefined {
    const [top] = this.#entries;
    const last = this.#entries.pop();
    if (last !== undefined && this.#entries.length > 0) {
      this.#entries[0] = last;
      this.#sink(0);
    }
    return top;
  }

  /**
   * The best of those that `accept` takes, up to `count`, the best first. It looks at no more than `looks` of them, and
   * takes none away.
   */
  first(count: number, looks: number, accept: (entry: Weighed) => boolean): Weighed[] {
    const found: Weighed[] = [];
    // Whoever is next is below one that was looked at.
    const edge: number[] = this.#entries.length === 0 ? [] : [0];
    for (let looked = 0; looked < looks && found.length < count; looked++) {
      let next = -1;
      let entry: Weighed | undefined;
      for (let at = 0; at < edge.length; at++) {
        const other = this.#entries[edge[at] ?? -1];
        if (other === undefined || (entry !== undefined && !isBetter(other, entry))) continue;
        entry = other;
        next = at;
      }
      if (entry === undefined) break;
      const below = 2 * (edge[next] ?? 0) + 1;
      edge[next] = below;
      edge.push(below + 1);
      if (accept(entry)) found.push(entry);
    }
    return found;
  }

  #sink(from: number): void {
    const entries = this.#entries;
    const entry = entries[from];
    if (entry === undefined) return;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      let child = entries[below];
      if (child === undefined) break;
      const other = entries[below + 1];
      if (other !== undefined && isBetter(other, child)) {
        child = other;
        below += 1;
      }
      if (!isBetter(child, entry)) break;
      entries[at] = child;
      at = below;
    }
    entries[at] = entry;
  }
}
