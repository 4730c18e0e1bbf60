/**
 * Joins both ends of the leases: this host's own, and while it leads those that it keeps for all. A leader renews
 * its own lease with itself by the same rules.
 */

import type { Decision } from '../control/decision.ts';
import { LeaseKeeper } from '../control/lease-keeper.ts';
import { HostLease, type LeaseState } from '../host/lease.ts';
import type { Command } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { isFenced } from '../model/vm.ts';
import type { FenceOutcome } from '../ports/fence.ts';
import type { Ports } from '../ports/ports.ts';
import { NONE, type NodeId } from '../raft/types.ts';
import type { LeaseGrantMessage, LeaseMessage } from '../wire/peer-message.ts';
import type { Consensus } from './consensus.ts';
import { RestartLease, type RestartLeaseState } from './restart-lease.ts';

/** What a run looks at. */
export interface LeaseRun {
  readonly state: ClusterState;
  readonly consensus: Consensus;
  /** The leader that this host hears from. */
  readonly leader: NodeId;
  /** Asks for proof that this host leads; `proved` or `notProved` follows. */
  readonly askProof: () => void;
  /** Whether the state was confirmed to be current. */
  readonly current: boolean;
  /** Proposes a command unless one with the same key is under way. */
  readonly propose: (key: string, command: Command) => void;
}

/** The leases of one run of a host's daemon. */
export class Leases {
  readonly #hostId: NodeId;
  readonly #ports: Pick<Ports, 'transport' | 'fence' | 'journal'>;
  readonly #own: HostLease;
  readonly #keeper = new LeaseKeeper();
  readonly #restart: RestartLease;
  #nowMs = 0;
  #leader: NodeId = NONE;
  #isStateNew = true;
  #isNeeded = false;

  constructor(hostId: NodeId, bootId: string, ports: Pick<Ports, 'transport' | 'fence' | 'journal'>) {
    this.#hostId = hostId;
    this.#ports = ports;
    this.#own = new HostLease(bootId);
    this.#restart = new RestartLease(hostId, bootId);
  }

  get view(): LeaseState {
    return { nowMs: this.#nowMs, untilMs: this.#own.untilMs, problem: this.#own.problem };
  }

  /** How far the longer lease for an orderly restart is. */
  get restart(): RestartLeaseState {
    return this.#restart.state;
  }

  /** This run of the daemon is to end in good order. */
  restarting(): void {
    this.#restart.ask(this.#nowMs);
  }

  /** Tells the time; see `HostLoop.clock`. */
  clock(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#keeper.clock(nowMs);
  }

  /** This host leads, or leads no more. */
  leadership(isLeader: boolean): void {
    if (isLeader) this.#keeper.takeOffice();
    else this.#keeper.leaveOffice();
  }

  /** The applied state changed. */
  stateChanged(): void {
    this.#isStateNew = true;
  }

  /** Another host asks or answers. */
  received(from: NodeId, message: LeaseMessage): void {
    if (message.type === 'leaseRenew') this.#keeper.renewal(from, message);
    else this.#own.granted(message);
  }

  /** The dead-man's switch has answered. True when that changes what may run. */
  armed(deadlineMs: number, outcome: FenceOutcome): boolean {
    const held = this.#own.untilMs > this.#nowMs;
    if (!outcome.ok) this.#ports.journal.log('warn', 'fence.failed', { message: outcome.message });
    this.#own.armed(deadlineMs, outcome.ok ? null : outcome.message);
    return !held || !outcome.ok;
  }

  /** Asks, arms, and has what others asked proved, as it is due. */
  run({ state, consensus, leader, askProof, current, propose }: LeaseRun): void {
    if (leader !== this.#leader) {
      this.#leader = leader;
      this.#own.hurry();
    }
    const request = leader === NONE ? undefined : this.#own.renew(this.#nowMs);
    if (request !== undefined && leader === this.#hostId) this.#keeper.renewal(leader, request);
    else if (request !== undefined) this.#ports.transport.send(leader, request);
    if (consensus.isLeader && this.#keeper.wantsProof(consensus.node.term)) askProof();
    const isNeeded = this.#needed(state);
    if (current || !isNeeded) this.#restart.run({ state, lease: this.#own, isNeeded, nowMs: this.#nowMs, propose });
    if (!isNeeded) return;
    const deadlineMs = this.#own.wantsArmed(consensus.applied.index, this.#nowMs);
    if (deadlineMs !== undefined) this.#ports.fence.arm(deadlineMs);
  }

  /** This host was the leader at some time since the proof was asked for: who waits gets its lease. */
  proved(state: ClusterState, consensus: Consensus, inFlight: ReadonlySet<string>): void {
    const { node } = consensus;
    if (node.role !== 'leader') {
      this.#keeper.notProved();
      return;
    }
    for (const { to, message } of this.#keeper.proved(state, node.term, node.lastIndex, inFlight)) {
      this.#grant(to, message);
    }
  }

  /** There was no proof. */
  notProved(): void {
    this.#keeper.notProved();
  }

  /** What the leader concludes from the end of leases. */
  plan(state: ClusterState, consensus: Consensus): Decision[] {
    return this.#keeper.plan(state, consensus.node.term);
  }

  #grant(to: NodeId, message: LeaseGrantMessage): void {
    if (to === this.#hostId) this.#own.granted(message);
    else this.#ports.transport.send(to, message);
  }

  /** Whether anything here is fenced: nothing else needs the switch. */
  #needed(state: ClusterState): boolean {
    if (!this.#isStateNew) return this.#isNeeded;
    this.#isStateNew = false;
    this.#isNeeded = false;
    for (const { spec, power, status } of state.vmsOnHost(this.#hostId)) {
      if (!isFenced(spec) || (power === 'stopped' && status.pid === undefined)) continue;
      this.#isNeeded = true;
      break;
    }
    return this.#isNeeded;
  }
}
