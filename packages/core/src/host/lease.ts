/**
 * The lease of one host, as the host counts it: short, from when it sent the renewal, on its own boot clock. It
 * holds only once the dead-man's switch is armed for its end, and once the state is as new as the leader's was when
 * it granted it, so that the host knows of all that was given to others before. Lost with the process: what runs is
 * then still watched by the switch, and nothing is started before a lease of this run.
 */
import type { LeaseGrantMessage, LeaseRenewMessage } from '../wire/peer-message.ts';

/** Renewals that are remembered without an answer. */
const UNANSWERED_MAX = 64;
/** Time, in ms, between two requests while there is no lease. */
const RETRY_MS = 500;

/** How the lease stands: all times are of the boot clock, in ms. */
export interface LeaseState {
  readonly nowMs: number;
  /** Until when what is fenced may run. */
  readonly untilMs: number;
  /** Why the dead-man's switch did not arm the last time; null when it did. */
  readonly problem: string | null;
}

/** What the reconciler may rest on. */
export interface LeaseView extends LeaseState {
  /** VMs whose process the switch has ended, and nothing has started since. */
  readonly ended: ReadonlySet<string>;
}

/** A grant that is to count. */
interface Granted {
  readonly index: number;
  readonly deadlineMs: number;
}

/** The lease of one run of a host's daemon. All times are of the host's boot clock, in ms. */
export class HostLease {
  readonly #bootId: string;
  /** When each request was sent. */
  readonly #sentAt = new Map<number, number>();
  #sequence = 0;
  #lastSentMs: number | null = null;
  #renewMs = RETRY_MS;
  /** The latest grant, by its deadline. */
  #granted: Granted | null = null;
  /** The deadline that the switch was asked for and has not answered. */
  #arming: number | null = null;
  #armedMs = Number.NEGATIVE_INFINITY;
  #problem: string | null = null;

  /** `bootId` names this run. */
  constructor(bootId: string) {
    this.#bootId = bootId;
  }

  /** Until when what is fenced may run, as far as the switch is armed for it: it may be in the past. */
  get untilMs(): number {
    return this.#armedMs;
  }

  /** Why the switch could not be armed the last time; null when it could. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The next request, if it is time for one. It has to be sent at once. */
  renew(nowMs: number): LeaseRenewMessage | undefined {
    // What is granted need not be armed: a host without fenced VMs has no use for the switch, and need not hurry.
    const heldMs = Math.max(this.#armedMs, this.#granted?.deadlineMs ?? Number.NEGATIVE_INFINITY);
    const everyMs = nowMs < heldMs ? this.#renewMs : Math.min(this.#renewMs, RETRY_MS);
    if (this.#lastSentMs !== null && nowMs - this.#lastSentMs < everyMs) return undefined;
    this.#lastSentMs = nowMs;
    const sequence = ++this.#sequence;
    this.#sentAt.set(sequence, nowMs);
    if (this.#sentAt.size > UNANSWERED_MAX) {
      for (const oldest of this.#sentAt.keys()) {
        this.#sentAt.delete(oldest);
        break;
      }
    }
    return { type: 'leaseRenew', bootId: this.#bootId, sequence };
  }

  /** There is another leader: it is asked at once. */
  hurry(): void {
    this.#lastSentMs = null;
  }

  /** The leader's answer. */
  granted({ bootId, sequence, index, holdMs, renewMs }: LeaseGrantMessage): void {
    const sentAtMs = this.#sentAt.get(sequence);
    if (bootId !== this.#bootId || sentAtMs === undefined) return;
    for (const earlier of this.#sentAt.keys()) if (earlier <= sequence) this.#sentAt.delete(earlier);
    this.#renewMs = renewMs;
    const deadlineMs = sentAtMs + holdMs;
    if (deadlineMs > (this.#granted?.deadlineMs ?? Number.NEGATIVE_INFINITY)) this.#granted = { index, deadlineMs };
  }

  /** A longer lease was promised by the entry at `index`: it ends at `deadlineMs`, whatever is granted besides. */
  promised(index: number, deadlineMs: number): void {
    if (deadlineMs > (this.#granted?.deadlineMs ?? Number.NEGATIVE_INFINITY)) this.#granted = { index, deadlineMs };
  }

  /** Whether the switch is still to be armed for this deadline: neither done nor failed. */
  awaits(deadlineMs: number): boolean {
    return this.#granted?.deadlineMs === deadlineMs && this.#armedMs < deadlineMs;
  }

  /**
   * The deadline to arm the switch for now; undefined when it is as it should be. `appliedIndex` is where the state
   * stands. One request at a time.
   */
  wantsArmed(appliedIndex: number, nowMs: number): number | undefined {
    const granted = this.#granted;
    if (granted === null || this.#arming !== null || granted.index > appliedIndex) return undefined;
    if (granted.deadlineMs <= this.#armedMs || granted.deadlineMs <= nowMs) return undefined;
    this.#arming = granted.deadlineMs;
    return granted.deadlineMs;
  }

  /** The switch has answered. */
  armed(deadlineMs: number, problem: string | null): void {
    if (this.#arming === deadlineMs) this.#arming = null;
    this.#problem = problem;
    if (problem === null) this.#armedMs = Math.max(this.#armedMs, deadlineMs);
    // The grant is void rather than tried again at once: the next one comes soon.
    else if (this.#granted?.deadlineMs === deadlineMs) this.#granted = null;
  }
}
