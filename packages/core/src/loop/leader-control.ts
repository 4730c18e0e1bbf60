/**
 * Runs the leader's controllers: pure functions from the state, and from what this leader knows of its
 * peers, to commands and configuration changes. They are level-triggered: a lost decision is made again.
 */
import { Arrivals } from '../control/arrivals.ts';
import { HoldExpiry } from '../control/hold-expiry.ts';
import { LockExpiry } from '../control/lock-expiry.ts';
import { CONTROL_OPTIONS, type Decision, type LeaderView, type PeerView, plan } from '../control/plan.ts';
import { UnreachableSince } from '../control/unreachable-since.ts';
import type { Clocks } from '../host/want.ts';
import type { ClusterState } from '../machine/state.ts';
import { type ConfState, type LogIndex, NONE, type NodeId } from '../raft/types.ts';
import type { Consensus } from './consensus.ts';
import type { Leases } from './leases.ts';
import type { LoopOptions } from './options.ts';
import type { OwnProposals } from './own-proposals.ts';
import type { LastHeard } from './peers.ts';

/** The controllers of one host, working only while it leads. */
export class LeaderControl {
  readonly #options: LoopOptions;
  readonly #own: OwnProposals;
  readonly #heard: LastHeard;
  readonly #leases: Leases;
  readonly #locks = new LockExpiry();
  readonly #holds = new HoldExpiry();
  readonly #arrivals = new Arrivals();
  readonly #reachability = new UnreachableSince();
  #dirty = true;
  #ticks = 0;
  #leaderSinceMs: number | null = null;
  #lastRunMs = 0;
  #conf: { readonly state: ConfState; readonly sinceMs: number } | null = null;
  #transferTriedMs: number | null = null;
  /** Index of the last configuration change proposed in this office. */
  #confChangeIndex: LogIndex = 0;

  constructor(options: LoopOptions, own: OwnProposals, heard: LastHeard, leases: Leases) {
    this.#options = options;
    this.#own = own;
    this.#heard = heard;
    this.#leases = leases;
  }

  /** The applied state changed. */
  stateChanged(): void {
    this.#dirty = true;
  }

  /** Looks who is reachable, at a time that is known. To be called with each tick, also while another host leads. */
  look(state: ClusterState, nowMs: number): void {
    this.#reachability.look(state, nowMs);
  }

  /** The stream to another host opened or broke. */
  stream(id: NodeId, isOpen: boolean): void {
    this.#arrivals.stream(id, isOpen);
    this.#dirty = true;
  }

  /** Time passed: what depends on it is looked at every few ticks. */
  tick(): void {
    this.#ticks++;
    if (this.#ticks >= this.#options.controlTicks) this.#dirty = true;
  }

  /** This host leads no more. */
  stepDown(): void {
    this.#leaderSinceMs = null;
    this.#confChangeIndex = 0;
    this.#conf = null;
    this.#transferTriedMs = null;
    this.#locks.clear();
    this.#holds.clear();
    this.#arrivals.clear();
  }

  /** Decides and proposes. Waits until what earlier leaders committed is applied, so it decides on the latest state. */
  run(state: ClusterState, consensus: Consensus, { nowMs, wallMs }: Pick<Clocks, 'nowMs' | 'wallMs'>): void {
    if (!this.#dirty || consensus.applied.term !== consensus.node.term) return;
    this.#dirty = false;
    this.#ticks = 0;
    // A leader that was stopped for a while has not listened: silence in that time says nothing of the others.
    const slept = nowMs - this.#lastRunMs > CONTROL_OPTIONS.backWithinMs;
    this.#lastRunMs = nowMs;
    if (slept || this.#leaderSinceMs === null) this.#leaderSinceMs = nowMs;
    const view = this.#view(consensus, this.#leaderSinceMs, nowMs, wallMs);
    for (const decision of this.#leases.plan(state, consensus)) this.#carryOut(decision, consensus, nowMs);
    for (const decision of plan(state, view, nowMs)) this.#carryOut(decision, consensus, nowMs);
    for (const decision of this.#locks.plan(state, nowMs)) this.#carryOut(decision, consensus, nowMs);
    for (const decision of this.#holds.plan(state, nowMs)) this.#carryOut(decision, consensus, nowMs);
    for (const decision of this.#arrivals.plan(state, nowMs)) this.#carryOut(decision, consensus, nowMs);
  }

  #view(consensus: Consensus, leaderSinceMs: number, nowMs: number, wallMs: number): LeaderView {
    const { progress, committed, leadTransferee } = consensus.node.status();
    const peers = new Map<NodeId, PeerView>();
    for (const [id, { match }] of progress) {
      if (id === this.#options.hostId) continue;
      const [lastHeardMs, heardSinceMs] = [this.#heard.at(id), this.#heard.since(id)];
      peers.set(id, { match, lastHeardMs, heardSinceMs, unreachableSinceMs: this.#reachability.of(id) });
    }
    const { confState } = consensus.applied;
    if (this.#conf?.state !== confState) this.#conf = { state: confState, sinceMs: nowMs };
    return {
      selfId: this.#options.hostId,
      wallMs,
      confState,
      confSinceMs: this.#conf.sinceMs,
      transferTriedMs: this.#transferTriedMs,
      confChangePending: consensus.applied.index < this.#confChangeIndex,
      transferring: leadTransferee !== NONE,
      committed,
      leaderSinceMs,
      connected: this.#arrivals.connected,
      peers,
      inFlight: this.#own.keys(),
    };
  }

  #carryOut(decision: Decision, consensus: Consensus, nowMs: number): void {
    switch (decision.type) {
      case 'command':
        this.#own.offer(decision.key, decision.command, nowMs);
        return;
      case 'confChange':
        this.#confChangeIndex = consensus.proposeConfChange(decision.change) ?? this.#confChangeIndex;
        return;
      case 'transferLeader':
        this.#transferTriedMs = nowMs;
        consensus.transferLeader(decision.to);
        return;
    }
  }
}
