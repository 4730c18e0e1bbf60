/**
 * Runs a host's loop in real time: feeds it ticks and completions, flushes it once per turn of the event
 * loop, and turns its answers into promises.
 */
import { ERROR_CODES, type ErrorCode, N3xError } from '@n3x/core/base/errors';
import type { ServedVolume, VolumeRequest } from '@n3x/core/host/volume-serving';
import { HostLoop, type LoopStatus } from '@n3x/core/loop/host-loop';
import { type LoopInput, restsOnClock } from '@n3x/core/loop/input';
import type { LoopOptions } from '@n3x/core/loop/options';
import type { RestartLeaseState } from '@n3x/core/loop/restart-lease';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { ObjectChange } from '@n3x/core/model/object';
import type { ClientFailure, ClientPort, CommandOutcome, ReadOutcome } from '@n3x/core/ports/client';
import type { Ports } from '@n3x/core/ports/ports';
import type { StoredState } from '@n3x/core/ports/storage';
import type { ChangeListener, RequestOptions } from '../api/backend.ts';
import { bootMs } from '../drivers/fence/boot-clock.ts';
import { ChangeHistory } from './change-history.ts';

/** Changes kept for watches that resume. */
const HISTORY_LIMIT = 16_384;
/** Part of a request's time that is kept back, so that the answer arrives before its client gives up. */
const ANSWER_MARGIN_MS = 250;

/** Monotonic time in ms. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: N3xError) => void;
}

/** A running loop. */
export class LoopShell implements ClientPort {
  readonly #loop: HostLoop;
  readonly #tickMs: number;
  readonly #leased: boolean;
  readonly #commands = new Map<number, Waiter<CommandResult & { ok: true }>>();
  readonly #reads = new Map<number, Waiter<number>>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #history: ChangeHistory;
  #nextId = 1;
  #flushScheduled = false;
  #timer: NodeJS.Timeout | null = null;
  #wake: NodeJS.Timeout | null = null;
  #stopped = false;

  /** `ports` lacks only the client's, which is this. */
  constructor(options: LoopOptions, ports: Omit<Ports, 'client'>, stored: StoredState) {
    this.#tickMs = options.tickMs;
    this.#leased = options.reads === 'lease';
    this.#history = new ChangeHistory(HISTORY_LIMIT, stored.applied.index);
    this.#loop = new HostLoop(options, { ...ports, client: this }, stored);
  }

  get state(): ClusterState {
    return this.#loop.state;
  }

  /** Whether another host may read a volume of this one, by what this one knows now. */
  mayServe(readerId: number, request: VolumeRequest): ServedVolume {
    return this.#loop.mayServe(readerId, request);
  }

  get status(): LoopStatus {
    return this.#loop.status;
  }

  /** How far the longer lease is that the input `restarting` asks for. */
  get restartLease(): RestartLeaseState {
    return this.#loop.restartLease;
  }

  /** Starts the clock. */
  start(): void {
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
  }

