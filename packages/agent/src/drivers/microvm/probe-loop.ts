/** Asks the guest of one running process until it is ready, and from then on whether it is well. */
import { healthOf, healthProbe } from '@n3x/core/model/care';
import type { DriverVm } from '@n3x/core/ports/driver';
import { pause } from './console-log.ts';
import { type Answer, ask, type ProbeContext } from './probe.ts';

/** Pauses between two attempts, in ms: short at first, so that a guest that boots fast is seen at once. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
const PAUSE_GROWTH = 1.2;
/** A text that changes alone is news once in this time, in ms: each is a line in the cluster's log. */
const SAID_EVERY_MS = 10_000;

/** How the guest of one process does. */
export interface Condition {
  /** It has been seen ready. */
  readonly ready: boolean;
  readonly unhealthy: boolean;
  /** What the probe that decides last said against it; absent while nothing is wrong, or nothing was said for long. */
  readonly said?: string;
}

/** The condition of a guest that nobody has asked. */
export const UNASKED: Condition = { ready: false, unhealthy: false };

/** What a loop needs. */
export interface ProbeLoopOptions {
  readonly vm: DriverVm;
  readonly context: ProbeContext;
  /** What is known of this process from before. */
  readonly from: Condition;
  /** Start of the process: wall clock, ms. */
  readonly startedAtMs: number;
  /** Told at each change. */
  readonly onChange: (condition: Condition) => void;
  readonly onError: (error: unknown) => void;
}

/** A loop under way. */
export class ProbeLoop {
  readonly #options: ProbeLoopOptions;
  readonly #abort = new AbortController();
  #condition: Condition;
  #saidAtMs: number;

  constructor(options: ProbeLoopOptions) {
    this.#options = options;
    this.#condition = options.from;
    // What a guest says while it boots is of no interest at first.
    this.#saidAtMs = Date.now();
    void this.#run();
  }

  /** How the guest does. */
  get condition(): Condition {
    return this.#condition;
  }

  /** Ends the loop; it reports nothing more. */
  stop(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { vm } = this.#options;
    const wasReady = this.#condition.ready;
    if (!wasReady) await this.#untilReady();
    const probe = healthProbe(vm.spec);
    if (probe === undefined || this.#abort.signal.aborted) return;
    // Who has answered the same question just now need not be asked at once.
    const answered = !wasReady && JSON.stringify(probe) === JSON.stringify(vm.spec.readiness);
    await this.#whileItRuns(answered);
  }

  async #untilReady(): Promise<void> {
    const { signal } = this.#abort;
    const { readiness } = this.#options.vm.spec;
    for (let wait = FIRST_PAUSE_MS; !signal.aborted; wait = Math.min(LONGEST_PAUSE_MS, wait * PAUSE_GROWTH)) {
      const answer = await this.#ask(readiness);
      if (signal.aborted) return;
      if (answer.ok) {
        this.#become({ ready: true, unhealthy: false });
        return;
      }
      this.#said(answer.said);
      await pause(wait, signal);
    }
  }

  async #whileItRuns(answered: boolean): Promise<void> {
    const { vm, startedAtMs } = this.#options;
    const { signal } = this.#abort;
    const health = healthOf(vm.spec);
    const probe = healthProbe(vm.spec);
    if (probe === undefined) return;
    /** Whether it was ever well: failures before that count only once its time to start up is over. */
    let wasWell = answered;
    let failures = 0;
    let successes = 0;
    if (answered) await pause(health.intervalSeconds * 1000, signal);
    while (!signal.aborted) {
      const answer = await this.#ask(probe);
      if (signal.aborted) return;
      if (answer.ok) {
        wasWell = true;
        failures = 0;
        successes += 1;
        if (this.#condition.unhealthy && successes >= health.successes) this.#become({ ready: true, unhealthy: false });
      } else {
        successes = 0;
        if (wasWell || Date.now() - startedAtMs >= vm.spec.readyTimeoutSeconds * 1000) failures += 1;
        if (this.#condition.unhealthy) this.#said(answer.said);
        else if (failures >= health.failures) this.#become({ ready: true, unhealthy: true, said: answer.said });
      }
      await pause(health.intervalSeconds * 1000, signal);
    }
  }

  async #ask(probe: DriverVm['spec']['readiness']): Promise<Answer> {
    const { vm, context, onError } = this.#options;
    try {
      return await ask(probe, vm, context, healthOf(vm.spec).timeoutSeconds * 1000);
    } catch (error) {
      onError(error);
      return { ok: false, said: 'it cannot be asked, see the log of n3xd' };
    }
  }

  #said(said: string): void {
    if (said === this.#condition.said || Date.now() - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#become({ ...this.#condition, said });
  }

  #become(condition: Condition): void {
    this.#condition = condition;
    this.#saidAtMs = Date.now();
    this.#options.onChange(condition);
  }
}
