/** The hosts that one pass chooses from. */
import type { Host } from '../model/host.ts';

/** Hosts by rising id. What is noted of each during a pass is noted by its position, in flat arrays. */
export class HostList {
  readonly all: readonly Host[];
  readonly #positions = new Map<number, number>();

  /** `hosts` come by rising id. */
  constructor(hosts: Iterable<Host>) {
    this.all = [...hosts];
    for (const [position, { id }] of this.all.entries()) this.#positions.set(id, position);
  }

  /** The position of the host with this id; undefined when it is not one of them. */
  positionOf(id: number): number | undefined {
    return this.#positions.get(id);
  }
}