  /** Stops the clock and fails every request that waits. Nothing leaves the loop after this. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#wake !== null) clearTimeout(this.#wake);
    const error = new N3xError(
      ERROR_CODES.unreachable,
      'this n3xd is stopping: ask another host, or again in a moment',
    );
    for (const waiter of [...this.#commands.values(), ...this.#reads.values()]) waiter.reject(error);
    this.#commands.clear();
    this.#reads.clear();
    for (const listener of this.#listeners) listener.reset(this.#loop.status.appliedIndex);
    this.#listeners.clear();
  }

  /** Hands the loop an input; it is acted on before the event loop waits for I/O again. */
  handle(input: LoopInput): void {
    if (this.#stopped) return;
    if (restsOnClock(input, this.#leased)) this.#loop.clock(bootMs());
    this.#loop.handle(input);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      if (this.#stopped) return;
      // Read after all that came in: a local read rests on a time that is later than its own.
      if (this.#leased) this.#loop.clock(bootMs());
      this.#loop.flush();
      this.#armWake();
    });
  }

  /** Makes a command take effect once. Rejects with the error it was refused with, or why it got no answer. */
  command(command: Command, options: RequestOptions): Promise<CommandResult & { ok: true }> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#commands.set(id, { resolve, reject });
      this.#cancelOn(options.signal, id, reject);
      this.handle({
        type: 'command',
        id,
        requestId: options.requestId,
        command,
        deadlineMs: deadline(options.timeoutMs),
      });
    });
  }

  /** Waits until the state holds everything that was committed when this was called. */
  readBarrier(options: Omit<RequestOptions, 'requestId'>): Promise<number> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#reads.set(id, { resolve, reject });
      this.#cancelOn(options.signal, id, reject);
      this.handle({ type: 'read', id, deadlineMs: deadline(options.timeoutMs) });
    });
  }

  /** Changes after `from`, or null when they are no longer kept. */
  changesSince(from: number): readonly ObjectChange[] | null {
    return this.#history.since(from);
  }

  /** Calls `listener` with every change from now on; gives the way to end that. */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  commandDone(id: number, outcome: CommandOutcome): void {
    const waiter = this.#commands.get(id);
    this.#commands.delete(id);
    if (waiter === undefined) return;
    if (outcome.type === 'failure') waiter.reject(failureError(outcome.failure));
    else if (outcome.result.ok) waiter.resolve(outcome.result);
    else {
      const { code, message, details } = outcome.result.error;
      waiter.reject(new N3xError(code, message, details === undefined ? {} : { details: { ...details } }));
    }
  }

  readDone(id: number, outcome: ReadOutcome): void {
    const waiter = this.#reads.get(id);
    this.#reads.delete(id);
    if (waiter === undefined) return;
    if (outcome.type === 'ready') waiter.resolve(outcome.index);
    else waiter.reject(failureError(outcome.failure));
  }

  changed(changes: readonly ObjectChange[]): void {
    this.#history.add(changes);
    for (const listener of this.#listeners) listener.changed(changes);
  }

  reset(index: number): void {
    this.#history.reset(index);
    for (const listener of this.#listeners) listener.reset(index);
  }

  #tick(): void {
    this.handle({ type: 'tick', nowMs: monotonicMs(), wallMs: Date.now() });
  }

  /** One timer at a time: a loop that is awake often needs no wake for each time. */
  #armWake(): void {
    const wakeMs = this.#loop.wakeMs;
    if (wakeMs === null || this.#wake !== null) return;
    this.#wake = setTimeout(() => {
      this.#wake = null;
      this.handle({ type: 'wake' });
    }, wakeMs);
  }

  #cancelOn(signal: AbortSignal, id: number, reject: (error: N3xError) => void): void {
    if (this.#stopped) {
      this.#commands.delete(id);
      this.#reads.delete(id);
      reject(new N3xError(ERROR_CODES.unreachable, 'this n3xd is stopping: ask another host, or again in a moment'));
      return;
    }
    const cancel = (): void => {
      if (!this.#commands.delete(id) && !this.#reads.delete(id)) return;
      this.handle({ type: 'cancel', id });
      reject(new N3xError(ERROR_CODES.timeout, 'the client went away', { details: { outcome: 'unknown' } }));
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  }
}

function deadline(timeoutMs: number): number {
  return monotonicMs() + Math.max(timeoutMs / 2, timeoutMs - ANSWER_MARGIN_MS);
}

/** The error a client gets for a request that had no answer. */
function failureError(failure: ClientFailure): N3xError {
  const after =
    failure.outcome === 'none'
      ? 'the request had no effect'
      : 'the request may still take effect: look whether it did, or send it again with the same request id';
  const [code, what]: [ErrorCode, string] = (() => {
    switch (failure.code) {
      case 'noQuorum':
        return [ERROR_CODES.noQuorum, 'no quorum: this host reaches no leader that a majority of the servers follows'];
      case 'timeout':
        return [ERROR_CODES.timeout, 'timed out before the cluster answered'];
      case 'overloaded':
        return [ERROR_CODES.overloaded, 'too many requests wait on this host: try again later'];
      case 'stopped':
        return [ERROR_CODES.unreachable, 'this n3xd is stopping'];
    }
  })();
  return new N3xError(code, `${what}; ${after}`, { details: { outcome: failure.outcome } });
}
