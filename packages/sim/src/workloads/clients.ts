/**
 * The clients of a world. Each does one operation after the other: it sends it to some host, and when that
 * host is down, has no quorum or takes too long, the same request with the same id to another. Now and then
 * one is impatient and asks a second host while the first still works on it.
 */
import type { Random } from '@n3x/core/base/random';
import type { Trace } from '../trace/trace.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';
import type { History, Recorded } from './history.ts';
import {
  type Answer,
  type Operation,
  type ReadResult,
  readObject,
  type ScriptedOperation,
  type Workload,
} from './operation.ts';

/** How long a host may take over a request, in ms. */
const TIMEOUT_MS = 5_000;
/** How long a client waits for any answer before it goes to another host: a stalled host gives none. */
const PATIENCE_MS = 6_000;
/** Of a hundred attempts, how many are broken off early, after at most so many ms. */
const BROKEN_OFF_PERCENT = 2;
const BROKEN_OFF_MS = 2_000;
/** Pause before another host is tried, in ms. */
const RETRY_MS = 100;
/** Of a thousand operations, how many are sent to two hosts at once. */
const IMPATIENT_PERMILLE = 30;
/** Attempts after which a client goes on to other things; whether the operation took effect may then be unknown. */
const ATTEMPTS_MAX = 6;
/** Of ten operations, how many are given up after one to three attempts. */
const GIVEN_UP = 3;

/** All clients of one run. */
export class Clients {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #random: Random;
  readonly #history: History;
  readonly #trace: Trace;
  #stopping = false;
  #busy = 0;
  #sequence = 1;

  constructor(world: World, workload: Workload, random: Random, history: History, trace: Trace) {
    this.#world = world;
    this.#workload = workload;
    this.#random = random;
    this.#history = history;
    this.#trace = trace;
  }

  /** Clients in the middle of an operation. */
  get busy(): number {
    return this.#busy;
  }

  /** Starts them all, with operations of their own choice or those of a `script`. */
  start(script?: readonly ScriptedOperation[]): void {
    if (script !== undefined) {
      const startedAtMs = this.#world.timeline.nowMs;
      for (const number of new Set(script.map(({ client }) => client))) {
        const mine = script.filter(({ client }) => client === number).sort((a, b) => a.atMs - b.atMs);
        new Client(this, number, this.#random.fork(`client/${number}`)).play(mine, startedAtMs);
      }
      return;
    }
    for (let number = 1; number <= this.#workload.clients; number++) {
      new Client(this, number, this.#random.fork(`client/${number}`)).rest();
    }
  }

  /** No client begins anything new. What is under way is tried until it succeeds. */
  finish(): void {
    this.#stopping = true;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  get world(): World {
    return this.#world;
  }

  get workload(): Workload {
    return this.#workload;
  }

  /** A number that no other operation has. */
  next(): number {
    return this.#sequence++;
  }

  /** An operation begins. */
  begin(client: number, operation: Operation, requestId: string): Recorded {
    this.#busy++;
    this.#trace.record({ type: 'invoke', client, host: '', text: `${requestId} ${label(operation)}` });
    return this.#history.invoke(client, operation, requestId, this.#world.timeline.nowMs);
  }

  /** An operation ends, with an answer or without. */
  end(recorded: Recorded, answer: Answer | undefined, host: string): void {
    this.#busy--;
    const text = `${recorded.requestId} ${answerText(answer)}`;
    this.#trace.record({ type: 'return', client: recorded.client, host, text });
    if (answer === undefined) this.#history.abandon(recorded, this.#world.timeline.nowMs);
    else this.#history.return(recorded, answer, this.#world.timeline.nowMs);
  }
}

/** One client. */
class Client {
  readonly #all: Clients;
  readonly #number: number;
  readonly #random: Random;
  readonly #reads = new Map<string, ReadResult>();

  constructor(all: Clients, number: number, random: Random) {
    this.#all = all;
    this.#number = number;
    this.#random = random;
  }

  /** Does nothing for a while, then the next operation. */
  rest(): void {
    const { pauseMs } = this.#all.workload;
    this.#all.world.timeline.after(this.#random.below(2 * pauseMs + 1), () => {
      if (!this.#all.stopping) this.#operate();
    });
  }

  /** Does the operations of a script, one after the other. */
  play([next, ...rest]: readonly ScriptedOperation[], startedAtMs: number): void {
    if (next === undefined) return;
    this.#all.world.timeline.at(startedAtMs + next.atMs, () => {
      if (!this.#all.stopping) this.#attempt(next.operation, next.requestId, () => this.play(rest, startedAtMs));
    });
  }

