/**
 * The requests of this host's clients that have no answer yet: commands on their way through the log, and
 * reads on their way to a quorum. Bounded, and every one is answered exactly once.
 */
import type { Command, CommandResult } from '../machine/command.ts';
import type { ClientFailure, ClientPort } from '../ports/client.ts';

/** A command that waits for its result. */
export interface PendingCommand {
  readonly id: number;
  readonly requestId: string;
  readonly command: Command;
  readonly deadlineMs: number;
  readonly receivedAtMs: number;
  /** When it was last handed to Raft; null before the first time. */
  proposedAtMs: number | null;
  /** Whether it waits to be handed to Raft. */
  queued: boolean;
}

/** A read that waits for its index. */
export interface PendingRead {
  readonly id: number;
  readonly deadlineMs: number;
  readonly receivedAtMs: number;
}

/** Why and when waiting requests fail. */
export interface ExpiryView {
  readonly nowMs: number;
  readonly wallMs: number;
  /** Since when, in monotonic ms, no leader with a quorum is known; null while one is. */
  readonly noQuorumSinceMs: number | null;
  readonly noQuorumGraceMs: number;
}

/** Commands by request id. Two clients may wait for the same one: both get its result. */
export class PendingCommands {
  readonly #client: ClientPort;
  readonly #limit: number;
  readonly #byRequest = new Map<string, PendingCommand[]>();
  readonly #byId = new Map<number, PendingCommand>();
  #unproposed: PendingCommand[] = [];

  constructor(client: ClientPort, limit: number) {
    this.#client = client;
    this.#limit = limit;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Takes a command, or answers `overloaded` at once. */
  add(request: Omit<PendingCommand, 'proposedAtMs' | 'queued'>): void {
    if (this.#byId.size >= this.#limit) {
      this.#client.commandDone(request.id, { type: 'failure', failure: { code: 'overloaded', outcome: 'none' } });
      return;
    }
    const pending: PendingCommand = { ...request, proposedAtMs: null, queued: false };
    this.#byId.set(pending.id, pending);
    const waiting = this.#byRequest.get(pending.requestId);
    if (waiting !== undefined) {
      pending.proposedAtMs = waiting[0]?.proposedAtMs ?? null;
      waiting.push(pending);
      return;
    }
    this.#byRequest.set(pending.requestId, [pending]);
    this.#queue(pending);
  }

  /** Hands over what is to be proposed now; the caller gives back what could not be with {@link putBack}. */
  takeUnproposed(): PendingCommand[] {
    const taken = this.#unproposed.filter((pending) => this.#byId.has(pending.id));
    this.#unproposed = [];
    for (const pending of taken) pending.queued = false;
    return taken;
  }

  /** These were not proposed after all. */
  putBack(pending: readonly PendingCommand[]): void {
    for (const one of pending) one.queued = true;
    this.#unproposed = [...pending, ...this.#unproposed];
  }

  get hasUnproposed(): boolean {
    return this.#unproposed.length > 0;
  }

  /** Queues again, under their request ids, what was proposed before `beforeMs`; all of it when a leader was lost. */
  proposeAgain(beforeMs: number): void {
    for (const waiting of this.#byRequest.values()) {
      const first = waiting[0];
      if (first === undefined || first.proposedAtMs === null || first.proposedAtMs > beforeMs) continue;
      this.#queue(first);
    }
  }

  /** A command was applied: whoever waits for it gets the result. */
  applied(requestId: string, result: CommandResult): void {
    const waiting = this.#byRequest.get(requestId);
    if (waiting === undefined) return;
    this.#byRequest.delete(requestId);
    for (const pending of waiting) {
      this.#byId.delete(pending.id);
      this.#client.commandDone(pending.id, { type: 'result', result });
    }
  }

  /** Fails what is past its deadline, and what has waited its grace for a quorum. */
  expire(view: ExpiryView): void {
    for (const pending of this.#byId.values()) {
      const code = expiryCode(pending, view);
      if (code === null) continue;
      // Whoever waits for the same request may have proposed it.
      const waiting = this.#byRequest.get(pending.requestId) ?? [pending];
      const proposed = waiting.some((other) => other.proposedAtMs !== null);
      this.#fail(pending, { code, outcome: proposed ? 'unknown' : 'none' });
    }
  }

  /** The client has gone. What was proposed may still take effect. */
  cancel(id: number): void {
    const pending = this.#byId.get(id);
    if (pending !== undefined) this.#forget(pending);
  }

  #fail(pending: PendingCommand, failure: ClientFailure): void {
    this.#forget(pending);
    this.#client.commandDone(pending.id, { type: 'failure', failure });
  }

  #forget(pending: PendingCommand): void {
    this.#byId.delete(pending.id);
    const waiting = this.#byRequest.get(pending.requestId);
    if (waiting === undefined) return;
    const rest = waiting.filter((other) => other.id !== pending.id);
    if (rest.length === 0) this.#byRequest.delete(pending.requestId);
    else this.#byRequest.set(pending.requestId, rest);
    const next = rest[0];
    // Whoever else waits for the same request takes over its turn, or what has come of it.
    for (const other of rest) other.proposedAtMs ??= pending.proposedAtMs;
    if (next !== undefined && pending.proposedAtMs === null) this.#queue(next);
  }

  #queue(pending: PendingCommand): void {
    if (pending.queued) return;
    pending.queued = true;
    this.#unproposed.push(pending);
  }
}

