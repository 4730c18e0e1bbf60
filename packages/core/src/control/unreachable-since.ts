/** When a host learned, by the log, that others are not reachable. It counts on its own clock, whoever leads. */
import type { ClusterState } from '../machine/state.ts';
import type { NodeId } from '../raft/types.ts';

/** What one host remembers. Lost with its process: the silence then counts from when it starts again. */
export class UnreachableSince {
  readonly #sinceMs = new Map<NodeId, number>();
  #looked: { readonly state: ClusterState; readonly version: number } | undefined;

  /** To be called whenever the state may have changed, with monotonic time. */
  look(state: ClusterState, nowMs: number): void {
    if (this.#looked?.state === state && this.#looked.version === state.hostsVersion) return;
    this.#looked = { state, version: state.hostsVersion };
    const lost = new Set<NodeId>();
    for (const { id, reachable } of state.hosts()) if (!reachable) lost.add(id);
    for (const id of this.#sinceMs.keys()) if (!lost.has(id)) this.#sinceMs.delete(id);
    for (const id of lost) if (!this.#sinceMs.has(id)) this.#sinceMs.set(id, nowMs);
  }

  /** Monotonic time since when a host is known to be unreachable; null when it is reachable, or no host. */
  of(id: NodeId): number | null {
    return this.#sinceMs.get(id) ?? null;
  }
}
