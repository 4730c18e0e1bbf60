/** Probes the guest of one running process until it is ready, and on from there where readiness can be lost. */
import type { DriverVm } from '@n3x/core/ports/driver';
import { pause } from './console-log.ts';
import { isLasting, type ProbeContext, probe } from './readiness.ts';

/** Pauses between two attempts, in ms: short at first, so that a guest that boots fast is seen at once. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
const PAUSE_GROWTH = 1.2;
/** Pause between two looks at a ready guest. */
const READY_PAUSE_MS = 5000;
/** Failed looks in a row after which a guest that was ready no longer is. */
const LOST_AFTER = 3;

/** What a loop needs. */
export interface ProbeLoopOptions {
  readonly vm: DriverVm;
  readonly context: ProbeContext;
  /** Told at each change. `lasting`: it holds as long as the process. */
  readonly onChange: (ready: boolean, lasting: boolean) => void;
  readonly onError: (error: unknown) => void;
}

/** A loop under way. */
export class ProbeLoop {
  readonly #abort = new AbortController();

  constructor(options: ProbeLoopOptions) {
    void this.#run(options);
  }

  /** Ends the loop; it reports nothing more. */
  stop(): void {
    this.#abort.abort();
  }

  async #run({ vm, context, onChange, onError }: ProbeLoopOptions): Promise<void> {
    const { signal } = this.#abort;
    let ready = false;
    let failures = 0;
    let wait = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      let answer = false;
      try {
        answer = await probe(vm, context);
      } catch (error) {
        onError(error);
      }
      if (signal.aborted) return;
      failures = answer ? 0 : failures + 1;
      if (answer && !ready) {
        ready = true;
        onChange(true, isLasting(vm));
        if (isLasting(vm)) return;
      } else if (ready && failures >= LOST_AFTER) {
        ready = false;
        wait = FIRST_PAUSE_MS;
        onChange(false, false);
      }
      wait = Math.min(LONGEST_PAUSE_MS, wait * PAUSE_GROWTH);
      await pause(ready && failures === 0 ? READY_PAUSE_MS : wait, signal);
    }
  }
}
