/**
 * A node as plain data: everything that decides what it does next, besides its options, its storage, what
 * its random source will draw, and work it has handed out. Two nodes with equal images over equal storages
 * answer every input alike; that is what lets a model checker take them for one state.
 */
import type { LogImage } from './log.ts';
import type { NodeState } from './node-state.ts';
import type { ReadsImage } from './read-queue.ts';
import type { Handed } from './ready.ts';
import type { ProgressImage } from './tracker/progress.ts';
import type { ConfState, HardState, LogIndex, Message, NodeId, ReadState, Role, SoftState, Term } from './types.ts';

/** The node. Lists of members ascend by id. */
export interface NodeImage {
  readonly id: NodeId;
  readonly term: Term;
  readonly vote: NodeId;
  readonly role: Role;
  readonly leader: NodeId;
  readonly leadTransferee: NodeId;
  readonly leaseForfeited: boolean;
  readonly pendingConfIndex: LogIndex;
  readonly uncommittedBytes: number;
  readonly electionElapsed: number;
  readonly heartbeatElapsed: number;
  readonly randomizedElectionTimeout: number;
  /** With lease-based reads: for how many ticks more it helps nobody to become leader. */
  readonly promisedTicks: number;
  readonly config: ConfState;
  readonly log: LogImage;
  readonly progress: readonly ProgressImage[];
  readonly votes: readonly { readonly id: NodeId; readonly granted: boolean }[];
  readonly reads: ReadsImage;
  readonly readStates: readonly ReadState[];
  readonly messages: readonly Message[];
  readonly messagesAfterAppend: readonly Message[];
  readonly handed: { readonly soft: SoftState; readonly hard: HardState };
  /** With lease-based reads: by follower, how many ticks ago the heartbeat was sent that it answered last. */
  readonly leaseAges: readonly { readonly id: NodeId; readonly ticks: number }[];
  /** With lease-based reads: the clock that heartbeats name. Zero otherwise. */
  readonly clock: number;
}

/** Takes the image. */
export function imageOf(r: NodeState, handed: Handed): NodeImage {
  const byId = (a: { readonly id: NodeId }, b: { readonly id: NodeId }): number => a.id - b.id;
  const { id, term, vote, role, leader, leadTransferee, leaseForfeited, pendingConfIndex, uncommittedBytes } = r;
  const { electionElapsed, heartbeatElapsed, randomizedElectionTimeout, clock } = r;
  const leased = r.config.readOnlyOption === 'leaseBased';
  const reads = r.reads.image();
  return {
    ...{ id, term, vote, role, leader, leadTransferee, leaseForfeited, pendingConfIndex, uncommittedBytes },
    ...{ electionElapsed, heartbeatElapsed, randomizedElectionTimeout },
    promisedTicks: Math.max(r.promisedUntil - clock, 0),
    config: r.tracker.confState(),
    log: r.log.image(),
    progress: [...r.tracker.progress].map(([peer, progress]) => progress.image(peer)).sort(byId),
    votes: [...r.tracker.votes].map(([voter, granted]) => ({ id: voter, granted })).sort(byId),
    reads: { ...reads, acked: reads.acked.toSorted(byId) },
    readStates: r.readStates.slice(),
    messages: r.messages.slice(),
    messagesAfterAppend: r.messagesAfterAppend.slice(),
    handed: { soft: handed.soft, hard: handed.hard },
    leaseAges: [...r.leaseAcks].map(([peer, at]) => ({ id: peer, ticks: clock - at })).sort(byId),
    clock: leased ? clock : 0,
  };
}
