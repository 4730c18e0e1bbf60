/**
 * Commands that the loop itself proposes: reports of its host, decisions of the leader's controllers. They
 * are level-triggered, so nothing waits for them: what was lost is simply decided again.
 */
import type { Command } from '../machine/command.ts';

/** A command of the loop's own, ready to be proposed. */
export interface OwnProposal {
  readonly requestId: string;
  readonly command: Command;
}

/** What is under way, by a key that names the decision. Bounded by the number of different keys offered at once. */
export class OwnProposals {
  readonly #prefix: string;
  readonly #limit: number;
  readonly #keyOf = new Map<string, string>();
  readonly #underWay = new Map<string, { requestId: string; sinceMs: number }>();
  #queue: OwnProposal[] = [];
  #next = 1;

  /** `prefix` makes the request ids unique over hosts and restarts; at most `limit` are under way at once. */
  constructor(prefix: string, limit: number) {
    this.#prefix = prefix;
    this.#limit = limit;
  }

  /** Queues `command` unless one with the same key is under way. */
  offer(key: string, command: Command, nowMs: number): void {
    if (this.#underWay.has(key) || this.#underWay.size >= this.#limit) return;
    const requestId = `${this.#prefix}.${this.#next++}`;
    this.#underWay.set(key, { requestId, sinceMs: nowMs });
    this.#keyOf.set(requestId, key);
    this.#queue.push({ requestId, command });
  }

  /** Keys of what is under way now. */
  keys(): ReadonlySet<string> {
    return new Set(this.#underWay.keys());
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  /** Hands over what is to be proposed now. */
  take(): OwnProposal[] {
    const taken = this.#queue;
    this.#queue = [];
    return taken;
  }

  /** A command was applied, ours or not; true when it was one of ours. */
  applied(requestId: string): boolean {
    const key = this.#keyOf.get(requestId);
    if (key === undefined) return false;
    this.#keyOf.delete(requestId);
    this.#underWay.delete(key);
    return true;
  }

  /** Forgets what was proposed before `beforeMs` and never seen applied, so that it can be decided again. */
  expire(beforeMs: number): void {
    for (const [key, { requestId, sinceMs }] of this.#underWay) {
      if (sinceMs > beforeMs) continue;
      this.#underWay.delete(key);
      this.#keyOf.delete(requestId);
      this.#queue = this.#queue.filter((proposal) => proposal.requestId !== requestId);
    }
  }

  /** Forgets all: the office or the facts they came from are gone. */
  clear(): void {
    this.#underWay.clear();
    this.#keyOf.clear();
    this.#queue = [];
  }
}
