/** The clients of one simulated host: what they wait for, and the rule that each is answered once and in time. */
import type { LoopInput } from '@n3x/core/loop/input';
import type { ClientPort, CommandOutcome, ReadOutcome } from '@n3x/core/ports/client';
import { Violation } from './observer.ts';

/** Requests of which it is remembered that they were answered. */
const ANSWERED_KEPT = 4_096;

/** Name of the rule: each request of a client is answered once, by its deadline. */
export const ANSWERED_ONCE = 'S2 answered-once';

/** What a client asks for. */
export type AskedCommand = Extract<LoopInput, { type: 'command' }>['command'];

/** Called once: with undefined when the daemon ends first. */
export type CommandDone = (outcome: CommandOutcome | undefined) => void;
export type ReadDone = (outcome: ReadOutcome | undefined) => void;

/** Answers that a client waits for. */
interface Waiting {
  readonly requestId: string;
  /** By the host's monotonic clock. */
  readonly deadlineMs: number;
  readonly done: CommandDone;
}

/** The clients of one host. */
export class HostClients implements ClientPort {
  readonly #hostName: string;
  readonly #input: (input: LoopInput) => void;
  readonly #onAnswer: (requestId: string, outcome: CommandOutcome) => void;
  readonly #commands = new Map<number, Waiting>();
  readonly #reads = new Map<number, ReadDone>();
  /** Commands that have their answer. */
  readonly #answered = new Set<number>();
  #nextRequest = 1;

  /** `onAnswer` is told of each answer to a command before its client is. */
  constructor(
    hostName: string,
    input: (input: LoopInput) => void,
    onAnswer: (requestId: string, outcome: CommandOutcome) => void,
  ) {
    this.#hostName = hostName;
    this.#input = input;
    this.#onAnswer = onAnswer;
  }

  /** Hands in a command; answers the way to go away without waiting for the answer. */
  command(requestId: string, command: AskedCommand, deadlineMs: number, done: CommandDone): () => void {
    const id = this.#nextRequest++;
    this.#commands.set(id, { requestId, deadlineMs, done });
    this.#input({ type: 'command', id, requestId, command, deadlineMs });
    return () => {
      if (this.#commands.delete(id)) this.#input({ type: 'cancel', id });
    };
  }

  /** Hands in a read; as {@link command}. */
  read(deadlineMs: number, done: ReadDone): () => void {
    const id = this.#nextRequest++;
    this.#reads.set(id, done);
    this.#input({ type: 'read', id, deadlineMs });
    return () => {
      if (this.#reads.delete(id)) this.#input({ type: 'cancel', id });
    };
  }

  /** The daemon has ended: nobody gets an answer any more. */
  lose(): void {
    const lost = [...[...this.#commands.values()].map((waiting) => waiting.done), ...this.#reads.values()];
    this.#commands.clear();
    this.#reads.clear();
    for (const done of lost) done(undefined);
  }

  /** Throws {@link Violation} for a command that should have its answer by now. */
  checkDeadlines(nowMs: number): void {
    for (const { requestId, deadlineMs } of this.#commands.values()) {
      if (deadlineMs >= nowMs) continue;
      throw new Violation(ANSWERED_ONCE, `${this.#hostName} has not answered request ${requestId} by its deadline`);
    }
  }

  commandDone(id: number, outcome: CommandOutcome): void {
    const waiting = this.#commands.get(id);
    this.#commands.delete(id);
    if (waiting === undefined) {
      if (!this.#answered.has(id)) return;
      throw new Violation(ANSWERED_ONCE, `${this.#hostName} answers request ${id} of its clients a second time`);
    }
    this.#answered.add(id);
    if (this.#answered.size > ANSWERED_KEPT) {
      const [oldest = 0] = this.#answered;
      this.#answered.delete(oldest);
    }
    this.#onAnswer(waiting.requestId, outcome);
    waiting.done(outcome);
  }

  readDone(id: number, outcome: ReadOutcome): void {
    const done = this.#reads.get(id);
    this.#reads.delete(id);
    done?.(outcome);
  }

  changed(): void {
    // The clients of the simulator watch nothing.
  }

  reset(): void {
    // As above.
  }
}
