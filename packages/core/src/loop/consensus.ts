/**
 * Drives the Raft node: turns what it wants done into writes, messages and applied entries, and gives it
 * the completions back. Everything is a message (async storage writes), so several writes are under way
 * while the next ones form.
 */
import { assert } from '../base/assert.ts';
import type { ObjectRecordChange, RecordObject } from '../machine/record-codec.ts';
import type { Ports } from '../ports/ports.ts';
import type { StorageOutcome, StorageWrite, StoredState } from '../ports/storage.ts';
import { RawNode } from '../raft/raw-node.ts';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND,
  LOCAL_APPLY,
  type LogIndex,
  type Message,
  type MsgStorageAppend,
  type MsgStorageApply,
  type MsgVote,
  NONE,
  type NodeId,
  type ReadState,
  type SnapshotMeta,
} from '../raft/types.ts';
import type { LeaseMessage, MembersMessage, PeerMessage } from '../wire/peer-message.ts';
import { AppliedWrites } from './applied-writes.ts';
import { CommitNotices } from './commit-notices.ts';
import { Compaction } from './compaction.ts';
import type { LossStep } from './leader-loss.ts';
import { LogMirror } from './log-mirror.ts';
import type { LoopOptions } from './options.ts';
import { type ReceivedSnapshot, SnapshotReceiver } from './snapshot-receiver.ts';
import { SnapshotSender } from './snapshot-sender.ts';

/** What the consensus asks of the state machine. */
export interface ConsensusHost {
  /** Applies one committed entry and gives the changes of the records. Called once per index, in order. */
  applyEntry(entry: Entry, confState: ConfState | null): readonly ObjectRecordChange[];
  /** Bytes of a record. */
  encode(key: string, object: RecordObject): Uint8Array;
  /** All entries of a batch are applied; `meta` is where the applied state stands. */
  batchApplied(meta: SnapshotMeta): void;
  /** Replaces the state by that of a snapshot, which is durable. */
  restore(snapshot: ReceivedSnapshot): void;
  /** The records of the applied state, for a follower. */
  records(): Iterable<readonly [string, Uint8Array]>;
  readConfirmed(read: ReadState): void;
  /** Leader or role changed. */
  leadershipChanged(leader: NodeId, isLeader: boolean): void;
  /** Whether a peer was heard from lately. */
  isHeard(peer: NodeId): boolean;
}

/** Peer messages that concern the log. */
export type ConsensusMessage = Exclude<PeerMessage, MembersMessage | LeaseMessage>;

/** Batches of clients' proposals that a leader has under way at once: while one commits the next is on its way. */
const BATCHES_UNDER_WAY = 2;

interface PendingWrite {
  readonly append: MsgStorageAppend;
  readonly snapshot: ReceivedSnapshot | null;
  /** What may leave, or count here, once it and all before it is durable. */
  after: Message[];
}

/** The Raft node of one host with its log, writes and snapshots. */
export class Consensus {
  readonly #ports: Ports;
  readonly #options: LoopOptions;
  readonly #host: ConsensusHost;
  readonly #node: RawNode;
  readonly #mirror: LogMirror;
  readonly #writes = new Map<number, PendingWrite>();
  /** Token of the last write that something may have to wait for. */
  #lastAppend = 0;
  /** Last index of each batch that this leader proposed and that may not be committed yet. */
  #proposed: LogIndex[] = [];
  #votes: MsgVote[] = [];
  /** Term and vote as handed to the storage. */
  #promised: { term: number; vote: NodeId };
  readonly #notices: CommitNotices;
  readonly #sender: SnapshotSender;
  readonly #receiver = new SnapshotReceiver();
  readonly #compaction: Compaction;
  readonly #appliedWrites: AppliedWrites;
  /** A commit index that is durable nowhere yet: it goes with the next write. */
  #commitToWrite: HardState | undefined;
  /** A snapshot that is whole, from its arrival to the next flush. */
  #arrived: ReceivedSnapshot | null = null;
  #nextToken = 1;
  #applied: SnapshotMeta;
  #leader: NodeId = NONE;
  #isLeader = false;
  #nowMs = 0;

