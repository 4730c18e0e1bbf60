/**
 * Hosts by points, the best on top: most points, of equals the first. Hosts are numbers here, their positions in a list,
 * and all that is known of them lies in flat arrays: some thousand of them are ordered for each kind of VM in each pass.
 */

/** Where a host is that is in no heap. */
const NOWHERE = -1;

/** What heaps over parts of one list of hosts share. */
export class HostRanks {
  /** Points by position. */
  readonly points: Float64Array;
  /** Place in its heap by position. */
  readonly places: Int32Array;

  /** For a list of `count` hosts. */
  constructor(count: number) {
    this.points = new Float64Array(count);
    this.places = new Int32Array(count).fill(NOWHERE);
  }
}

/** A binary heap of hosts that knows where each of them is. */
export class HostHeap {
  readonly #points: Float64Array;
  readonly #places: Int32Array;
  readonly #hosts: number[];

  /** Of these hosts, a list that is taken over. Their points are in `ranks`. */
  constructor(hosts: number[], { points, places }: HostRanks) {
    this.#hosts = hosts;
    this.#points = points;
    this.#places = places;
    for (let at = 0; at < hosts.length; at++) this.#put(hosts[at] ?? 0, at);
    for (let at = (hosts.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** The best; undefined when there is none. */
  get top(): number | undefined {
    return this.#hosts[0];
  }

  /** Takes a host in that is in no heap, with its points as they are. */
  push(host: number): void {
    this.#put(host, this.#hosts.length);
    this.#rise(this.#hosts.length - 1);
  }

  /** Takes the top away. */
  pop(): void {
    const [top] = this.#hosts;
    const last = this.#hosts.pop();
    if (top === undefined || last === undefined) return;
    this.#places[top] = NOWHERE;
    if (last === top) return;
    this.#put(last, 0);
    this.#sink(0);
  }

  /** The points of a host are others; no effect when it is in no heap. */
  update(host: number, points: number): void {
    const at = this.#places[host] ?? NOWHERE;
    if (at === NOWHERE) return;
    this.#points[host] = points;
    this.#rise(at);
    this.#sink(this.#places[host] ?? at);
  }

  /**
   * The best of those that `accept` takes, up to `count`, the best first. It looks at no more than `looks` of them, and
   * takes none away.
   */
  first(count: number, looks: number, accept: (host: number) => boolean): number[] {
    const found: number[] = [];
    // Whoever is next is below one that was looked at.
    const edge: number[] = this.#hosts.length === 0 ? [] : [0];
    for (let looked = 0; looked < looks && found.length < count; looked++) {
      let next = -1;
      let best: number | undefined;
      for (let at = 0; at < edge.length; at++) {
        const other = this.#hosts[edge[at] ?? -1];
        if (other === undefined || (best !== undefined && !this.#isBetter(other, best))) continue;
        best = other;
        next = at;
      }
      if (best === undefined) break;
      const below = 2 * (edge[next] ?? 0) + 1;
      edge[next] = below;
      edge.push(below + 1);
      if (accept(best)) found.push(best);
    }
    return found;
  }

  #isBetter(a: number, b: number): boolean {
    const ofA = this.#points[a] ?? 0;
    const ofB = this.#points[b] ?? 0;
    return ofA > ofB || (ofA === ofB && a < b);
  }

  #put(host: number, at: number): void {
    this.#hosts[at] = host;
    this.#places[host] = at;
  }

  #rise(from: number): void {
    const host = this.#hosts[from];
    if (host === undefined) return;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#hosts[above];
      if (parent === undefined || !this.#isBetter(host, parent)) break;
      this.#put(parent, at);
      at = above;
    }
    this.#put(host, at);
  }

  #sink(from: number): void {
    const host = this.#hosts[from];
    if (host === undefined) return;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      let child = this.#hosts[below];
      if (child === undefined) break;
      const other = this.#hosts[below + 1];
      if (other !== undefined && this.#isBetter(other, child)) {
        child = other;
        below += 1;
      }
      if (!this.#isBetter(child, host)) break;
      this.#put(child, at);
      at = below;
    }
    this.#put(host, at);
  }
}
