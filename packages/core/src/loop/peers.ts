/** Who the other hosts are, and who has been heard from. */
import type { ClusterState } from '../machine/state.ts';
import type { PeerAddress } from '../ports/transport.ts';
import type { ConfState, NodeId } from '../raft/types.ts';

/** Members that another host has introduced, as of an index of the log. */
export interface Introduced {
  readonly index: number;
  readonly members: readonly PeerAddress[];
}

/** The members that the state names. A host that was lost in a recovery is none until it has joined again. */
export function membersOf(state: ClusterState): PeerAddress[] {
  const members = [...state.hosts()].filter(({ membership }) => membership !== 'lost');
  return members.map(({ id, peerId, addresses }) => ({ id, peerId, addresses }));
}

/**
 * The other hosts to talk to: those of the state, while the state is empty those known from the join, and
 * besides them those that were introduced as of an index that the state has not reached.
 */
export function peersOf(
  state: ClusterState,
  self: NodeId,
  bootstrap: readonly PeerAddress[],
  introduced: Introduced | null,
): PeerAddress[] {
  const known = membersOf(state);
  const peers = new Map((known.length === 0 ? bootstrap : known).map((peer) => [peer.id, peer]));
  if (introduced !== null && introduced.index > state.index) {
    for (const peer of introduced.members) peers.set(peer.id, peer);
  }
  peers.delete(self);
  return [...peers.values()];
}

/** When each peer was last heard from, in monotonic ms. */
export class LastHeard {
  readonly #at = new Map<NodeId, number>();
  readonly #since = new Map<NodeId, number>();
  readonly #broken = new Set<NodeId>();

  readonly #gapMs: number;

  /** Silence of more than `gapMs` is a gap. */
  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  /** A message came from `peer`. */
  heard(peer: NodeId, nowMs: number): void {
    const last = this.#at.get(peer);
    if (last === undefined || nowMs - last > this.#gapMs) this.#since.set(peer, nowMs);
    this.#at.set(peer, nowMs);
    this.#broken.delete(peer);
  }

  /** The stream to `peer` broke: it counts for no quorum until it speaks again. */
  lost(peer: NodeId): void {
    this.#broken.add(peer);
  }

  /** When `peer` was last heard from; null when it never was. */
  at(peer: NodeId): number | null {
    return this.#at.get(peer) ?? null;
  }

  /** Since when messages come from `peer` without a gap; null when it was never heard from. */
  since(peer: NodeId): number | null {
    return this.#since.get(peer) ?? null;
  }

  /** Whether, with `self`, a quorum of every half of the configuration was heard from since `sinceMs`. */
  quorum(conf: ConfState, self: NodeId, sinceMs: number): boolean {
    const alive = (id: NodeId): boolean =>
      id === self || (!this.#broken.has(id) && (this.#at.get(id) ?? Number.NEGATIVE_INFINITY) >= sinceMs);
    const half = (voters: readonly NodeId[]): boolean =>
      voters.length === 0 || voters.filter(alive).length * 2 > voters.length;
    return half(conf.voters) && half(conf.votersOutgoing);
  }
}