function expiryCode(
  pending: { deadlineMs: number; receivedAtMs: number },
  view: ExpiryView,
): ClientFailure['code'] | null {
  const { noQuorumSinceMs: since, nowMs } = view;
  if (nowMs >= pending.deadlineMs) return since === null ? 'timeout' : 'noQuorum';
  if (since === null) return null;
  return nowMs - Math.max(since, pending.receivedAtMs) >= view.noQuorumGraceMs ? 'noQuorum' : null;
}

/** Times that a batch was asked for and whose answers still count. */
const CONTEXTS_MAX = 16;

/**
 * Reads in batches: all that came while one batch was under way form the next, so any number of readers
 * cost one round of heartbeats (thesis section 6.4).
 */
export class PendingReads {
  readonly #client: Pick<ClientPort, 'readDone'>;
  readonly #limit: number;
  #waiting: PendingRead[] = [];
  #asked: { contexts: string[]; reads: PendingRead[]; askedAtMs: number; again: boolean } | null = null;
  /** Answered by the leader at `index`, waiting for it to be applied here. */
  #confirmed: { index: number; reads: PendingRead[] }[] = [];

  constructor(client: Pick<ClientPort, 'readDone'>, limit: number) {
    this.#client = client;
    this.#limit = limit;
  }

  get size(): number {
    let size = this.#waiting.length + (this.#asked?.reads.length ?? 0);
    for (const group of this.#confirmed) size += group.reads.length;
    return size;
  }

  /** Takes a read, or answers `overloaded` at once. */
  add(read: PendingRead): void {
    if (this.size >= this.#limit) {
      this.#client.readDone(read.id, { type: 'failure', failure: { code: 'overloaded', outcome: 'none' } });
      return;
    }
    this.#waiting.push(read);
  }

  /** Whether a batch could be asked for now. */
  get ready(): boolean {
    return this.#asked === null ? this.#waiting.length > 0 : this.#asked.again;
  }

  /** The next batch, or the last one again, goes out under `context`. */
  ask(context: string, nowMs: number): void {
    const asked = this.#asked;
    if (asked === null) {
      this.#asked = { contexts: [context], reads: this.#waiting, askedAtMs: nowMs, again: false };
      this.#waiting = [];
      return;
    }
    asked.contexts = [...asked.contexts.slice(1 - CONTEXTS_MAX), context];
    asked.askedAtMs = nowMs;
    asked.again = false;
  }

  /**
   * The batch was not answered by `beforeMs`, or its leader is gone: it is to be asked for again. The answer to an
   * earlier time is as good, since all its reads were there by then: where answers take longer than it takes
   * until one asks again, no other would ever come in time.
   */
  askAgain(beforeMs: number): void {
    if (this.#asked !== null && this.#asked.askedAtMs <= beforeMs) this.#asked.again = true;
  }

  /** The leader answered. Answers to batches that are answered already are ignored. */
  confirmed(context: string, index: number): void {
    if (this.#asked === null || !this.#asked.contexts.includes(context)) return;
    this.#confirmed.push({ index, reads: this.#asked.reads });
    this.#asked = null;
  }

  /** The state holds everything up to `index`. */
  applied(index: number): void {
    if (this.#confirmed.length === 0) return;
    const rest: { index: number; reads: PendingRead[] }[] = [];
    for (const group of this.#confirmed) {
      if (group.index > index) rest.push(group);
      else for (const read of group.reads) this.#client.readDone(read.id, { type: 'ready', index });
    }
    this.#confirmed = rest;
  }

  /** Fails what is past its deadline, and what has waited its grace for a quorum. */
  expire(view: ExpiryView): void {
    if (this.#waiting.length === 0 && this.#asked === null && this.#confirmed.length === 0) return;
    const keep = (read: PendingRead): boolean => {
      const code = expiryCode(read, view);
      if (code === null) return true;
      this.#client.readDone(read.id, { type: 'failure', failure: { code, outcome: 'none' } });
      return false;
    };
    this.#waiting = this.#waiting.filter(keep);
    this.#keepAsked(keep);
    for (const group of this.#confirmed) group.reads = group.reads.filter(keep);
    this.#confirmed = this.#confirmed.filter((group) => group.reads.length > 0);
  }

  /** The client has gone. */
  cancel(id: number): void {
    const keep = (read: PendingRead): boolean => read.id !== id;
    this.#waiting = this.#waiting.filter(keep);
    this.#keepAsked(keep);
    for (const group of this.#confirmed) group.reads = group.reads.filter(keep);
  }

  #keepAsked(keep: (read: PendingRead) => boolean): void {
    if (this.#asked === null) return;
    this.#asked.reads = this.#asked.reads.filter(keep);
    if (this.#asked.reads.length === 0) this.#asked = null;
  }
}
