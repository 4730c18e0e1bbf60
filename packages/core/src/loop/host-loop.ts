/**
 * The loop of one host: consensus, state machine, the leader's controllers and the host's reconciler,
 * joined. It is synchronous and knows only ports: `handle` takes what happened, `flush` does what follows
 * from it. The daemon calls `flush` once per turn of its event loop, so that all that came in together
 * leaves together; the simulator calls it after every input.
 */
import { assert } from '../base/assert.ts';
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import { CONTROL_OPTIONS } from '../control/plan.ts';
import { applyConfState, applyEmpty, applyProposal } from '../machine/apply.ts';
import type { Command } from '../machine/command.ts';
import { reads } from '../machine/format-range.ts';
import { STATE_LIMITS } from '../machine/history.ts';
import { encodeProposal } from '../machine/proposal-codec.ts';
import type { ObjectRecordChange } from '../machine/record-codec.ts';
import { ClusterState } from '../machine/state.ts';
import { STATE_CODEC, type StateCodec } from '../machine/state-codec.ts';
import type { Changes } from '../machine/transaction.ts';
import type { ObjectChange } from '../model/object.ts';
import type { ClientPort } from '../ports/client.ts';
import type { Ports } from '../ports/ports.ts';
import type { StoredState } from '../ports/storage.ts';
import { type ConfState, type Entry, NONE, type NodeId, type SnapshotMeta } from '../raft/types.ts';
import type { PeerMessage } from '../wire/peer-message.ts';
import { NOTICE_MS } from './commit-notices.ts';
import { Consensus } from './consensus.ts';
import { HostAgent } from './host-agent.ts';
import type { LoopInput } from './input.ts';
import { Introductions } from './introductions.ts';
import { LeaderControl } from './leader-control.ts';
import { LeaderLoss } from './leader-loss.ts';
import { Leases } from './leases.ts';
import type { LoopOptions } from './options.ts';
import { OwnProposals } from './own-proposals.ts';
import { LastHeard } from './peers.ts';
import { type ExpiryView, PendingCommands, PendingReads } from './pending.ts';
import { isPlausible } from './plausible.ts';
import { VolumeAgent } from './volume-agent.ts';

/** Bytes of payload that one proposal message may carry to the leader. */
const PROPOSAL_BATCH_BYTES = 1024 * 1024;
/** Ids of the loop's own reads; the clients' are positive. */
const OWN_READ = 0;
const LEASE_READ = -1;
/** How long, in ms, a proof that this host leads is waited for; who wants it asks again. */
const PROOF_MS = 5_000;
/** Commands of the loop's own that may be under way at once. */
const OWN_PROPOSALS_LIMIT = 2048;

/** Where a loop stands, for status displays. */
export interface LoopStatus {
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader';
  readonly leaderId: NodeId;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly confState: ConfState;
  /** Whether a leader with a quorum is known here. */
  readonly hasQuorum: boolean;
  readonly pendingRequests: number;
}

/**
 * The loop of one host. `handle` and `flush` throw only what nobody can go on from: a broken invariant, or a
 * log that a newer n3xd wrote. The shell must then end the process.
 */
export class HostLoop {
  readonly #options: LoopOptions;
  readonly #ports: Ports;
  readonly #codec: StateCodec;
  readonly #consensus: Consensus;
  readonly #commands: PendingCommands;
  readonly #reads: PendingReads;
  readonly #own: OwnProposals;
  readonly #heard = new LastHeard(CONTROL_OPTIONS.lostAfterMs);
  readonly #agent: HostAgent;
  readonly #volumes: VolumeAgent;
  readonly #control: LeaderControl;
  readonly #leaderLoss: LeaderLoss;
  readonly #leases: Leases;
  readonly #introductions: Introductions;
  #state: ClusterState;
  #changes: ObjectChange[] = [];
  #nowMs = 0;
  #wallMs = 0;
  #readSequence = 1;
  /** Since when no leader with a quorum is known; null while one is. */
  #noQuorumSinceMs: number | null = 0;
  /** Whether the state holds all that was committed when this host last found a leader. */
  #current: 'no' | 'asked' | 'yes' = 'no';

