/**
 * The loop of one host: consensus, state machine, the leader's controllers and the host's reconciler,
 * joined. It is synchronous and knows only ports: `handle` takes what happened, `flush` does what follows
 * from it. The daemon calls `flush` once per turn of its event loop, so that all that came in together
 * leaves together; the simulator calls it after every input.
 */
import { assert } from '../base/assert.ts';
import { CONTROL_OPTIONS } from '../control/plan.ts';
import { type ServedVolume, servedVolume, type VolumeRequest } from '../host/volume-serving.ts';
import type { CommandResult } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { STATE_CODEC, type StateCodec } from '../machine/state-codec.ts';
import type { ClientPort } from '../ports/client.ts';
import type { Ports } from '../ports/ports.ts';
import type { StoredState } from '../ports/storage.ts';
import { type ConfState, NONE, type NodeId, type SnapshotMeta } from '../raft/types.ts';
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
import { propose } from './propose.ts';
import { QuorumView } from './quorum-view.ts';
import { Replica } from './replica.ts';
import type { RestartLeaseState } from './restart-lease.ts';
import { successor } from './successor.ts';
import { VolumeAgent } from './volume-agent.ts';

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
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #commands: PendingCommands;
  readonly #reads: PendingReads;
  readonly #own: OwnProposals;
  readonly #heard = new LastHeard(CONTROL_OPTIONS.lostAfterMs);
  readonly #quorum: QuorumView;
  readonly #agent: HostAgent;
  readonly #volumes: VolumeAgent;
  readonly #control: LeaderControl;
  readonly #leaderLoss: LeaderLoss;
  readonly #leases: Leases;
  readonly #introductions: Introductions;
  #nowMs = 0;
  #wallMs = 0;
  #readSequence = 1;
  /** Whether the state holds all that was committed when this host last found a leader. */
  #current: 'no' | 'asked' | 'yes' = 'no';

  constructor(options: LoopOptions, ports: Ports, stored: StoredState, codec: StateCodec = STATE_CODEC) {
    this.#options = options;
    this.#ports = ports;
    const { journal } = ports;
    const answer = (requestId: string, result: CommandResult): void => {
      if (!this.#own.applied(requestId)) this.#commands.applied(requestId, result);
    };
    this.#replica = new Replica({ options, codec, journal, answer }, stored.applied.index, stored.records);
    this.#quorum = new QuorumView(options, this.#heard);
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
      applyEntry: (entry, confState) => this.#replica.apply(entry, confState),
      batchApplied: (meta) => this.#batchApplied(meta),
      restore: ({ snapshot, records }) => this.#restore(snapshot, records),
      records: () => this.state.records(),
      readConfirmed: (read) => {
        this.#reads.confirmed(read.context, read.index);
        this.#reads.applied(this.#consensus.applied.index);
      },
      leadershipChanged: (leader, isLeader) => this.#leadershipChanged(leader, isLeader),
      isHeard: (peer) =>
        this.#nowMs - (this.#heard.at(peer) ?? Number.NEGATIVE_INFINITY) <= CONTROL_OPTIONS.lostAfterMs,
    });
    this.#introductions.update(this.state);
  }

  /** The applied state. Read only. */
  get state(): ClusterState {
    return this.#replica.state;
  }

  /** Whether another host may read a volume of this one, by what this one knows now. */
  mayServe(readerId: NodeId, request: VolumeRequest): ServedVolume {
    const { hostId } = this.#options;
    return servedVolume({ hostId, state: this.state, observed: this.#agent.found }, readerId, request);
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
      hasQuorum: this.#quorum.isThere,
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

  /** How far the longer lease is that the input `restarting` asks for. */
  get restartLease(): RestartLeaseState {
    return this.#leases.restart;
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
          this.#introductions.introduce(this.state, input.id);
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
        this.#volumes.look(input.volumes, input.copies);
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
      case 'restarting':
        this.#leases.restarting();
        return;
      default:
        assert(false, `unknown input ${JSON.stringify(input satisfies never)}`);
    }
  }

  /** Does what follows from the inputs so far: proposals, writes, messages, answers, actions. */
  flush(): void {
    if (this.#consensus.isLeader)
      this.#control.run(this.state, this.#consensus, { nowMs: this.#nowMs, wallMs: this.#wallMs });
    const current = this.#current === 'yes';
    this.#volumes.run(this.state, { nowMs: this.#nowMs, current });
    this.#agent.run(this.state, { nowMs: this.#nowMs, wallMs: this.#wallMs, current, lease: this.#leases.view });
    this.#leases.run({
      state: this.state,
      consensus: this.#consensus,
      leader: this.#leader,
      askProof: () => this.#askRead(LEASE_READ, this.#nowMs + PROOF_MS),
      current,
      propose: (key, command) => this.#own.offer(key, command, this.#nowMs),
    });
    this.#propose();
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
    this.#introductions.tick(this.state, nowMs);
    const view: ExpiryView = { nowMs, wallMs, noQuorumSinceMs: this.#quorum.missingSinceMs, noQuorumGraceMs };
    this.#commands.expire(view);
    this.#reads.expire(view);
    this.#control.look(this.state, nowMs);
    if (this.#consensus.isLeader) this.#control.tick();
    this.#agent.tick();
    this.#volumes.tick();
  }

  #received(from: NodeId, message: PeerMessage): void {
    this.#heard.heard(from, this.#nowMs);
    if (!isPlausible(message, this.#consensus.node.term, this.state.index)) {
      this.#ports.journal.log('warn', 'loop.implausible', { from, type: message.type });
      return;
    }
    if (message.type === 'members') {
      this.#introductions.told(this.state, message, this.#nowMs);
      return;
    }
    if (message.type === 'leaseRenew' || message.type === 'leaseGrant') {
      this.#leases.received(from, message);
      return;
    }
    if (message.type === 'raft' && message.message.type === 'MsgPreVote' && message.message.index < this.state.index) {
      // It campaigns because it hears from no leader: perhaps it does not know who leads.
      this.#introductions.introduce(this.state, from);
    }
    if (message.type === 'raft' && message.message.type === 'MsgProp') {
      // What a peer proposes is checked before it can reach the log: an entry is applied everywhere or nowhere.
      const { entries } = message.message;
      const sound = entries.every((entry) => entry.type === 'normal' && this.#replica.mayPropose(entry.data));
      if (!sound) {
        this.#ports.journal.log('warn', 'loop.proposalRefused', { from, entries: entries.length });
        return;
      }
    }
    this.#consensus.receive(from, message);
  }

  get #leader(): NodeId {
    return this.#quorum.leader(this.#consensus, this.#nowMs);
  }

  #judgeQuorum(): void {
    this.#quorum.judge(this.#consensus, this.#nowMs);
    if (!this.#quorum.isThere) this.#current = 'no';
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
          if (outcome.type === 'ready') this.#leases.proved(this.state, this.#consensus, this.#own.keys());
          else this.#leases.notProved();
        } else if (id !== OWN_READ) this.#ports.client.readDone(id, outcome);
        else {
          this.#current = outcome.type === 'ready' && this.#quorum.isThere ? 'yes' : 'no';
          this.#agent.stateChanged();
          this.#volumes.stateChanged();
        }
      },
    };
  }

  #propose(): void {
    if (!this.#quorum.isThere) return;
    propose({
      consensus: this.#consensus,
      own: this.#own,
      commands: this.#commands,
      encode: (requestId, command) => this.#replica.encode(requestId, command, this.#wallMs),
      unreadable: (command) => this.#replica.unreadable(command),
      nowMs: this.#nowMs,
    });
  }

  #askReads(): void {
    if (!this.#reads.ready || !this.#quorum.isThere) return;
    const context = `${this.#options.hostId}.${this.#options.bootId}.${this.#readSequence++}`;
    this.#reads.ask(context, this.#nowMs);
    this.#consensus.readIndex(context);
  }

  #batchApplied(meta: SnapshotMeta): void {
    this.#reads.applied(meta.index);
    this.#control.stateChanged();
    this.#agent.stateChanged();
    this.#leases.stateChanged();
    this.#volumes.stateChanged();
    this.#introductions.update(this.state);
  }

  #restore(meta: SnapshotMeta, records: Iterable<readonly [string, Uint8Array]>): void {
    this.#replica.restore(meta.index, records);
    this.#ports.journal.log('info', 'snapshot.restored', { index: meta.index });
    this.#ports.client.reset(meta.index);
    this.#batchApplied(meta);
  }

  #publish(): void {
    const changes = this.#replica.takeChanges();
    if (changes.length > 0) this.#ports.client.changed(changes);
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
    const { applied, node } = this.#consensus;
    const next = successor(node.status().progress, applied.confState.voters, this.#options.hostId);
    if (next !== NONE) this.#consensus.transferLeader(next);
  }
}