  #operate(): void {
    const sequence = this.#all.next();
    const operation = this.#all.workload.next({
      random: this.#random,
      sequence,
      lastRead: (object) => this.#reads.get(object),
    });
    this.#attempt(operation, `c${this.#number}.${sequence}`, () => this.rest());
  }

  #attempt(operation: Operation, requestId: string, then: () => void): void {
    // Draws for one operation shift nothing in the next, so that a script can do without some.
    const random = this.#random.fork(requestId);
    const recorded = this.#all.begin(this.#number, operation, requestId);
    const attempts = new Attempts(this.#all, random, recorded, (answer, host) => {
      if (answer?.type === 'read') this.#reads.set(operation.object, answer.found);
      this.#all.end(recorded, answer, host);
      then();
    });
    attempts.next();
    if (random.below(1_000) < IMPATIENT_PERMILLE) attempts.next();
  }
}

/** The attempts at one operation. */
class Attempts {
  readonly #all: Clients;
  readonly #random: Random;
  readonly #recorded: Recorded;
  readonly #done: (answer: Answer | undefined, host: string) => void;
  readonly #limit: number;
  #last: SimulatedHost | undefined;
  #count = 0;
  #open = 0;
  #isOver = false;
  /** Whether some attempt may have taken effect. */
  #isUnknown = false;

  constructor(
    all: Clients,
    random: Random,
    recorded: Recorded,
    done: (answer: Answer | undefined, host: string) => void,
  ) {
    this.#all = all;
    this.#random = random;
    this.#recorded = recorded;
    this.#done = done;
    this.#limit = random.below(10) < GIVEN_UP ? 1 + random.below(3) : ATTEMPTS_MAX;
  }

  /** Sends it to some host, unless it is over. */
  next(): void {
    if (this.#isOver) return;
    this.#count++;
    this.#open++;
    const host = this.#choose();
    let isOpen = true;
    const close = (settle: () => void): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#open--;
      if (!this.#isOver) settle();
    };
    const failed = (isUnknown: boolean): void =>
      close(() => {
        this.#isUnknown ||= isUnknown;
        this.#retry();
      });
    const answered = (answer: Answer): void => close(() => this.#over(answer, host?.name ?? ''));
    const leave = host === undefined ? undefined : this.#send(host, answered, failed);
    if (leave === undefined) {
      // Nobody took it: it cannot have had an effect.
      failed(false);
      return;
    }
    const brokenOff = this.#random.below(100) < BROKEN_OFF_PERCENT;
    this.#all.world.timeline.after(brokenOff ? this.#random.below(BROKEN_OFF_MS) : PATIENCE_MS, () => {
      if (!isOpen) return;
      leave();
      failed(true);
    });
  }

  /** Any host that is up; one time in four the same as before. */
  #choose(): SimulatedHost | undefined {
    const up = this.#all.world.hosts.filter((host) => host.isUp);
    const again = this.#random.below(4) === 0 && this.#last?.isUp === true;
    if (!again) this.#last = up[this.#random.below(Math.max(1, up.length))];
    return this.#last;
  }

  #send(
    host: SimulatedHost,
    answered: (answer: Answer) => void,
    failed: (isUnknown: boolean) => void,
  ): (() => void) | undefined {
    const { operation, requestId } = this.#recorded;
    if (operation.type === 'read') {
      return host.read(TIMEOUT_MS, (outcome) => {
        const state = host.loop?.state;
        if (outcome?.type !== 'ready' || state === undefined) failed(false);
        else answered({ type: 'read', found: readObject(state, operation.object) });
      });
    }
    return host.command(requestId, operation.command, TIMEOUT_MS, (outcome) => {
      if (outcome?.type === 'result') answered({ type: 'written', result: outcome.result });
      else failed(outcome === undefined || outcome.failure.outcome === 'unknown');
    });
  }

  #retry(): void {
    if (this.#open > 0) return;
    if (this.#count < this.#limit || (this.#all.stopping && this.#limit === ATTEMPTS_MAX)) {
      this.#all.world.timeline.after(RETRY_MS + this.#random.below(RETRY_MS), () => {
        this.next();
      });
      return;
    }
    // A read without an answer says nothing; neither does a write that every host has sworn off.
    this.#over(this.#isUnknown ? undefined : { type: 'none' }, '');
  }

  #over(answer: Answer | undefined, host: string): void {
    this.#isOver = true;
    this.#done(answer, host);
  }
}

function label(operation: Operation): string {
  return operation.type === 'read'
    ? `read ${operation.object}`
    : `${operation.command.type} ${operation.object}${operation.expected === undefined ? '' : ' if unchanged'}`;
}

function answerText(answer: Answer | undefined): string {
  if (answer === undefined) return 'unknown';
  if (answer.type === 'none') return 'no effect';
  if (answer.type === 'read') return `found ${JSON.stringify(answer.found)}`;
  const { result } = answer;
  return result.ok
    ? `ok at ${result.index}${result.changed ? '' : ', unchanged'}`
    : `${result.error.code} at ${result.index}`;
}
