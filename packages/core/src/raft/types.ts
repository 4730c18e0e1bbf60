/**
 * The vocabulary of the Raft node: entries, configurations, messages, and what a node hands out.
 * Names follow the field (Ongaro's thesis and etcd's raft library), so that a scenario written for the
 * one reads on the other. Everything here is plain data.
 */

/** A node of the Raft group: a positive safe integer, never reused. Zero means none. */
export type NodeId = number;

/** No node. */
export const NONE: NodeId = 0;

/** A log position; the first entry that can exist has index 1. Zero is before the log. */
export type LogIndex = number;

/** An election term. */
export type Term = number;

/** How a configuration change through joint consensus is left again. */
export type ConfChangeTransition = 'auto' | 'implicit' | 'explicit';

/** One step of a configuration change. `update` changes nothing about voting and only carries context. */
export interface ConfChangeSingle {
  readonly type: 'addVoter' | 'addLearner' | 'remove' | 'update';
  readonly node: NodeId;
}

/**
 * A configuration change (thesis section 4.3). An empty list of changes leaves a joint configuration.
 * `auto` takes the simple protocol when it can and leaves a joint configuration by itself.
 */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

/** Who votes. `votersOutgoing` is not empty only in a joint configuration. Every list is sorted ascending. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

interface EntryPosition {
  readonly term: Term;
  readonly index: LogIndex;
}

/** An entry for the state machine. A new leader's first entry has no data and is skipped by it. */
export interface NormalEntry extends EntryPosition {
  readonly type: 'normal';
  readonly data: Uint8Array;
}

/** An entry that changes the configuration once it is applied. */
export interface ConfChangeEntry extends EntryPosition {
  readonly type: 'confChange';
  readonly change: ConfChange;
}

/** An entry of the log. */
export type Entry = NormalEntry | ConfChangeEntry;

/** What must be durable before a message that depends on it leaves (thesis figure 3.1, persistent state). */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: LogIndex;
}

/** Where a snapshot stands, without its data: the data travels beside the Raft messages. */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
}

/** Fields that every message has. */
interface MessageBase {
  readonly from: NodeId;
  readonly to: NodeId;
  /** Zero for messages that carry no term (proposals, reads, and local ones). */
  readonly term: Term;
}

/** Why a campaign was asked for. */
export type CampaignType = 'preElection' | 'election' | 'transfer';

/** A proposal, from a client or forwarded by a follower. */
export interface MsgProp extends MessageBase {
  readonly type: 'MsgProp';
  readonly entries: readonly ProposedEntry[];
}

/** An entry that has no position yet. */
export type ProposedEntry =
  | { readonly type: 'normal'; readonly data: Uint8Array }
  | { readonly type: 'confChange'; readonly change: ConfChange };

