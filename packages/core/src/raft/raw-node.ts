/**
 * A Raft node without threads, clocks or I/O: inputs are calls, work comes out as a Ready. The README
 * beside this file is the contract with whoever drives it.
 */
import { assert } from '../base/assert.ts';
import { type RaftConfig, type RaftOptions, resolveConfig } from './config.ts';
import { forwardingProblem } from './follower.ts';
import { imageOf, type NodeImage } from './image.ts';
import { adoptConfState, applyConfChange, type ConfChangeResult } from './membership.ts';
import { findFault } from './message-check.ts';
import { NodeState } from './node-state.ts';
import { proposeAsLeader } from './proposal.ts';
import { readAsLeader, startReadRound } from './read-index.ts';
import { type Handed, hasReady, takeReady } from './ready.ts';
import { describeProgress, type RaftStatus, statusOf } from './status.ts';
import { step } from './step.ts';
import type { ProposeResult, ReadResult, StepResult } from './step-result.ts';
import {
  type ConfChange,
  type ConfState,
  type LogIndex,
  type Message,
  NONE,
  type NodeId,
  type ProposedEntry,
  type Ready,
  type Role,
  type SoftState,
  type Term,
} from './types.ts';

/** The node. Not reentrant: `onEvent` must not call back. */
export class RawNode {
  readonly #state: NodeState;
  readonly #handed: Handed;
  #localSteps: Message[] = [];
  #awaitsAdvance = false;

  /**
   * Starts, or restarts over what the storage holds. Throws `N3X_CONFIG` for an option out of range and an
   * invariant error for a storage that contradicts itself.
   */
  constructor(options: RaftOptions) {
    const config: RaftConfig = resolveConfig(options);
    const state = new NodeState(config);
    this.#state = state;
    const { hardState, confState } = config.storage.initialState();
    adoptConfState(state, confState);
    // What is applied or compacted was committed, even if the write that was to say so came too late.
    const committed = Math.max(hardState.commit, config.applied, state.log.committed);
    assert(committed <= state.log.lastIndex(), `stored commit ${committed} is beyond the log's end`);
    state.log.committed = committed;
    state.term = hardState.term;
    state.vote = hardState.vote;
    if (config.applied > 0) state.log.appliedTo(config.applied, 0);
    state.becomeFollower(state.term, NONE);
    // A lease may rest on an answer this node gave before it restarted.
    if (config.readOnlyOption === 'leaseBased' && state.term > 0) state.promise();
    this.#handed = { soft: state.softState(), hard: state.hardState() };
  }

  /** The node's number. */
  get id(): NodeId {
    return this.#state.id;
  }

  /** The present term. */
  get term(): Term {
    return this.#state.term;
  }

  /** Role and known leader. */
  get softState(): SoftState {
    return this.#state.softState();
  }

  /** The present role. */
  get role(): Role {
    return this.#state.role;
  }

  /** The commit index. */
  get committed(): LogIndex {
    return this.#state.log.committed;
  }

  /** What the state machine is known to have applied. */
  get applied(): LogIndex {
    return this.#state.log.applied;
  }

  /** Index of the first entry that is not compacted. */
  get firstIndex(): LogIndex {
    return this.#state.log.firstIndex();
  }

  /** Index of the last entry, durable or not. */
  get lastIndex(): LogIndex {
    return this.#state.log.lastIndex();
  }

  /** Term of the entry at `index`; undefined outside the log. */
  termAt(index: LogIndex): Term | undefined {
    return this.#state.log.term(index);
  }

  /** One tick of the node's clock: may campaign, beat, check the quorum, or give a transfer up. */
  tick(): void {
    const r = this.#state;
    if (!r.clockTold) r.clock++;
    if (r.role === 'leader') this.#tickLeader();
    else this.#tickElection();
  }

  /**
   * Tells the time, in ticks and parts of them, from any beginning: it has to go on while the process or the
   * machine sleeps, and never back. For leases only, which without this count the ticks. With lease-based
   * reads it has to be told before every message and read that is handed in, for what came before.
   */
  setClock(now: number): void {
    const r = this.#state;
    if (!r.clockTold) {
      r.clockTold = true;
      // What was promised while ticks were counted lasts as long as before.
      r.promisedUntil += now - r.clock;
      r.clock = now;
    }
    r.clock = Math.max(r.clock, now);
  }

