/**
 * The longer lease of one host around an orderly restart of its daemon, on both sides of it. The run that goes asks for
 * it through the log, counts it from before it asked, and has the switch armed for its end before the process ends. The run
 * that comes says that it is over, once the switch is armed for an ordinary lease.
 */
import type { HostLease } from '../host/lease.ts';
import type { Command } from '../machine/command.ts';
import type { ClusterState } from '../machine/state.ts';
import { restartLimits } from '../model/restart-lease.ts';
import type { NodeId } from '../raft/types.ts';

/**
 * How far the going run is. `none`: not asked for. `waiting`: it may still come. `held`: the switch is armed for its end.
 * `unneeded`: nothing is fenced here that runs under a lease, or the cluster gives none. `failed`: the switch did not arm.
 */
export type RestartLeaseState = 'none' | 'waiting' | 'held' | 'unneeded' | 'failed';

/** What a run looks at. */
export interface RestartLook {
  readonly state: ClusterState;
  readonly lease: HostLease;
  /** Whether anything here is fenced. */
  readonly isNeeded: boolean;
  readonly nowMs: number;
  readonly propose: (key: string, command: Command) => void;
}

/** The restarts of one run of a host's daemon. All times are of the host's boot clock, in ms. */
export class RestartLease {
  readonly #hostId: NodeId;
  readonly #bootId: string;
  #askedMs: number | null = null;
  #deadlineMs: number | null = null;
  #state: RestartLeaseState = 'none';

  constructor(hostId: NodeId, bootId: string) {
    this.#hostId = hostId;
    this.#bootId = bootId;
  }

  get state(): RestartLeaseState {
    return this.#state;
  }

  /** This run is to end in good order. The longer lease is counted from `nowMs`, which may be long ago but not later than now. */
  ask(nowMs: number): void {
    if (this.#askedMs !== null) return;
    this.#askedMs = nowMs;
    this.#state = 'waiting';
  }

  /** Asks, takes what was promised, or says that it is over, as it is due. */
  run(look: RestartLook): void {
    if (this.#askedMs === null) this.#return(look);
    else if (this.#state === 'waiting') this.#go(this.#askedMs, look);
  }

  #go(askedMs: number, { state, lease, isNeeded, nowMs, propose }: RestartLook): void {
    const restarting = state.host(this.#hostId)?.restarting;
    if (this.#deadlineMs !== null) {
      if (lease.untilMs >= this.#deadlineMs) this.#state = 'held';
      else if (!lease.awaits(this.#deadlineMs)) this.#state = 'failed';
    } else if (restarting?.bootId === this.#bootId) {
      this.#deadlineMs = askedMs + restarting.holdMs;
      lease.promised(restarting.index, this.#deadlineMs);
    } else if (!isNeeded || lease.untilMs <= nowMs || restartLimits(state.cluster?.settings) === undefined) {
      this.#state = 'unneeded';
    } else {
      propose('restarting', { type: 'hostRestarting', hostId: this.#hostId, bootId: this.#bootId });
    }
  }

  #return({ state, lease, isNeeded, propose }: RestartLook): void {
    const restarting = state.host(this.#hostId)?.restarting;
    if (restarting === undefined) return;
    // Until the switch is armed anew, what an earlier run armed it for may still be in force.
    if (isNeeded && lease.untilMs === Number.NEGATIVE_INFINITY) return;
    const { index } = restarting;
    propose('restarted', { type: 'hostRestartOver', hostId: this.#hostId, index, cause: 'back' });
  }
}
