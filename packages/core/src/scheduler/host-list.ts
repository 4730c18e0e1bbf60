/** The hosts that one pass chooses from. */
import type { Host } from '../model/host.ts';

/** Hosts by rising id. What is noted of each during a pass is noted by its position, in flat arrays. */
export class HostList {
  readonly all: readonly Host[];
  /** Of the same hosts, in one piece of memory. */
  readonly #ids: Float64Array;

  /** `hosts` come by rising id. */
  constructor(hosts: Iterable<Host>) {
    this.all = [...hosts];
    this.#ids = Float64Array.from(this.all, ({ id }) => id);
  }

  /** The position of the host with this id; undefined when it is not one of them. */
  positionOf(id: number): number | undefined {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return this.#ids[low] === id ? low : undefined;
  }
}
