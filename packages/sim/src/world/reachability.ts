/** Which hosts can reach which: partitions into groups, and single directions that are cut. */
import type { NodeId } from '@n3x/core/raft/types';

/** Which hosts can reach which. Everything is open at first. */
export class Reachability {
  #groupOf = new Map<NodeId, number>();
  readonly #cuts = new Set<string>();

  /** Whether messages from `from` reach `to`. */
  open(from: NodeId, to: NodeId): boolean {
    if (this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`)) return false;
    const [here, there] = [this.#groupOf.get(from), this.#groupOf.get(to)];
    return here === undefined || there === undefined || here === there;
  }

  /** Hosts in different groups cannot talk; a host in no group talks to all. Replaces the last partition. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.#groupOf = new Map(groups.flatMap((group, index) => group.map((id) => [id, index] as const)));
  }

  /** Cuts one direction. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Takes back a {@link cut}. */
  mend(from: NodeId, to: NodeId): void {
    this.#cuts.delete(`${from}>${to}`);
  }

  /** Opens everything. */
  heal(): void {
    this.#groupOf.clear();
    this.#cuts.clear();
  }
}