  constructor(options: LoopOptions, ports: Ports, stored: StoredState, codec: StateCodec = STATE_CODEC) {
    this.#options = options;
    this.#ports = ports;
    this.#codec = codec;
    this.#state = ClusterState.fromRecords(stored.applied.index, stored.records, STATE_LIMITS, codec);
    this.#stopUnlessReadable();
    this.#commands = new PendingCommands(ports.client, options.maxPendingRequests);
    this.#reads = new PendingReads(this.#readClient(), options.maxPendingRequests);
    this.#own = new OwnProposals(`h${options.hostId}.${options.bootId}`, OWN_PROPOSALS_LIMIT);
    this.#volumes = new VolumeAgent(options.hostId, ports, this.#own);
    this.#agent = new HostAgent(options.hostId, ports, this.#own, this.#volumes);
    this.#leases = new Leases(options.hostId, options.bootId, ports);
    this.#control = new LeaderControl(options, this.#own, this.#heard, this.#leases);
    this.#introductions = new Introductions(options, ports.transport);
    this.#leaderLoss = new LeaderLoss(ports.random.fork('leader loss'));
    this.#consensus = new Consensus(options, ports, stored, {
      encode: (key, object) => codec.encode(key, object),
      applyEntry: (entry, confState) => this.#applyEntry(entry, confState),
      batchApplied: (meta) => this.#batchApplied(meta),
      restore: ({ snapshot, records }) => this.#restore(snapshot, records),
      records: () => this.#state.records(),
      readConfirmed: (read) => {
        this.#reads.confirmed(read.context, read.index);
        this.#reads.applied(this.#consensus.applied.index);
      },
      leadershipChanged: (leader, isLeader) => this.#leadershipChanged(leader, isLeader),
      isHeard: (peer) =>
        this.#nowMs - (this.#heard.at(peer) ?? Number.NEGATIVE_INFINITY) <= CONTROL_OPTIONS.lostAfterMs,
    });
    this.#introductions.update(this.#state);
  }

  /** The applied state. Read only. */
  get state(): ClusterState {
    return this.#state;
  }

  get status(): LoopStatus {
    const { node, applied } = this.#consensus;
    return {
      role: node.role,
      leaderId: this.#leader,
      term: node.term,
      commitIndex: node.committed,
      appliedIndex: applied.index,
      confState: applied.confState,
      hasQuorum: this.#noQuorumSinceMs === null,
      pendingRequests: this.#commands.size + this.#reads.size,
    };
  }

  /**
   * Tells the time, in ms, for leases: it has to be told before each input that `restsOnClock` names is handed in, and with the
   * option `reads` at `lease` before every {@link flush} as well. It has to be read after that input had come, from a
   * clock that goes on while the process is stopped and while the machine sleeps, the same that the fence counts on.
   */
  clock(nowMs: number): void {
    this.#consensus.clock(nowMs);
    this.#leases.clock(nowMs);
  }

  /** In how many ms the loop wants the input `wake`; null when it does not. To be asked after each {@link flush}. */
  get wakeMs(): number | null {
    return this.#consensus.wantsWake ? NOTICE_MS : null;
  }

  /** Takes one input. What follows from it is done by the next {@link flush}. */
  handle(input: LoopInput): void {
    switch (input.type) {
      case 'tick':
        this.#tick(input.nowMs, input.wallMs);
        return;
      case 'wake':
        this.#consensus.wake();
        return;
      case 'received':
        this.#received(input.from, input.message);
        return;
      case 'peer':
        this.#control.stream(input.id, input.connected);
        if (input.connected) {
          this.#introductions.introduce(this.#state, input.id);
          this.#leaderLoss.opened(input.id);
        } else {
          this.#heard.lost(input.id);
          this.#leaderLoss.broke(input.id, this.#consensus.leader, this.#nowMs);
          this.#consensus.unreachable(input.id);
        }
        return;
      case 'stored':
        this.#consensus.stored(input.token, input.outcome);
        return;
      case 'command':
        this.#commands.add({ ...input, receivedAtMs: this.#nowMs });
        return;
      case 'read':
        this.#reads.add({ ...input, receivedAtMs: this.#nowMs });
        return;
      case 'cancel':
        this.#commands.cancel(input.id);
        this.#reads.cancel(input.id);
        return;
      case 'driverDone':
        this.#agent.driverDone(input.token, input.outcome, this.#nowMs);
        return;
      case 'observed':
        this.#agent.observed(input.vms, this.#nowMs, this.#leases.view);
        return;
      case 'volumeDone':
        this.#volumes.done(input.token, input.outcome, this.#nowMs);
        this.#agent.stateChanged();
        return;
      case 'volumesObserved':
        this.#volumes.look(input.volumes);
        this.#agent.stateChanged();
        return;
      case 'hostInfo':
        this.#agent.hostInfo(input);
        return;
      case 'fenceArmed':
        if (this.#leases.armed(input.deadlineMs, input.outcome)) this.#agent.stateChanged();
        return;
      case 'handOver':
        this.#handOver();
        return;
      default:
        assert(false, `unknown input ${JSON.stringify(input satisfies never)}`);
    }
  }

  /** Does what follows from the inputs so far: proposals, writes, messages, answers, actions. */
  flush(): void {
    if (this.#consensus.isLeader)
      this.#control.run(this.#state, this.#consensus, { nowMs: this.#nowMs, wallMs: this.#wallMs });
    const current = this.#current === 'yes';
    this.#volumes.run(this.#state, { nowMs: this.#nowMs, current });
    this.#agent.run(this.#state, { nowMs: this.#nowMs, wallMs: this.#wallMs, current, lease: this.#leases.view });
    this.#propose();
    this.#leases.run({
      state: this.#state,
      consensus: this.#consensus,
      leader: this.#leader,
      askProof: () => this.#askRead(LEASE_READ, this.#nowMs + PROOF_MS),
    });
    this.#askReads();
    this.#consensus.flush();
    this.#publish();
  }

  #tick(nowMs: number, wallMs: number): void {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    const step = this.#leaderLoss.due(this.#consensus.leader, nowMs);
    if (step !== undefined) this.#consensus.leaderLost(step);
    this.#consensus.tick(nowMs);
    this.#judgeQuorum();
    const { proposalRetryMs, noQuorumGraceMs } = this.#options;
    this.#commands.proposeAgain(nowMs - proposalRetryMs);
    this.#reads.askAgain(nowMs - proposalRetryMs);
    this.#own.expire(nowMs - 2 * proposalRetryMs);
    this.#introductions.tick(this.#state, nowMs);
    const view: ExpiryView = { nowMs, wallMs, noQuorumSinceMs: this.#noQuorumSinceMs, noQuorumGraceMs };
    this.#commands.expire(view);
    this.#reads.expire(view);
    this.#control.look(this.#state, nowMs);
    if (this.#consensus.isLeader) this.#control.tick();
    this.#agent.tick();
    this.#volumes.tick();
  }

  #received(from: NodeId, message: PeerMessage): void {
    this.#heard.heard(from, this.#nowMs);
    if (!isPlausible(message, this.#consensus.node.term, this.#state.index)) {
      this.#ports.journal.log('warn', 'loop.implausible', { from, type: message.type });
      return;
    }
    if (message.type === 'members') {
      this.#introductions.told(this.#state, message, this.#nowMs);
      return;
    }
    if (message.type === 'leaseRenew' || message.type === 'leaseGrant') {
      this.#leases.received(from, message);
      return;
    }
    if (message.type === 'raft' && message.message.type === 'MsgPreVote' && message.message.index < this.#state.index) {
      // It campaigns because it hears from no leader: perhaps it does not know who leads.
      this.#introductions.introduce(this.#state, from);
    }
    if (message.type === 'raft' && message.message.type === 'MsgProp') {
      // What a peer proposes is checked before it can reach the log: an entry is applied everywhere or nowhere.
      const { entries } = message.message;
      const sound = entries.every((entry) => entry.type === 'normal' && this.#mayPropose(entry.data));
      if (!sound) {
        this.#ports.journal.log('warn', 'loop.proposalRefused', { from, entries: entries.length });
        return;
      }
    }
    this.#consensus.receive(from, message);
  }

  /**
   * The leader that this host hears from. Who does not vote never campaigns, so Raft alone would let it believe in a
   * leader for ever; by twice an election timeout every voter has given up one that is silent.
   */
  get #leader(): NodeId {
    const { leader, isLeader } = this.#consensus;
    if (isLeader || leader === NONE) return leader;
    const silentMs = this.#nowMs - (this.#heard.at(leader) ?? Number.NEGATIVE_INFINITY);
    return silentMs <= 2 * this.#options.electionTicks * this.#options.tickMs ? leader : NONE;
  }

  /** A leader counts only while it hears a quorum, so that a write is not put into a log that nobody follows. */
  #judgeQuorum(): void {
    const { isLeader } = this.#consensus;
    const window = this.#options.electionTicks * this.#options.tickMs;
    const good = isLeader
      ? this.#heard.quorum(this.#consensus.applied.confState, this.#options.hostId, this.#nowMs - window)
      : this.#leader !== NONE;
    if (good) this.#noQuorumSinceMs = null;
    else if (this.#noQuorumSinceMs === null) this.#noQuorumSinceMs = this.#nowMs;
    if (!good) this.#current = 'no';
    else if (this.#current === 'no') {
      this.#current = 'asked';
      this.#askRead(OWN_READ, Number.POSITIVE_INFINITY);
    }
  }

  #askRead(id: number, deadlineMs: number): void {
    this.#reads.add({ id, deadlineMs, receivedAtMs: this.#nowMs });
  }

  /** The clients' port, less the answers to the loop's own reads. */
  #readClient(): Pick<ClientPort, 'readDone'> {
    return {
      readDone: (id, outcome) => {
        if (id === LEASE_READ) {
          if (outcome.type === 'ready') this.#leases.proved(this.#state, this.#consensus, this.#own.keys());
          else this.#leases.notProved();
        } else if (id !== OWN_READ) this.#ports.client.readDone(id, outcome);
        else {
          this.#current = outcome.type === 'ready' && this.#noQuorumSinceMs === null ? 'yes' : 'no';
          this.#agent.stateChanged();
          this.#volumes.stateChanged();
        }
      },
    };
  }

  #propose(): void {
    if (this.#noQuorumSinceMs !== null) return;
    if (this.#own.hasQueued) {
      const payloads = this.#own.take().map(({ requestId, command }) => this.#encode(requestId, command));
      // Dropped ones are decided again: they are level-triggered.
      if (!this.#consensus.propose(payloads)) this.#own.clear();
    }
    if (!this.#commands.hasUnproposed) return;
    // Group commit: what comes while enough is under way goes together once some of that is committed.
    if (this.#consensus.isLeader && this.#consensus.isBusy) return;
    const waiting = this.#commands.takeUnproposed();
    let done = 0;
    while (done < waiting.length) {
      const payloads: Uint8Array[] = [];
      let bytes = 0;
      let end = done;
      for (; end < waiting.length && bytes < PROPOSAL_BATCH_BYTES; end++) {
        const pending = waiting[end];
        if (pending === undefined) break;
        const payload = this.#encode(pending.requestId, pending.command);
        payloads.push(payload);
        bytes += payload.length;
      }
      if (!this.#consensus.propose(payloads)) break;
      for (const pending of waiting.slice(done, end)) pending.proposedAtMs = this.#nowMs;
      done = end;
    }
    if (done < waiting.length) this.#commands.putBack(waiting.slice(done));
  }

  #encode(requestId: string, command: Command): Uint8Array {
    return encodeProposal({ format: this.#formatInForce, requestId, atMs: this.#wallMs, command });
  }

  get #formatInForce(): number {
    return this.#state.cluster?.commandFormat ?? this.#options.commandFormats[0];
  }

  /** Whether a peer's proposal can be read here, and by every voter: a build of its own ideas might send another. */
  #mayPropose(data: Uint8Array): boolean {
    const decoded = this.#codec.proposal(data, this.#options.commandFormats);
    return decoded.ok && decoded.proposal.format <= this.#formatInForce;
  }

  #askReads(): void {
    if (!this.#reads.ready || this.#noQuorumSinceMs !== null) return;
    const context = `${this.#options.hostId}.${this.#options.bootId}.${this.#readSequence++}`;
    this.#reads.ask(context, this.#nowMs);
    this.#consensus.readIndex(context);
  }

  #applyEntry(entry: Entry, confState: ConfState | null): readonly ObjectRecordChange[] {
    const { index, term } = entry;
    if (entry.type === 'confChange') {
      assert(confState !== null, 'a configuration change was applied without its configuration');
      return this.#take(applyConfState(this.#state, index, confState));
    }
    if (entry.data.length === 0) {
      applyEmpty(this.#state, index);
      return [];
    }
    const { commandFormats } = this.#options;
    const decoded = this.#codec.proposal(entry.data, commandFormats);
    if (!decoded.ok) {
      if (decoded.reason === 'unsupportedFormat') this.#stop(index, decoded.format);
      // Checked before it was proposed, so only a defect leads here; every host passes over it alike.
      this.#ports.journal.log('error', 'loop.commandMalformed', { index, message: decoded.message });
      applyEmpty(this.#state, index);
      return [];
    }
    const { proposal } = decoded;
    const outcome = applyProposal(this.#state, { index, term }, proposal, commandFormats);
    if (outcome.type === 'unsupportedFormat') this.#stop(index, outcome.format);
    if (proposal.command.type === 'commandFormatRaise') this.#stopUnlessReadable();
    if (!this.#own.applied(proposal.requestId)) this.#commands.applied(proposal.requestId, outcome.result);
    return this.#take(outcome);
  }

  #take(changes: Changes): readonly ObjectRecordChange[] {
    for (const change of changes.objectChanges) this.#changes.push(change);
    return changes.changes;
  }

  #batchApplied(meta: SnapshotMeta): void {
    this.#reads.applied(meta.index);
    this.#control.stateChanged();
    this.#agent.stateChanged();
    this.#leases.stateChanged();
    this.#volumes.stateChanged();
    this.#introductions.update(this.#state);
  }

  #restore(meta: SnapshotMeta, records: Iterable<readonly [string, Uint8Array]>): void {
    this.#state = ClusterState.fromRecords(meta.index, records, STATE_LIMITS, this.#codec);
    this.#stopUnlessReadable();
    this.#changes = [];
    this.#ports.journal.log('info', 'snapshot.restored', { index: meta.index });
    this.#ports.client.reset(meta.index);
    this.#batchApplied(meta);
  }

  #publish(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#ports.client.changed(changes);
  }

  #leadershipChanged(leader: NodeId, isLeader: boolean): void {
    this.#ports.journal.log('info', isLeader ? 'raft.leading' : 'raft.following', {
      leader,
      term: this.#consensus.node.term,
    });
    if (!isLeader) this.#control.stepDown();
    this.#leases.leadership(isLeader);
    // What went to an earlier leader may be lost: the new one gets it again, under the same request ids.
    this.#commands.proposeAgain(Number.POSITIVE_INFINITY);
    this.#reads.askAgain(Number.POSITIVE_INFINITY);
    this.#own.clear();
    this.#judgeQuorum();
  }

  #handOver(): void {
    if (!this.#consensus.isLeader) return;
    const { confState } = this.#consensus.applied;
    let best = NONE;
    let bestMatch = -1;
    for (const [id, peer] of this.#consensus.node.status().progress) {
      if (id === this.#options.hostId || !confState.voters.includes(id) || !peer.recentActive) continue;
      if (peer.match <= bestMatch) continue;
      best = id;
      bestMatch = peer.match;
    }
    if (best !== NONE) this.#consensus.transferLeader(best);
  }

  /** Stops before the first entry of a format that has come into force while this host was away. */
  #stopUnlessReadable(): void {
    const { cluster, index } = this.#state;
    if (cluster === undefined || reads(this.#options.commandFormats, cluster.commandFormat)) return;
    this.#stop(index, cluster.commandFormat);
  }

  /** This build cannot go on without diverging from the others. */
  #stop(index: number, format: number): never {
    const message = `the log holds a command of format ${format} that this n3xd cannot read: install the version the other hosts run`;
    throw new N3xError(ERROR_CODES.version, message, { details: { index, format } });
  }
}
