/**
 * Which hosts that were let in have come. A host is let in by an entry of the log, and is there only once it has noted its
 * membership and takes the leader's stream: until then nothing is built on it, and if it does not come, it was never in.
 */
import type { ClusterState } from '../machine/state.ts';
import type { NodeId } from '../raft/types.ts';
import type { Decision } from './decision.ts';

/** How long, in ms, a host that was let in has to come before its join is taken back. */
export const JOIN_PATIENCE_MS = 600_000;

/** The streams of one host to the others, and for how long joining hosts have been waited for. */
export class Arrivals {
  readonly #connected = new Set<NodeId>();
  readonly #awaitedSince = new Map<NodeId, number>();

  /** The stream to `id` opened or broke. */
  stream(id: NodeId, isOpen: boolean): void {
    if (isOpen) this.#connected.add(id);
    else this.#connected.delete(id);
  }

  /** Hosts that take this one's stream now. */
  get connected(): ReadonlySet<NodeId> {
    return this.#connected;
  }

  /** This host leads no more: whoever leads next waits anew. */
  clear(): void {
    this.#awaitedSince.clear();
  }

  /** `hostJoinExpired` for each host that was let in and did not come in time. On the leader only. */
  plan(state: ClusterState, nowMs: number): Decision[] {
    const decisions: Decision[] = [];
    const awaited = new Set<NodeId>();
    for (const { id, membership } of state.hosts()) {
      if (membership !== 'joining' || this.#connected.has(id)) continue;
      awaited.add(id);
      const since = this.#awaitedSince.get(id) ?? nowMs;
      this.#awaitedSince.set(id, since);
      if (nowMs - since < JOIN_PATIENCE_MS) continue;
      decisions.push({ type: 'command', key: `joinExpired/${id}`, command: { type: 'hostJoinExpired', hostId: id } });
    }
    for (const id of this.#awaitedSince.keys()) if (!awaited.has(id)) this.#awaitedSince.delete(id);
    return decisions;
  }
}