/** AppendEntries. */
export interface MsgApp extends MessageBase {
  readonly type: 'MsgApp';
  /** Index and term of the entry before `entries`. */
  readonly index: LogIndex;
  readonly logTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

/** Answer to MsgApp and MsgSnap. When `reject` is set, `rejectHint` and `logTerm` speed up the search for the match. */
export interface MsgAppResp extends MessageBase {
  readonly type: 'MsgAppResp';
  readonly index: LogIndex;
  readonly reject: boolean;
  readonly rejectHint: LogIndex;
  readonly logTerm: Term;
}

/** RequestVote, or its preliminary round that changes no term. */
export interface MsgVote extends MessageBase {
  readonly type: 'MsgVote' | 'MsgPreVote';
  readonly index: LogIndex;
  readonly logTerm: Term;
  /** Set when the leader asked for this campaign: a voter then ignores its leader's lease. */
  readonly transfer: boolean;
}

/** Answer to a vote request. */
export interface MsgVoteResp extends MessageBase {
  readonly type: 'MsgVoteResp' | 'MsgPreVoteResp';
  readonly reject: boolean;
  /** With a refusal by a node that no longer votes: what it knows to be committed, which may have removed it. */
  readonly committed?: { readonly index: LogIndex; readonly term: Term };
}

/** InstallSnapshot: the description; the shell streams the data and steps this once it is complete. */
export interface MsgSnap extends MessageBase {
  readonly type: 'MsgSnap';
  readonly snapshot: SnapshotMeta;
}

/** The leader's heartbeat; `context` ties it to read requests. */
export interface MsgHeartbeat extends MessageBase {
  readonly type: 'MsgHeartbeat';
  readonly commit: LogIndex;
  readonly context: string;
  /** With lease-based reads: the leader's tick count when it sent this. */
  readonly sentAt?: number;
}

/** Answer to a heartbeat; hands `context` and `sentAt` back. */
export interface MsgHeartbeatResp extends MessageBase {
  readonly type: 'MsgHeartbeatResp';
  readonly context: string;
  readonly sentAt?: number;
}

/** A read request (thesis section 6.4), forwarded to the leader by a follower. */
export interface MsgReadIndex extends MessageBase {
  readonly type: 'MsgReadIndex';
  /** Chosen by the reader, unique while the read is under way. */
  readonly context: string;
}

/** The leader's answer to a follower's read request. */
export interface MsgReadIndexResp extends MessageBase {
  readonly type: 'MsgReadIndexResp';
  readonly index: LogIndex;
  readonly context: string;
}

/** Asks the leader to hand its office to `from` (thesis section 3.10). */
export interface MsgTransferLeader extends MessageBase {
  readonly type: 'MsgTransferLeader';
}

/** Tells the chosen successor to campaign at once. */
export interface MsgTimeoutNow extends MessageBase {
  readonly type: 'MsgTimeoutNow';
}

/** Makes a follower forget its leader, so that it grants votes (not its own office) before the lease ends. */
export interface MsgForgetLeader extends MessageBase {
  readonly type: 'MsgForgetLeader';
}

/** Local only: start a campaign, beat, check the quorum. */
export interface MsgLocalTick extends MessageBase {
  readonly type: 'MsgHup' | 'MsgBeat' | 'MsgCheckQuorum';
}

/** Local only: the last message to `from` did not arrive. */
export interface MsgUnreachable extends MessageBase {
  readonly type: 'MsgUnreachable';
}

/** Local only: the transfer of a snapshot to `from` ended; `reject` when it failed. */
export interface MsgSnapStatus extends MessageBase {
  readonly type: 'MsgSnapStatus';
  readonly reject: boolean;
}

/**
 * To the storage (async mode): make these durable, in order, then step every message of `responses`
 * addressed to this node and send the others.
 */
export interface MsgStorageAppend extends MessageBase {
  readonly type: 'MsgStorageAppend';
  readonly entries: readonly Entry[];
  /** Present when it changed. */
  readonly hardState?: HardState;
  /** Present when the log is to be replaced by a snapshot that the shell already holds. */
  readonly snapshot?: SnapshotMeta;
  readonly responses: readonly Message[];
}

/** From the storage: what was appended is durable. `index` and `logTerm` name the last entry, for the ABA guard. */
export interface MsgStorageAppendResp extends MessageBase {
  readonly type: 'MsgStorageAppendResp';
  readonly index: LogIndex;
  readonly logTerm: Term;
  readonly snapshot?: SnapshotMeta;
}

/** To the state machine (async mode): apply these, in order, then step `responses`. */
export interface MsgStorageApply extends MessageBase {
  readonly type: 'MsgStorageApply';
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}

/** From the state machine: applied. */
export interface MsgStorageApplyResp extends MessageBase {
  readonly type: 'MsgStorageApplyResp';
  readonly entries: readonly Entry[];
}

/** Every message. */
export type Message =
  | MsgProp
  | MsgApp
  | MsgAppResp
  | MsgVote
  | MsgVoteResp
  | MsgSnap
  | MsgHeartbeat
  | MsgHeartbeatResp
  | MsgReadIndex
  | MsgReadIndexResp
  | MsgTransferLeader
  | MsgTimeoutNow
  | MsgForgetLeader
  | MsgLocalTick
  | MsgUnreachable
  | MsgSnapStatus
  | MsgStorageAppend
  | MsgStorageAppendResp
  | MsgStorageApply
  | MsgStorageApplyResp;

/** Addressee of storage appends in async mode. Not a node. */
export const LOCAL_APPEND: NodeId = -1;

/** Addressee of applies in async mode. Not a node. */
export const LOCAL_APPLY: NodeId = -2;

/** What a node is doing. */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** State that is shown and never stored. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}

/** A read that may be answered once `index` is applied. */
export interface ReadState {
  readonly index: LogIndex;
  readonly context: string;
}

/** All that a node wants done. In async mode storage work is in `messages` and entries/committed stay for information. */
export interface Ready {
  /** Present when it changed. */
  readonly softState?: SoftState;
  /** Present when it changed: durable before `messages` leave (sync mode). */
  readonly hardState?: HardState;
  readonly readStates: readonly ReadState[];
  /** To be appended, replacing whatever the storage holds from the first one's index on. */
  readonly entries: readonly Entry[];
  /** To be installed, in place of log and state. */
  readonly snapshot?: SnapshotMeta;
  /** To be applied to the state machine. */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Whether hard state and entries need a synced write. */
  readonly mustSync: boolean;
}

/** Read-only view of what is durable, plus the snapshot it starts after. The driver writes; the node only reads. */
export interface RaftStorage {
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Entries in `[low, high)`, at least one, at most `maxBytes` of payload beyond the first.
   * Throws {@link RaftStorageError} `compacted` or `unavailable`.
   */
  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[];
  /** Term of the entry at `index`, known also for the one before the first. Throws like `entries`. */
  term(index: LogIndex): Term;
  firstIndex(): LogIndex;
  lastIndex(): LogIndex;
  /** A snapshot at least as new as the last compaction. Throws `temporarilyUnavailable` while it is being made. */
  snapshot(): SnapshotMeta;
}

/** The four things a storage can say no with. */
export class RaftStorageError extends Error {
  readonly reason: 'compacted' | 'unavailable' | 'snapshotOutOfDate' | 'temporarilyUnavailable';
  constructor(reason: RaftStorageError['reason']) {
    super(`raft storage: ${reason}`);
    this.name = 'RaftStorageError';
    this.reason = reason;
  }
}
