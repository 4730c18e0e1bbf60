/**
 * S4 for locks, seen from outside: from what clients believe by their own clocks, from what the log gives them,
 * and from what a resource takes that compares fencing tokens. Nothing here asks the code that is judged.
 */
import type { ObjectChange } from '@n3x/core/model/object';
import { Violation } from '../world/observer.ts';

/** Names of the rules. */
export const LOCK_LIMIT = 'S4 lock-limit';
export const LOCK_TOKENS = 'S4 lock-tokens';
export const LOCK_FENCING = 'S4 lock-fencing';

/** One who believes to hold a lock. */
interface Belief {
  readonly token: number;
  /** True time, in ms, until which it does, by its own count. */
  readonly untilMs: number;
}

/** What is known of one lock. */
interface Seen {
  /** Holders by the log, with their tokens. */
  holders: ReadonlyMap<string, number>;
  /** The largest token that the log has given. */
  token: number;
  readonly beliefs: Map<string, Belief>;
  /** Holders whose claims an operator has broken or was about to: what they believe no longer counts. */
  readonly broken: Set<string>;
}

/** Judges holders and tokens. */
export class LockRules {
  readonly #locks = new Map<string, Seen>();
  readonly #slots = new Map<string, number>();
  #now: () => number = () => 0;
  #grants = 0;

  /** Slots that the log has given. */
  get grants(): number {
    return this.#grants;
  }

  /** How many may hold each lock, as its users have agreed; `now` is true time in ms. */
  expect(slots: ReadonlyMap<string, number>, now: () => number): void {
    this.#now = now;
    for (const [name, count] of slots) this.#slots.set(name, count);
  }

  #seen(name: string): Seen {
    let seen = this.#locks.get(name);
    if (seen === undefined) {
      seen = { holders: new Map(), token: 0, beliefs: new Map(), broken: new Set() };
      this.#locks.set(name, seen);
    }
    return seen;
  }

  /** An entry was applied for the first time anywhere. */
  applied(changes: readonly ObjectChange[]): void {
    for (const { kind, name, object, index } of changes) {
      if (kind !== 'lock') continue;
      const seen = this.#seen(name);
      const holders = new Map<string, number>();
      for (const { holder, token } of object?.kind === 'lock' ? object.holders : []) {
        holders.set(holder, token);
        if (seen.holders.get(holder) === token) continue;
        this.#grants++;
        if (token <= seen.token || token > index) {
          throw new Violation(
            LOCK_TOKENS,
            `lock ${name} gave ${holder} token ${token} at ${index}, after ${seen.token}`,
          );
        }
        seen.token = token;
      }
      seen.holders = holders;
      this.#judge(name, seen, `at index ${index}`);
    }
  }

  /** A client was told that it holds the lock, and will stop by itself at `untilMs` of true time. */
  believes(name: string, holder: string, token: number, untilMs: number): void {
    const seen = this.#seen(name);
    const before = seen.beliefs.get(holder);
    if (before !== undefined && before.token !== token) {
      throw new Violation(LOCK_TOKENS, `${holder} was told token ${before.token} of lock ${name}, then ${token}`);
    }
    seen.beliefs.set(holder, { token, untilMs });
    this.#judge(name, seen, `when ${holder} was told`);
  }

  /** A client has stopped: it gives the lock back, or is dead. */
  ends(name: string, holder: string): void {
    this.#seen(name).beliefs.delete(holder);
  }

  /** Somebody is about to break a claim, which its holder need not know. */
  breaks(name: string, holder: string): void {
    this.#seen(name).broken.add(holder);
  }

  /** No more than its slots: those of the log, and those who believe it and whose own count is not over. */
  #judge(name: string, seen: Seen, when: string): void {
    const slots = this.#slots.get(name);
    if (slots === undefined) return;
    const nowMs = this.#now();
    const all = [...seen.holders.keys()];
    for (const [holder, { untilMs }] of seen.beliefs) {
      if (untilMs <= nowMs) seen.beliefs.delete(holder);
      else if (!seen.holders.has(holder) && !seen.broken.has(holder)) all.push(holder);
    }
    if (all.length <= slots) return;
    throw new Violation(LOCK_LIMIT, `lock ${name} has slots: ${slots}, and ${when} holders: ${all.join(', ')}`);
  }
}

/** What a lock protects: it refuses every token that is smaller than the largest it has seen. */
export class FencedResource {
  readonly #name: string;
  readonly #done = new Set<string>();
  #token = 0;
  #writer: string | undefined;
  #taken = 0;
  #refused = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Writes that it took. */
  get taken(): number {
    return this.#taken;
  }

  /** Writes that came too late. */
  get refused(): number {
    return this.#refused;
  }

  /** Somebody writes; whether it was taken. */
  write(writer: string, token: number): boolean {
    if (token < this.#token) {
      this.#refused++;
      return false;
    }
    this.#token = token;
    this.#taken++;
    if (writer === this.#writer) return true;
    if (this.#done.has(writer)) {
      throw new Violation(LOCK_FENCING, `${this.#name}: ${writer} with token ${token} writes between others' writes`);
    }
    if (this.#writer !== undefined) this.#done.add(this.#writer);
    this.#writer = writer;
    return true;
  }
}
