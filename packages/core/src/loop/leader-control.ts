/**
 * Runs the leader's controllers: pure functions from the state, and from what this leader knows of its
 * peers, to commands and configuration changes. They are level-triggered: a lost decision is made again.
 */
import { planMembership } from '../control/membership.ts';
import { planPlacement } from '../control/placement.ts';
import { planReachability } from '../control/reachability.ts';
import type { Decision, LeaderView } from '../control/decision.ts';
import type { ClusterState } from '../machine/state.ts';
import type { Consensus } from './consensus.ts';
import type { LoopOptions } from './options.ts';
import type { OwnProposals } from './own-proposals.ts';
import type { LastHeard } from './peers.ts';

/** The controllers of one host, working only while it leads. */
export class LeaderControl {
  readonly #options: LoopOptions;
  readonly #own: OwnProposals;
  readonly #heard: LastHeard;
  #dirty = true;
  #ticks = 0;
  #leadingSinceMs: number | null = null;

  constructor(options: LoopOptions, own: OwnProposals, heard: LastHeard) {
    this.#options = options;
    this.#own = own;
    this.#heard = heard;
  }

  /** The applied state changed. */
  stateChanged(): void {
    this.#dirty = true;
  }

  /** Time passed: what depends on it is looked at every few ticks. */
  tick(): void {
    this.#ticks++;
    if (this.#ticks >= this.#options.controlTicks) this.#dirty = true;
  }

  /** This host leads no more. */
  stepDown(): void {
    this.#leadingSinceMs = null;
  }

  /** Decides and proposes. Waits until what earlier leaders committed is applied, so it decides on the latest state. */
  run(state: ClusterState, consensus: Consensus, nowMs: number): void {
    if (!this.#dirty) return;
    const { node, applied } = consensus;
    if (applied.term !== node.term) return;
    this.#dirty = false;
    this.#ticks = 0;
    this.#leadingSinceMs ??= nowMs;
    const view: LeaderView = {
      self: this.#options.hostId,
      confState: applied.confState,
      commitIndex: node.committedIndex,
      leadingSinceMs: this.#leadingSinceMs,
      lastHeardMs: (id) => this.#heard.at(id),
      matchIndex: (id) => node.matchIndex(id),
    };
    const decisions = [
      ...planMembership(state, view, nowMs),
      ...planReachability(state, view, nowMs),
      ...planPlacement(state),
    ];
    for (const decision of decisions) this.#carryOut(decision, consensus, nowMs);
  }

  #carryOut(decision: Decision, consensus: Consensus, nowMs: number): void {
    switch (decision.type) {
      case 'command':
        this.#own.offer(decision.key, decision.command, nowMs);
        return;
      case 'confChange':
        // Raft itself refuses a second change while one is under way.
        consensus.proposeConfChange(decision.change);
        return;
      case 'transferLeader':
        consensus.transferLeader(decision.to);
        return;
    }
  }
}
