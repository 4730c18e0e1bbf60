/**
 * Ends claims on locks that are not renewed. The leader counts on its monotonic clock, from the first tick after
 * it has seen the renewal applied; a new leader has seen none, so it lets every claim live a whole session. What
 * it decides names the renewal that it counted from, and `apply` refuses it when there was a later one.
 */
import type { ClusterState } from '../machine/state.ts';
import type { Lock, LockWaiter } from '../model/lock.ts';
import { leaderLimitMs } from '../model/lock-timing.ts';
import type { Decision } from './decision.ts';

/** A session as this leader counts it. */
interface Session {
  readonly name: string;
  readonly ticket: number;
  readonly renewedIndex: number;
  readonly limitMs: number;
  readonly seenAtMs: number;
  /** Null until time has been read after it was seen: the time at hand may be that of before a stall. */
  sinceMs: number | null;
}

/** The sessions of all claims, for as long as this host leads. */
export class LockExpiry {
  #sessions = new Map<number, Session>();
  #state: ClusterState | undefined;
  #version = -1;

  /** This host leads no more: what it counted is void. */
  clear(): void {
    this.#sessions = new Map();
    this.#state = undefined;
    this.#version = -1;
  }

  /** Claims that have outlived their sessions, those who wait first: a slot is not passed on to one who is gone. */
  plan(state: ClusterState, nowMs: number): Decision[] {
    this.#look(state, nowMs);
    const decisions: Decision[] = [];
    for (const session of this.#sessions.values()) {
      const { name, ticket, renewedIndex } = session;
      if (session.sinceMs === null && nowMs > session.seenAtMs) session.sinceMs = nowMs;
      if (session.sinceMs === null || nowMs - session.sinceMs < session.limitMs) continue;
      const command = { type: 'lockExpire', name, ticket, renewedIndex } as const;
      decisions.push({ type: 'command', key: `lock/${ticket}`, command });
    }
    return decisions;
  }

  /** Takes in what was claimed, renewed and ended since the last look. */
  #look(state: ClusterState, nowMs: number): void {
    if (state === this.#state && state.locksVersion === this.#version) return;
    this.#state = state;
    this.#version = state.locksVersion;
    const before = this.#sessions;
    this.#sessions = new Map();
    for (const lock of state.locks()) {
      for (const claim of lock.waiters) this.#count(lock, claim, before, nowMs);
      for (const claim of lock.holders) this.#count(lock, claim, before, nowMs);
    }
  }

  #count(
    { name }: Lock,
    { ticket, renewedIndex, ttlMs }: LockWaiter,
    before: ReadonlyMap<number, Session>,
    nowMs: number,
  ): void {
    const known = before.get(ticket);
    const session =
      known?.renewedIndex === renewedIndex
        ? known
        : { name, ticket, renewedIndex, limitMs: leaderLimitMs(ttlMs), seenAtMs: nowMs, sinceMs: null };
    this.#sessions.set(ticket, session);
  }
}
