/** Which hosts can reach which: obstacles that come and go, each on its own, so that one may end while another lasts. */
import type { NodeId } from '@n3x/core/raft/types';

/** Whether it keeps messages of `from` away from `to`. */
export type Obstacle = (from: NodeId, to: NodeId) => boolean;

/** Hosts in different groups cannot talk; a host in no group talks to all. */
export function between(groups: readonly (readonly NodeId[])[]): Obstacle {
  const groupOf = new Map(groups.flatMap((group, index) => group.map((id) => [id, index] as const)));
  return (from, to) => {
    const [here, there] = [groupOf.get(from), groupOf.get(to)];
    return here !== undefined && there !== undefined && here !== there;
  };
}

/** Which hosts can reach which. Everything is open at first. */
export class Reachability {
  readonly #obstacles = new Set<Obstacle>();
  #partition: Obstacle | undefined;
  readonly #cuts = new Map<string, Obstacle>();

  /** Whether messages from `from` reach `to`. */
  open(from: NodeId, to: NodeId): boolean {
    if (this.#obstacles.size === 0) return true;
    for (const obstacle of this.#obstacles) {
      if (obstacle(from, to)) return false;
    }
    return true;
  }

  /** Puts an obstacle up. */
  add(obstacle: Obstacle): void {
    this.#obstacles.add(obstacle);
  }

  /** Takes an obstacle down, if it is still up. */
  remove(obstacle: Obstacle): void {
    this.#obstacles.delete(obstacle);
  }

  /** Partitions the hosts. Replaces the last partition. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    if (this.#partition !== undefined) this.remove(this.#partition);
    this.#partition = between(groups);
    this.add(this.#partition);
  }

  /** Cuts one direction, until it is mended. */
  cut(from: NodeId, to: NodeId): void {
    const name = `${from}>${to}`;
    if (this.#cuts.has(name)) return;
    const obstacle: Obstacle = (sender, receiver) => sender === from && receiver === to;
    this.#cuts.set(name, obstacle);
    this.add(obstacle);
  }

  /** Takes back a {@link cut}. */
  mend(from: NodeId, to: NodeId): void {
    const name = `${from}>${to}`;
    const obstacle = this.#cuts.get(name);
    if (obstacle !== undefined) this.remove(obstacle);
    this.#cuts.delete(name);
  }

  /** Opens everything. */
  heal(): void {
    this.#obstacles.clear();
    this.#cuts.clear();
    this.#partition = undefined;
  }
}
