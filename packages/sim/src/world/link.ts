/** One direction between two hosts of the simulated network, and what is under way on it. */
import type { Random } from '@n3x/core/base/random';
import type { NodeId } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { LinkProfile } from './link-profile.ts';

/** What a host is told. */
export interface NetworkHandlers {
  onMessage(from: NodeId, message: PeerMessage): void;
  onPeer(id: NodeId, connected: boolean): void;
}

/** One run of one host. */
export interface Incarnation {
  readonly id: NodeId;
  readonly handlers: NetworkHandlers;
  peers: ReadonlySet<NodeId>;
}

/** A message under way. */
export interface Flight {
  readonly receiver: Incarnation;
  /** Undefined for bytes that nobody sent as a message. */
  readonly message: PeerMessage | undefined;
  readonly bytes: Uint8Array | undefined;
  /** When its last byte has left the sender, and in which session it was sent. */
  readonly leavesMs: number;
  readonly session: number;
}

/** One direction between two hosts. */
export interface Link {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly random: Random;
  /** Undefined for the general one. */
  profile: LinkProfile | undefined;
  /** How many times slower than its profile it is now: one factor per fault. */
  readonly slowdowns: number[];
  connected: boolean;
  /** Why the session will end, though that is not noticed yet: the way is cut, or the other end is gone. */
  doomed: 'cut' | 'gone' | undefined;
  /** Grows with each change, so that what was planned before it no longer counts. */
  generation: number;
  /** Counts sessions, and when the last one ended. */
  session: number;
  endedAtMs: number;
  pauseMs: number;
  /** When the last byte that was accepted will have left. */
  busyUntilMs: number;
  lastArrivalMs: number;
  /** Messages of this session that keep their order; each planned arrival delivers the first. */
  inOrder: Flight[];
  underWay: number;
}

/** The first pause between attempts to connect, in ms: as the real transport. */
export const FIRST_PAUSE_MS = 50;

/** A direction on which nothing has happened yet. */
export function newLink(from: NodeId, to: NodeId, random: Random): Link {
  return {
    ...{ from, to, random },
    profile: undefined,
    slowdowns: [],
    connected: false,
    doomed: undefined,
    generation: 0,
    session: 0,
    endedAtMs: 0,
    pauseMs: FIRST_PAUSE_MS,
    busyUntilMs: 0,
    lastArrivalMs: 0,
    inOrder: [],
    underWay: 0,
  };
}

/** Names a direction. Ids of hosts in a world stay far below a million. */
export function linkKey(from: NodeId, to: NodeId): number {
  return from * 1_000_000 + to;
}
