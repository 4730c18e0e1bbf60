/** The inputs of one daemon on their way into its loop: one after the other, and later for a process that is stalled. */
import type { LoopInput } from '@n3x/core/loop/input';

/** Inputs that a stalled process finds when it goes on; what comes on top is lost, as in a full socket buffer. */
const STALL_BACKLOG = 20_000;

/** The inputs of one daemon. */
export class Inbox {
  readonly #take: (input: LoopInput) => void;
  readonly #instead: (input: LoopInput) => readonly LoopInput[] | undefined;
  #isStalled = false;
  #backlog: LoopInput[] = [];
  /** Inputs that came while the loop was at work; it takes them next. */
  #next: LoopInput[] = [];
  #isBusy = false;

  /** `take` is given one at a time; `instead` may say what it is given for one, undefined for that one itself. */
  constructor(take: (input: LoopInput) => void, instead: (input: LoopInput) => readonly LoopInput[] | undefined) {
    this.#take = take;
    this.#instead = instead;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** What comes from now on waits. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Hands on what has waited. */
  resume(): void {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    for (const input of this.#backlog.splice(0)) this.put(input);
  }

  /** The process has ended: what waited goes with it. */
  clear(): void {
    this.#isStalled = false;
    this.#backlog = [];
    this.#next = [];
  }

  /** Hands an input on, or keeps it for later. */
  put(input: LoopInput): void {
    if (this.#isStalled) {
      if (this.#backlog.length < STALL_BACKLOG) this.#backlog.push(input);
      return;
    }
    const inputs = this.#instead(input);
    if (inputs !== undefined) this.#next.push(...inputs);
    else if (this.#isBusy) this.#next.push(input);
    if (this.#isBusy) return;
    this.#isBusy = true;
    if (inputs === undefined) this.#take(input);
    for (let one = this.#next.shift(); one !== undefined; one = this.#next.shift()) this.#take(one);
    this.#isBusy = false;
  }
}
