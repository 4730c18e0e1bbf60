/**
 * The state of a node and the few moves every part shares: sending, changing role, appending one's own
 * entries. The protocol's rules are in the modules beside it, one per topic, as functions over this.
 */
import { assert } from '../base/assert.ts';
import type { RaftConfig } from './config.ts';
import { entriesSize } from './entry-size.ts';
import type { IgnoreReason, RaftEvent } from './events.ts';
import { RaftLog } from './log.ts';
import { ReadQueue } from './read-queue.ts';
import { Tracker } from './tracker/tracker.ts';
import {
  type Entry,
  type HardState,
  type LogIndex,
  type Message,
  NONE,
  type NodeId,
  type ProposedEntry,
  type ReadState,
  type Role,
  type SoftState,
  type Term,
} from './types.ts';

/** Owned by a RawNode; the modules of this folder change it, nobody else. */
export class NodeState {
  readonly config: RaftConfig;
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  term: Term = 0;
  vote: NodeId = NONE;
  role: Role = 'follower';
  leader: NodeId = NONE;
  /** To whom the office is being handed over. */
  leadTransferee: NodeId = NONE;
  /** A transfer was ordered in this term, so a voter may break the lease at any time from now on. */
  leaseForfeited = false;
  /** No configuration change may be proposed before this index is applied. */
  pendingConfIndex: LogIndex = 0;
  /** Payload of the leader's tail that is not applied yet. */
  uncommittedBytes = 0;
  /** To leave at once. */
  messages: Message[] = [];
  /** To leave, or to be stepped here, once everything unstable so far is durable. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];
  readonly reads: ReadQueue;
  /** By follower: the leader's tick count in the newest heartbeat it answered (lease-based reads only). */
  readonly leaseAcks = new Map<NodeId, number>();

  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout: number;
  /** Time in ticks, for leases only: counted, or as the driver tells it. */
  clock = 0;
  /** Whether the driver tells the time. */
  clockTold = false;
  /** With lease-based reads: until then, by `clock`, this node helps nobody to become leader. */
  promisedUntil = 0;

  constructor(config: RaftConfig) {
    this.config = config;
    this.id = config.id;
    this.log = new RaftLog(config.storage, config.maxCommittedSizePerReady);
    this.tracker = new Tracker(config);
    this.reads = new ReadQueue(config.maxPendingReads);
    this.randomizedElectionTimeout = config.electionTick;
  }

  softState(): SoftState {
    return { leader: this.leader, role: this.role };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  emit(event: RaftEvent): void {
    this.config.onEvent(event);
  }

  ignore(message: Message, reason: IgnoreReason): void {
    this.config.onEvent({ type: 'ignored', message, reason });
  }

  /** Queues a message that may leave before anything is written. */
  send(message: Message): void {
    assert(message.to !== this.id, `${message.type} to oneself`);
    this.messages.push(message);
  }

  /**
   * Queues a message that tells about this node's vote or log: it must not leave, and when it is addressed
   * to the node itself must not count, before that is durable (thesis section 3.8).
   */
  sendAfterAppend(message: Message): void {
    this.messagesAfterAppend.push(message);
  }

  /** Acknowledges the log up to `index`. */
  acknowledge(to: NodeId, index: LogIndex): void {
    this.sendAfterAppend({
      type: 'MsgAppResp',
      from: this.id,
      to,
      term: this.term,
      index,
      reject: false,
      rejectHint: 0,
      logTerm: 0,
    });
  }

  /** Whether the node could lead: a voter whose log is not being replaced. */
  promotable(): boolean {
    const own = this.tracker.progress.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasPendingSnapshot();
  }

  /** Whether the node recently heard from a leader, so that it helps nobody to depose it (thesis section 4.2.3). */
  inLease(): boolean {
    if (this.hasPromised()) return true;
    return this.config.checkQuorum && this.leader !== NONE && this.electionElapsed < this.config.electionTick;
  }

  /**
   * Whether a leader may rest its lease on an answer of this node. Unlike the election timeout this is measured
   * by the clock, which no burst of late ticks can hurry, and outlasts terms and leaders.
   */
  hasPromised(): boolean {
    return this.clock < this.promisedUntil;
  }

  /** Promises to help nobody to become leader for an election timeout from now on, by this node's clock. */
  promise(): void {
    this.promisedUntil = Math.max(this.promisedUntil, this.clock + this.config.electionTick);
  }

  drawElectionTimeout(): void {
    const { electionTick, random } = this.config;
    this.randomizedElectionTimeout = electionTick + random.below(electionTick);
  }

  #reset(term: Term): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.leader = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    this.leadTransferee = NONE;
    this.leaseForfeited = false;
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    const fresh = new Map(this.tracker.progress);
    for (const [id, old] of fresh) {
      fresh.set(id, this.tracker.newProgress(id === this.id ? last : 0, last + 1, old.isLearner));
    }
    this.tracker.progress = fresh;
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.reads.reset();
    this.leaseAcks.clear();
  }

  becomeFollower(term: Term, leader: NodeId): void {
    this.#reset(term);
    this.leader = leader;
    this.role = 'follower';
    this.emit({ type: 'role', role: 'follower', term });
  }

  /** Changes neither term nor vote: nothing is promised yet. */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.tracker.resetVotes();
    this.leader = NONE;
    this.role = 'preCandidate';
    this.emit({ type: 'role', role: 'preCandidate', term: this.term });
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = 'candidate';
    this.emit({ type: 'role', role: 'candidate', term: this.term });
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', 'only a candidate can win');
    this.#reset(this.term);
    this.leader = this.id;
    this.role = 'leader';
    const own = this.tracker.progress.get(this.id);
    assert(own !== undefined, 'a leader is a member');
    own.becomeReplicate();
    own.recentActive = true;
    // A change may be pending anywhere in the tail; waiting for all of it is simpler than looking.
    this.pendingConfIndex = this.log.lastIndex();
    const appended = this.appendOwn([{ type: 'normal', data: EMPTY_DATA }]);
    assert(appended, 'the first entry of a term cannot be refused');
    this.emit({ type: 'role', role: 'leader', term: this.term });
  }

  /** Appends at the leader, unless that would exceed the limit on the uncommitted tail. */
  appendOwn(proposed: readonly ProposedEntry[]): boolean {
    const size = entriesSize(proposed);
    const used = this.uncommittedBytes;
    // An empty tail takes an entry of any size, or a large one could never pass.
    if (used > 0 && size > 0 && used + size > this.config.maxUncommittedEntriesSize) return false;
    this.uncommittedBytes += size;
    const { term } = this;
    const first = this.log.lastIndex() + 1;
    const entries = proposed.map(
      (entry, i): Entry =>
        entry.type === 'normal'
          ? { type: 'normal', term, index: first + i, data: entry.data }
          : { type: 'confChange', term, index: first + i, change: entry.change },
    );
    const last = this.log.append(entries);
    this.acknowledge(this.id, last);
    return true;
  }

  /** Applied payload no longer counts as uncommitted. */
  releaseUncommitted(bytes: number): void {
    this.uncommittedBytes = Math.max(this.uncommittedBytes - bytes, 0);
  }
}

const EMPTY_DATA = new Uint8Array(0);
