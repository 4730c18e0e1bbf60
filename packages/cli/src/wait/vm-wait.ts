/** `--wait`: follows a VM until it is where the command wants it. */
import type { VmView } from '@n3x/core/api/schemas';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { ConnectionError } from '../client/connection-error.ts';
import { Deadline } from '../client/deadline.ts';
import { readText } from '../client/http.ts';
import { watch } from '../client/watch.ts';
import { type Context, REQUEST_TIMEOUT_MS, WAIT_TIMEOUT_MS } from '../context.ts';
import { CommandFailure } from '../output/error-report.ts';
import { type Progress, startProgress } from './progress.ts';
import { judge, stateText, type Verdict, type VmBaseline, type VmGoal } from './vm-verdict.ts';

export type { VmGoal } from './vm-verdict.ts';

/** Lines of a log shown after a failure. */
const LOG_LINES = 40;
/** How long, in ms, to look for a log that explains a failure. */
const LOG_MS = 3_000;

/** What is waited for. */
export interface VmWait {
  readonly goal: VmGoal;
  /** The VM as the change left it. */
  readonly vm: VmView;
  readonly deadline: Deadline;
}

/** The deadlines of a command that may wait: of its request, and of the whole. */
export function waitDeadlines(
  context: Context,
  waits: boolean,
): { readonly request: Deadline; readonly whole: Deadline } {
  const whole = context.deadline(waits ? WAIT_TIMEOUT_MS : REQUEST_TIMEOUT_MS);
  return { request: context.timeoutMs === undefined ? context.requestDeadline() : whole, whole };
}

/**
 * Waits until the VM has reached its goal and gives its last state; of a VM that went, the last one seen. Rejects
 * with `CommandFailure`: timed out, failed with the end of its log, or overtaken by somebody else's wish.
 */
export async function waitForVm(context: Context, wait: VmWait): Promise<VmView> {
  const progress = startProgress(context.terminal.stderr, context.quiet);
  const limit = wait.deadline.signal();
  const signal = AbortSignal.any([limit.signal, context.terminal.interrupted]);
  try {
    return await new VmFollower(context, wait, progress, signal).run();
  } finally {
    limit.stop();
    progress.stop();
  }
}

class VmFollower {
  readonly #context: Context;
  readonly #wait: VmWait;
  readonly #progress: Progress;
  readonly #signal: AbortSignal;
  readonly #baseline: VmBaseline;
  #last: VmView;

  constructor(context: Context, wait: VmWait, progress: Progress, signal: AbortSignal) {
    this.#context = context;
    this.#wait = wait;
    this.#progress = progress;
    this.#signal = signal;
    this.#baseline = wait.vm;
    this.#last = wait.vm;
  }

  async run(): Promise<VmView> {
    while (!this.#signal.aborted) {
      if (await this.#round()) return this.#last;
    }
    const { name } = this.#wait.vm;
    if (this.#context.terminal.interrupted.aborted) {
      throw new CommandFailure(ERROR_CODES.timeout, `interrupted while waiting for vm ${name}`);
    }
    const seconds = this.#wait.deadline.spanMs / 1000;
    throw new CommandFailure(
      ERROR_CODES.timeout,
      `vm ${name} is not ${this.#wait.goal} after ${seconds} s: ${stateText(this.#last)}`,
      { hint: `it goes on without you: n3xctl vm show ${name}`, details: { phase: this.#last.phase } },
    );
  }

  /** Looks when the watch stands, and after every change that matters. Gives false when it must begin anew. */
  async #round(): Promise<boolean> {
    const { name } = this.#wait.vm;
    const changes = watch(this.#context.client, {
      query: { kinds: 'vm,host' },
      signal: this.#signal,
      patienceMs: this.#wait.deadline.remainingMs(),
      onConnection: (connected) => {
        if (!connected) this.#progress.update(`${name}: connection to n3xd lost, looking for another`);
      },
    });
    let looked = false;
    for await (const line of changes) {
      if (line.type === 'relist') return false;
      // A bookmark says that the watch stands, also on another host: what changes after this look will be told.
      const mark = line.type === 'bookmark' || !looked;
      looked = true;
      const own = (line.type === 'changed' || line.type === 'removed') && line.kind === 'vm' && line.name === name;
      // A change of its host shows in the VM as well: that is how it gets lost.
      const host = line.type === 'changed' && line.kind === 'host' && line.name === this.#last.hostName;
      if ((mark || own || host) && (await this.#look())) return true;
    }
    return false;
  }

  /** Reads the VM and judges it. Gives true when the goal is reached. */
  async #look(): Promise<boolean> {
    const { goal, deadline } = this.#wait;
    const { name } = this.#wait.vm;
    let verdict: Verdict;
    try {
      const vm = await this.#context.client.call('getVm', {
        deadline: deadline.passed ? new Deadline(1) : deadline,
        params: { name },
        query: { consistency: 'linearizable' },
      });
      if (vm.uid === this.#baseline.uid) this.#last = vm;
      verdict = judge(goal, this.#baseline, vm);
    } catch (error) {
      if (error instanceof N3xError && error.code === ERROR_CODES.notFound) {
        if (goal === 'gone') return true;
        throw new CommandFailure(ERROR_CODES.notFound, `vm ${name} was deleted by somebody else`, { cause: error });
      }
      // The deadline is told by the one who waits, with the reason.
      if (error instanceof N3xError && error.code === ERROR_CODES.timeout && deadline.passed) return false;
      throw error;
    }
    switch (verdict.type) {
      case 'reached':
        return true;
      case 'waiting':
        this.#progress.update(`${name}: ${verdict.text}`);
        return false;
      case 'overtaken':
        throw new CommandFailure(ERROR_CODES.conflict, `gave up waiting for vm ${name}: ${verdict.text}`);
      case 'failed': {
        const again = this.#last.phase === 'failed' ? 'n3x tries again by itself; ' : '';
        throw new CommandFailure(ERROR_CODES.driver, `vm ${name} failed: ${verdict.text}`, {
          ...(await this.#logEnd(verdict.log)),
          details: { phase: this.#last.phase, reason: this.#last.status.reason },
          hint: `${again}n3xctl vm logs ${name}${verdict.log === 'build' ? ' --build' : ''} shows more`,
        });
      }
    }
  }

  /** The end of the log that explains a failure; nothing when there is none to be had. */
  async #logEnd(kind: 'build' | 'console'): Promise<{ log?: string }> {
    try {
      const answer = await this.#context.client.stream('getVmLogs', {
        params: { name: this.#wait.vm.name },
        query: { kind, lines: LOG_LINES },
        signal: AbortSignal.timeout(LOG_MS),
        openMs: LOG_MS,
      });
      return { log: await readText(answer) };
    } catch (error) {
      // The failure itself is what must be told; a log that cannot be had only leaves its explanation out.
      if (error instanceof N3xError || error instanceof ConnectionError) return {};
      throw error;
    }
  }
}