  constructor(options: LoopOptions, ports: Ports, stored: StoredState, host: ConsensusHost) {
    this.#options = options;
    this.#ports = ports;
    this.#host = host;
    this.#applied = stored.applied;
    this.#promised = stored.hardState;
    this.#mirror = new LogMirror(stored, () => this.#applied);
    this.#compaction = new Compaction(options);
    this.#appliedWrites = new AppliedWrites((key, object) => host.encode(key, object));
    this.#node = new RawNode({
      id: options.hostId,
      electionTick: options.electionTicks,
      heartbeatTick: options.heartbeatTicks,
      storage: this.#mirror,
      applied: stored.applied.index,
      random: ports.random.fork('raft'),
      preVote: true,
      checkQuorum: true,
      readOnlyOption: options.reads === 'lease' ? 'leaseBased' : 'safe',
      asyncStorageWrites: true,
      stepDownOnRemoval: true,
      maxSizePerMsg: 1024 * 1024,
      maxCommittedSizePerReady: 8 * 1024 * 1024,
      maxUncommittedEntriesSize: 64 * 1024 * 1024,
      maxInflightMsgs: 256,
      maxInflightBytes: 16 * 1024 * 1024,
    });
    this.#notices = new CommitNotices((message) => ports.transport.send(message.to, { type: 'raft', message }));
    this.#sender = new SnapshotSender({
      send: (to, chunk) => this.#ports.transport.send(to, chunk),
      finished: (to, ok) => this.#node.reportSnapshot(to, ok),
    });
  }

  get applied(): SnapshotMeta {
    return this.#applied;
  }

  get leader(): NodeId {
    return this.#leader;
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  get node(): RawNode {
    return this.#node;
  }

  /**
   * Whether as many batches as may be are proposed and not committed. What a leader proposed beside them would only wait
   * behind them, and cost each follower a message, a write and an answer of its own.
   */
  get isBusy(): boolean {
    const { committed } = this.#node;
    while ((this.#proposed[0] ?? Number.POSITIVE_INFINITY) <= committed) this.#proposed.shift();
    return this.#proposed.length >= BATCHES_UNDER_WAY;
  }

  /** Tells the time for leases; see `HostLoop.clock`. */
  clock(nowMs: number): void {
    if (this.#options.reads === 'lease') this.#node.setClock(nowMs / this.#options.tickMs);
  }

  /** One tick of the election and heartbeat clocks. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#node.tick();
    if (this.#appliedWrites.due(nowMs)) this.#writeApplied();
    this.#sender.tick(nowMs);
  }

  /** Whether {@link Consensus.wake} is wanted soon. */
  get wantsWake(): boolean {
    return this.#notices.any;
  }

  /** Sends what has been held back long enough. */
  wake(): void {
    this.#notices.wake();
  }

  /** A message from another host, its sender already verified. */
  receive(from: NodeId, message: ConsensusMessage): void {
    switch (message.type) {
      case 'raft':
        this.#node.step(message.message);
        if (this.#isLeader && message.message.type === 'MsgProp') this.#notices.awaited(from, this.#node.lastIndex);
        return;
      case 'snapshotChunk': {
        const { ack, complete } = this.#receiver.receive(from, message);
        if (ack !== null) this.#ports.transport.send(from, ack);
        if (complete !== null) this.#snapshotArrived(complete);
        return;
      }
      case 'snapshotAck':
        this.#sender.acknowledged(from, message.index, message.next, this.#nowMs);
        return;
    }
  }

  /** The stream to a peer broke: what was sent last may be lost. */
  unreachable(peer: NodeId): void {
    if (this.#isLeader) this.#node.reportUnreachable(peer);
  }

  /** The leader seems to be gone: a voter forgets it, and campaigns. Not with leases, which rest on its being remembered. */
  leaderLost(step: LossStep): void {
    if (this.#options.reads === 'lease' || !this.#applied.confState.voters.includes(this.#options.hostId)) return;
    if (step === 'forget') this.#node.forgetLeader();
    else this.#node.campaign();
  }

  /** Proposes entries' payloads as one message; false when they were dropped and have to be proposed again later. */
  propose(payloads: readonly Uint8Array[]): boolean {
    const { status } = this.#node.proposeAll(payloads.map((data) => ({ type: 'normal', data })));
    if (status !== 'dropped' && this.#isLeader) this.#proposed.push(this.#node.lastIndex);
    return status !== 'dropped';
  }

  /** Proposes a configuration change; the index it will take effect at, undefined when it was not taken. */
  proposeConfChange(change: ConfChange): LogIndex | undefined {
    const result = this.#node.proposeConfChange(change);
    return result.status === 'accepted' && result.confChangeRefused === undefined ? result.index : undefined;
  }

  /** Asks for a read index; the answer comes through `readConfirmed`. */
  readIndex(context: string): void {
    this.#node.readIndex(context);
  }

  /** Asks `to` to take over. */
  transferLeader(to: NodeId): void {
    this.#node.transferLeader(to);
  }

  /** A write ended. */
  stored(token: number, outcome: StorageOutcome): void {
    if (!outcome.ok) {
      this.#ports.journal.fatal('storage.failed', { reason: outcome.reason, message: outcome.message });
      return;
    }
    const write = this.#writes.get(token);
    if (write === undefined) return;
    this.#writes.delete(token);
    const { append, snapshot, after } = write;
    if (snapshot !== null) {
      this.#mirror.reset(snapshot.snapshot);
      this.#applied = snapshot.snapshot;
      this.#host.restore(snapshot);
    }
    if (append.entries.length > 0) this.#mirror.append(append.entries);
    this.#deliver(append.responses);
    this.#deliver(after);
  }

  /** Does all that the node wants done now. */
  flush(): void {
    while (this.#node.hasReady()) {
      const ready = this.#node.ready();
      if (ready.softState !== undefined)
        this.#softStateChanged(ready.softState.leader, ready.softState.role === 'leader');
      for (const message of ready.messages) this.#dispatch(message);
      this.#requestVotes();
      for (const read of ready.readStates) this.#host.readConfirmed(read);
    }
    // What the node did not install by now it had no use for: it was older than what is committed here.
    this.#arrived = null;
    this.#compact();
  }

  #softStateChanged(leader: NodeId, isLeader: boolean): void {
    if (leader === this.#leader && isLeader === this.#isLeader) return;
    if (!isLeader) this.#sender.clear();
    this.#notices.clear();
    this.#proposed = [];
    this.#leader = leader;
    this.#isLeader = isLeader;
    this.#host.leadershipChanged(leader, isLeader);
  }

  #dispatch(message: Message): void {
    if (message.to === LOCAL_APPEND && message.type === 'MsgStorageAppend') this.#append(message);
    else if (message.to === LOCAL_APPLY && message.type === 'MsgStorageApply') this.#apply(message);
    else if (message.type === 'MsgSnap') this.#sendSnapshot(message.to, message.term);
    else if (message.type === 'MsgVote') this.#votes.push(message);
    else this.#send(message);
  }

  #send(message: Message): void {
    this.#notices.pass(message);
  }

  /**
   * A candidate's term, its vote for itself and the log it names are durable before it asks (thesis section
   * 3.8). Otherwise it could crash, lose them, campaign in the same term with a shorter log, and be elected by
   * an answer to its first request.
   */
  #requestVotes(): void {
    if (this.#votes.length === 0) return;
    const votes = this.#votes;
    this.#votes = [];
    const write = this.#writes.get(this.#lastAppend);
    if (write !== undefined) write.after.push(...votes);
    else for (const vote of votes) this.#send(vote);
  }

  #append(append: MsgStorageAppend): void {
    let snapshot: ReceivedSnapshot | null = null;
    if (append.snapshot !== undefined) {
      snapshot = this.#arrived;
      const { index } = append.snapshot;
      assert(snapshot?.snapshot.index === index, `the node installs a snapshot at ${index} that never arrived`);
      this.#arrived = null;
    }
    const { entries, hardState, responses } = append;
    const { term, vote } = hardState ?? this.#promised;
    const promises = term !== this.#promised.term || vote !== this.#promised.vote;
    if (snapshot === null && entries.length === 0 && !promises) {
      // Nothing that has to survive: a commit index is learned again. What answers depend on was written before.
      if (hardState !== undefined) this.#commitToWrite = hardState;
      const write = this.#writes.get(this.#lastAppend);
      if (write !== undefined) write.after.push(...responses);
      else this.#deliver(responses);
      return;
    }
    this.#promised = { term, vote };
    if (snapshot !== null) this.#appliedWrites.clear();
    const token = this.#write({
      sync: true,
      ...(snapshot === null ? {} : { snapshot: { meta: snapshot.snapshot, records: snapshot.records } }),
      ...(entries.length === 0 ? {} : { entries }),
      ...(hardState === undefined ? {} : { hardState }),
    });
    this.#writes.set(token, { append, snapshot, after: [] });
    this.#lastAppend = token;
  }

  #apply(apply: MsgStorageApply): void {
    let { confState } = this.#applied;
    for (const entry of apply.entries) {
      let changed: ConfState | null = null;
      if (entry.type === 'confChange') {
        changed = this.#node.applyConfChange(entry.change, entry.index).confState;
        confState = changed;
      }
      this.#appliedWrites.add(this.#host.applyEntry(entry, changed), this.#nowMs);
      this.#applied = { index: entry.index, term: entry.term, confState };
    }
    if (this.#appliedWrites.due(this.#nowMs)) this.#writeApplied();
    this.#deliver(apply.responses);
    this.#host.batchApplied(this.#applied);
  }

  /** Not synced: after a crash the log brings the applied state back to where it was. */
  #writeApplied(): void {
    const changes = this.#appliedWrites.take();
    this.#write({ sync: false, applied: { meta: this.#applied, changes } });
  }

  /** Hands a write to the storage, with the commit index that waits for one. Answers its token. */
  #write(write: Omit<StorageWrite, 'token'>): number {
    const token = this.#nextToken++;
    const hardState = write.hardState ?? this.#commitToWrite;
    this.#commitToWrite = undefined;
    this.#ports.storage.write({ token, ...write, ...(hardState === undefined ? {} : { hardState }) });
    return token;
  }

  #deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.#options.hostId) this.#node.step(response);
      else this.#send(response);
    }
  }

  #sendSnapshot(to: NodeId, term: number): void {
    // The applied state may have moved on since the node asked: a newer snapshot serves as well.
    this.#ports.journal.log('info', 'snapshot.sending', { to, index: this.#applied.index });
    this.#sender.start(to, term, this.#applied, this.#host.records(), this.#nowMs);
  }

  #snapshotArrived(received: ReceivedSnapshot): void {
    this.#ports.journal.log('info', 'snapshot.arrived', { from: received.from, index: received.snapshot.index });
    this.#arrived = received;
    this.#node.step({
      type: 'MsgSnap',
      from: received.from,
      to: this.#options.hostId,
      term: received.term,
      snapshot: received.snapshot,
    });
  }

  /** Drops old entries when it is time. */
  #compact(): void {
    const index = this.#compaction.decide(this.#mirror, this.#applied.index, () => this.#needless());
    if (index === undefined) return;
    const term = this.#mirror.term(index);
    this.#mirror.compact(index);
    // What is cut can be applied no more: its effects go first.
    if (this.#appliedWrites.any) this.#writeApplied();
    this.#write({ sync: false, compact: { index, term } });
  }

  /** The highest index of an entry that no follower that is alive needs from here. */
  #needless(): LogIndex {
    let least = Number.POSITIVE_INFINITY;
    const first = this.#mirror.firstIndex();
    for (const [id, { match, state, pendingSnapshot }] of this.#node.status().progress) {
      if (id === this.#options.hostId || !this.#host.isHeard(id)) continue;
      // Behind the log it needs a snapshot, and after that what follows it.
      const has = state === 'snapshot' ? Math.max(match, pendingSnapshot) : match;
      if (has + 1 >= first) least = Math.min(least, has);
    }
    return least;
  }
}