  #tickElection(): void {
    const r = this.#state;
    r.electionElapsed++;
    if (r.promotable() && r.electionElapsed >= r.randomizedElectionTimeout && !r.hasPromised()) {
      r.electionElapsed = 0;
      step(r, { type: 'MsgHup', from: r.id, to: r.id, term: 0 });
    }
  }

  #tickLeader(): void {
    const r = this.#state;
    r.heartbeatElapsed++;
    r.electionElapsed++;
    if (r.electionElapsed >= r.config.electionTick) {
      r.electionElapsed = 0;
      if (r.config.checkQuorum) step(r, { type: 'MsgCheckQuorum', from: r.id, to: r.id, term: 0 });
      if (r.role === 'leader' && r.leadTransferee !== NONE) {
        r.emit({ type: 'transfer', to: r.leadTransferee, step: 'aborted' });
        r.leadTransferee = NONE;
      }
    }
    if (r.role === 'leader' && r.heartbeatElapsed >= r.config.heartbeatTick) {
      r.heartbeatElapsed = 0;
      step(r, { type: 'MsgBeat', from: r.id, to: r.id, term: 0 });
    }
  }

  /**
   * Starts a campaign now. With lease-based reads not while this node hears from a leader: it has promised
   * its vote for that long.
   */
  campaign(): void {
    const r = this.#state;
    if (r.config.readOnlyOption === 'leaseBased' && r.role !== 'leader' && r.inLease()) {
      r.emit({ type: 'campaignRefused', reason: 'inLease' });
      return;
    }
    step(r, { type: 'MsgHup', from: r.id, to: r.id, term: 0 });
  }

  /** Takes a message from another node or from the storage. What does not belong here changes nothing. */
  step(message: Message): StepResult {
    const r = this.#state;
    const reason = findFault(message, r.id, (id) => r.tracker.progress.has(id));
    if (reason !== undefined) {
      r.ignore(message, reason);
      return { status: 'ignored', reason };
    }
    return step(r, message);
  }

  /** Proposes an entry for the state machine. */
  propose(data: Uint8Array): ProposeResult {
    return this.proposeAll([{ type: 'normal', data }]);
  }

  /** Proposes a configuration change; an empty list of changes leaves a joint configuration. */
  proposeConfChange(change: ConfChange): ProposeResult {
    return this.proposeAll([{ type: 'confChange', change }]);
  }

  /** Proposes several entries that enter the log next to each other, or not at all. At least one. */
  proposeAll(entries: readonly ProposedEntry[]): ProposeResult {
    assert(entries.length > 0, 'a proposal has entries');
    const r = this.#state;
    if (r.role === 'leader') return proposeAsLeader(r, entries);
    if (r.role !== 'follower') return { status: 'dropped', reason: 'noLeader' };
    const reason = forwardingProblem(r);
    if (reason !== undefined) return { status: 'dropped', reason };
    r.send({ type: 'MsgProp', from: r.id, to: r.leader, term: 0, entries });
    return { status: 'forwarded', to: r.leader };
  }

  /**
   * To be called for every committed configuration change, in order, when it is applied. The result's
   * `confState` has to be stored with what was applied. `index` is that of the entry: in async mode a
   * snapshot may have overtaken it while it waited to be applied, and then nothing changes.
   */
  applyConfChange(change: ConfChange, index?: LogIndex): ConfChangeResult {
    const { log, tracker } = this.#state;
    const covered = log.unstable.snapshot?.index ?? log.applied;
    if (index !== undefined && index <= covered)
      return { confState: tracker.confState(), refused: 'overtaken by a snapshot' };
    return applyConfChange(this.#state, change);
  }

  /** The configuration in force. */
  get confState(): ConfState {
    return this.#state.tracker.confState();
  }

  /**
   * Asks for a linearizable read. The answer, with the same `context`, comes in a Ready's `readStates`; the
   * read may be served from the state machine once it has applied that index.
   */
  readIndex(context: string): ReadResult {
    const r = this.#state;
    if (r.role === 'leader') return readAsLeader(r, { from: r.id, context });
    if (r.leader === NONE) return { status: 'dropped', reason: 'noLeader' };
    r.send({ type: 'MsgReadIndex', from: r.id, to: r.leader, term: 0, context });
    return { status: 'forwarded', to: r.leader };
  }

  /** Asks the leader, from any member, to hand its office to `to`. It tries for one election timeout. */
  transferLeader(to: NodeId): void {
    step(this.#state, { type: 'MsgTransferLeader', from: to, to: this.#state.id, term: 0 });
  }

  /** Makes a follower forget its leader, so that it grants votes before its lease ends. Not with lease-based reads. */
  forgetLeader(): void {
    step(this.#state, { type: 'MsgForgetLeader', from: this.#state.id, to: this.#state.id, term: 0 });
  }

  /** Tells the leader that the last message to `peer` did not get through. */
  reportUnreachable(peer: NodeId): void {
    step(this.#state, { type: 'MsgUnreachable', from: peer, to: this.#state.id, term: 0 });
  }

  /** Tells the leader how the transfer of a snapshot to `peer` ended. Has to be called when it failed. */
  reportSnapshot(peer: NodeId, ok: boolean): void {
    step(this.#state, { type: 'MsgSnapStatus', from: peer, to: this.#state.id, term: 0, reject: !ok });
  }

  /** Whether {@link ready} has anything. Changes nothing. */
  hasReady(): boolean {
    return hasReady(this.#state, this.#handed);
  }

  /**
   * Takes the outstanding work. In sync mode all of it is to be done, in the order the README gives, before
   * {@link advance}, and that before the next Ready.
   */
  ready(): Ready {
    assert(!this.#awaitsAdvance, 'ready() before advance()');
    startReadRound(this.#state);
    const { ready, localSteps } = takeReady(this.#state, this.#handed);
    this.#localSteps = localSteps;
    this.#awaitsAdvance = !this.#state.config.asyncStorageWrites;
    return ready;
  }

  /** Sync mode: the last Ready is durable, sent and applied. */
  advance(): void {
    assert(!this.#state.config.asyncStorageWrites, 'in async mode the storage answers with messages');
    const steps = this.#localSteps;
    this.#localSteps = [];
    this.#awaitsAdvance = false;
    for (const message of steps) step(this.#state, message);
  }

  /** Everything worth showing. */
  status(): RaftStatus {
    return statusOf(this.#state);
  }

  /** All that decides what the node does next, as plain data: for tools that compare states. */
  image(): NodeImage {
    return imageOf(this.#state, this.#handed);
  }

  /** The leader's progress table as text. */
  describeProgress(): string {
    return describeProgress(this.#state);
  }

  /** Replaces the drawn election timeout, in ticks, until the next change of role draws again. For scripts and tests. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#state.randomizedElectionTimeout = ticks;
  }
}
