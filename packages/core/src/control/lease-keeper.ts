/**
 * Grants hosts their leases, and concludes from their end that what was fenced there runs no more. It counts long:
 * from when it received the last renewal that it granted, or from when it came to office, since an earlier leader
 * may have granted others until then. A renewal is granted only after proof, newer than its receipt, that this host
 * still leads; and a host from which something is being taken gets none.
 *
 * All times are of the leader's boot clock, in ms.
 */
import type { ClusterState } from '../machine/state.ts';
import { holderLimitMs, leaderLimitMs, leaseTimingOf, renewEveryMs } from '../model/lease-timing.ts';
import { isFenced } from '../model/vm.ts';
import type { LogIndex, NodeId, Term } from '../raft/types.ts';
import type { LeaseGrantMessage, LeaseRenewMessage } from '../wire/peer-message.ts';
import type { Decision } from './decision.ts';

/** VMs that are taken off lost hosts in one pass. */
const FAILOVERS_PER_PASS = 256;

/** A renewal that waits for proof. */
interface Renewal {
  readonly message: LeaseRenewMessage;
  readonly receivedMs: number;
}

/** A grant and who gets it. */
export interface Grant {
  readonly to: NodeId;
  readonly message: LeaseGrantMessage;
}

/** Key of the decision to take a VM off a lost host. */
function failoverKey(hostId: NodeId, name: string): string {
  return `failover/${hostId}/${name}`;
}

/** The leases that one leader keeps. */
export class LeaseKeeper {
  /** Null until time has been read after it came to office: the time at hand may be that of before a stall. */
  #officeSinceMs: number | null = null;
  #inOffice = false;
  #nowMs = 0;
  /** The last renewal of each host since the last batch. */
  #waiting = new Map<NodeId, Renewal>();
  /** Renewals for which the proof is under way, and the term in which it counts. */
  #proving: { readonly renewals: ReadonlyMap<NodeId, Renewal>; readonly term: Term } | null = null;
  /** When the last renewal that was granted had been received. */
  readonly #renewedMs = new Map<NodeId, number>();
  /** Restarts that are known here, by the index of their promise, and since when; null until time has been read. */
  readonly #restarts = new Map<LogIndex, number | null>();

  /** This host leads from now on. */
  takeOffice(): void {
    this.leaveOffice();
    this.#inOffice = true;
  }

  /** This host leads no more. */
  leaveOffice(): void {
    this.#inOffice = false;
    this.#officeSinceMs = null;
    this.#waiting.clear();
    this.#proving = null;
    this.#renewedMs.clear();
    this.#restarts.clear();
  }

  /** Tells the time. */
  clock(nowMs: number): void {
    this.#nowMs = nowMs;
    if (!this.#inOffice) return;
    this.#officeSinceMs ??= nowMs;
    for (const [index, sinceMs] of this.#restarts) if (sinceMs === null) this.#restarts.set(index, nowMs);
  }

  /** A host asks, also this one. The time has to have been told after the request came in. */
  renewal(from: NodeId, message: LeaseRenewMessage): void {
    if (this.#inOffice) this.#waiting.set(from, { message, receivedMs: this.#nowMs });
  }

  /** Whether proof is wanted that this host leads; it is then taken to be asked for, in `term`. */
  wantsProof(term: Term): boolean {
    if (this.#proving !== null || this.#waiting.size === 0) return false;
    this.#proving = { renewals: this.#waiting, term };
    this.#waiting = new Map();
    return true;
  }

  /** There was no proof: who asked asks again. */
  notProved(): void {
    this.#proving = null;
  }

  /**
   * This host was the leader of `term` at some time since the proof was asked for: the grants to send. `lastIndex` is
   * the end of its log now. `inFlight` are the keys of decisions that are not applied yet.
   */
  proved(state: ClusterState, term: Term, lastIndex: LogIndex, inFlight: ReadonlySet<string>): Grant[] {
    const proving = this.#proving;
    this.#proving = null;
    if (proving === null || proving.term !== term || !this.#inOffice) return [];
    const timing = leaseTimingOf(state.cluster?.settings);
    const grants: Grant[] = [];
    for (const [to, { message, receivedMs }] of proving.renewals) {
      const host = state.host(to);
      if (host === undefined || host.membership === 'leaving' || host.membership === 'lost') continue;
      if (isLosing(to, inFlight)) continue;
      this.#renewedMs.set(to, receivedMs);
      const { bootId, sequence } = message;
      // What was proposed before this grant is applied there before it counts.
      const [holdMs, renewMs] = [holderLimitMs(timing), renewEveryMs(timing)];
      grants.push({ to, message: { type: 'leaseGrant', bootId, sequence, index: lastIndex, holdMs, renewMs } });
    }
    return grants;
  }

  /** When the lease of a host has surely run out, unless it is renewed; null while that is not known. */
  endsMs(state: ClusterState, hostId: NodeId): number | null {
    if (this.#officeSinceMs === null) return null;
    const { cluster } = state;
    const limitMs = Math.max(leaderLimitMs(leaseTimingOf(cluster?.settings)), cluster?.longestLeaseMs ?? 0);
    return Math.max(this.#renewedMs.get(hostId) ?? 0, this.#officeSinceMs) + limitMs;
  }

  /** Restarts that are overdue, and VMs whose host has lost its lease, to be started elsewhere. */
  plan(state: ClusterState, term: Term): Decision[] {
    const decisions: Decision[] = this.#planRestarts(state);
    for (const { id, drain, restarting } of state.hosts()) {
      const endsMs = this.endsMs(state, id);
      if (endsMs === null || this.#nowMs < endsMs || restarting !== undefined) continue;
      for (const vm of state.vmsOnHost(id)) {
        const { name, uid, assignment, spec } = vm;
        if (assignment === null || !isFenced(spec) || decisions.length >= FAILOVERS_PER_PASS) continue;
        // Who evacuates a lost host does not want its VMs to wait for it.
        const graceSeconds = drain?.mode === 'evacuate' ? 0 : (spec.hostLossGraceSeconds ?? 0);
        if (this.#nowMs < endsMs + graceSeconds * 1000) continue;
        const command = { type: 'vmFailover', name, uid, hostId: id, epoch: assignment.epoch, term } as const;
        decisions.push({ type: 'command', key: failoverKey(id, name), command });
      }
    }
    return decisions;
  }

  /**
   * The longer lease of a restart is counted from after this leader has learned of it, whoever led when it was
   * promised: that is later than the host asked for it.
   */
  #planRestarts(state: ClusterState): Decision[] {
    if (!this.#inOffice) return [];
    const decisions: Decision[] = [];
    const known = new Set<LogIndex>();
    for (const { id, restarting } of state.hosts()) {
      if (restarting === undefined) continue;
      const { index, waitMs } = restarting;
      known.add(index);
      const sinceMs = this.#restarts.get(index);
      if (sinceMs === undefined) this.#restarts.set(index, null);
      if (sinceMs === undefined || sinceMs === null || this.#nowMs < sinceMs + waitMs) continue;
      const command = { type: 'hostRestartOver', hostId: id, index, cause: 'overdue' } as const;
      decisions.push({ type: 'command', key: `restartOver/${id}`, command });
    }
    for (const index of this.#restarts.keys()) if (!known.has(index)) this.#restarts.delete(index);
    return decisions;
  }
}

/** Whether something is being taken from a host. */
function isLosing(hostId: NodeId, inFlight: ReadonlySet<string>): boolean {
  const prefix = failoverKey(hostId, '');
  for (const key of inFlight) if (key.startsWith(prefix)) return true;
  return false;
}
