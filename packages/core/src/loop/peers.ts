/** Who the other hosts are, and who has been heard from. */
import type { ClusterState } from '../machine/state.ts';
import type { PeerAddress } from '../ports/transport.ts';
import type { ConfState, NodeId } from '../raft/types.ts';

/** The other members: those of the state, and while the state is empty those known from the join. */
export function peersOf(state: ClusterState, self: NodeId, bootstrap: readonly PeerAddress[]): PeerAddress[] {
  const peers: PeerAddress[] = [];
  for (const host of state.hosts()) {
    if (host.id !== self) peers.push({ id: host.id, peerId: host.peerId, addresses: host.addresses });
  }
  return peers.length === 0 ? bootstrap.filter((peer) => peer.id !== self) : peers;
}

/** When each peer was last heard from, in monotonic ms. */
export class LastHeard {
  readonly #at = new Map<NodeId, number>();

  /** A message came from `peer`. */
  heard(peer: NodeId, nowMs: number): void {
    this.#at.set(peer, nowMs);
  }

  /** The stream to `peer` broke: it counts as not heard from until it speaks again. */
  lost(peer: NodeId): void {
    this.#at.delete(peer);
  }

  /** When `peer` was last heard from; null when it was not, or its stream broke since. */
  at(peer: NodeId): number | null {
    return this.#at.get(peer) ?? null;
  }

  /** Whether, with `self`, a quorum of every half of the configuration was heard from since `sinceMs`. */
  quorum(conf: ConfState, self: NodeId, sinceMs: number): boolean {
    const half = (voters: readonly NodeId[]): boolean => {
      if (voters.length === 0) return true;
      const alive = voters.filter((id) => id === self || (this.#at.get(id) ?? Number.NEGATIVE_INFINITY) >= sinceMs);
      return alive.length * 2 > voters.length;
    };
    return half(conf.voters) && half(conf.votersOutgoing);
  }
}
