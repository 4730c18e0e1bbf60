/** `lock run`: a command that runs only while a lock is held. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeError, ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { UsageError } from '../arguments/usage-error.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { Deadline } from '../client/deadline.ts';
import { type Context, REQUEST_TIMEOUT_MS } from '../context.ts';
import { EXIT_CODES, ExitWith } from '../output/exit-codes.ts';
import { LockChild, StartFailure, signalExitCode } from './lock-child.ts';
import { type ClaimFlags, type ClaimRequest, claim, defaultHolder, type HeldClaim, readClaim } from './lock-claim.ts';

/** How long, in ms, to try to give a lock back that could not be renewed. */
const LAST_RELEASE_MS = 1_000;
/** Bounds, in ms, of the pause between two looks at the time. */
const LOOK_MS = [20, 1_000] as const;

/**
 * Ms of a clock that goes on while the host is suspended, which the process's own monotonic clock does not: a
 * command must not outlive its lock because the lid was closed.
 */
function bootTimeMs(): number {
  // Linux tells it as seconds with two decimals (proc(5)).
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]) * 1000;
}

/** The clock to count sessions by. */
function sessionClock(): () => number {
  try {
    if (Number.isFinite(bootTimeMs())) return bootTimeMs;
  } catch (error) {
    // Not on Linux, or no /proc: the process's own clock has to do.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
  return () => performance.now();
}

/** `lock run NAME -- COMMAND...`. */
export async function run(context: Context, args: readonly string[], flags: ClaimFlags): Promise<void> {
  context.refuseStale();
  const [name = '', ...argv] = args;
  if (argv.length === 0) throw new UsageError('say what to run: n3xctl lock run NAME -- COMMAND [ARGUMENT...]');
  const holder = flags.holder ?? `${defaultHolder()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const request = readClaim(name, holder, { ...flags, reason: flags.reason ?? (argv[0] ?? '').slice(0, 256) });
  const clock = sessionClock();
  const leaving = new AbortController();
  const { interrupted } = context.terminal;
  const signals = new Signals(leaving);
  const giveBack = context.terminal.takeSignals?.((signal) => signals.take(signal)) ?? (() => undefined);
  try {
    const held = await claim(context, request, clock, AbortSignal.any([leaving.signal, interrupted])).catch((error) => {
      if (signals.first !== undefined) throw new ExitWith(signalExitCode(signals.first));
      throw error;
    });
    throw new ExitWith(await new LockRun(context, request, clock, held, signals).run(argv));
  } finally {
    giveBack();
  }
}

/** Where signals to n3xctl go: before the command runs they end the wait, then they are the command's. */
class Signals {
  readonly #leaving: AbortController;
  #child: LockChild | undefined;
  /** The first that came before there was a command. */
  first: NodeJS.Signals | undefined;

  constructor(leaving: AbortController) {
    this.#leaving = leaving;
  }

  take(signal: NodeJS.Signals): void {
    if (this.#child !== undefined) {
      this.#child.signal(signal);
      return;
    }
    this.first ??= signal;
    this.#leaving.abort();
  }

  passTo(child: LockChild): void {
    this.#child = child;
  }
}

/** One command under its lock. */
class LockRun {
  readonly #context: Context;
  readonly #request: ClaimRequest;
  readonly #clock: () => number;
  readonly #token: number;
  readonly #signals: Signals;
  /** By when, on the clock, the command must have ended unless the claim is renewed. */
  #endMs: number;
  #renewAtMs: number;
  #renewing = false;
  /** Why the command may not go on. */
  #lost: string | undefined;
  /** Whether it was asked to end. */
  #told = false;
  /** Whether the claim is known to have ended. */
  #gone = false;

  constructor(context: Context, request: ClaimRequest, clock: () => number, held: HeldClaim, signals: Signals) {
    this.#context = context;
    this.#request = request;
    this.#clock = clock;
    this.#token = held.token;
    this.#signals = signals;
    this.#endMs = held.sentAtMs + held.answer.claim.holdMs;
    this.#renewAtMs = held.sentAtMs + request.ttlMs / 3;
  }

  /** Runs the command to its end and gives its exit code, or that of a lock that was lost. */
  async run(argv: readonly string[]): Promise<number> {
    const { env, cwd } = this.#context.terminal;
    const { name, holder, ttlMs } = this.#request;
    const own = { N3X_LOCK_NAME: name, N3X_LOCK_TOKEN: String(this.#token), N3X_LOCK_HOLDER: holder };
    let child: LockChild;
    try {
      child = await LockChild.start(argv, { ...env, ...own }, cwd);
    } catch (error) {
      await this.#release(REQUEST_TIMEOUT_MS);
      if (!(error instanceof StartFailure)) throw error;
      this.#context.note(`n3xctl: ${error.message}`);
      return error.exitCode;
    }
    this.#signals.passTo(child);
    // What came while it was started is its as well.
    if (this.#signals.first !== undefined) child.signal(this.#signals.first);
    const everyMs = Math.min(LOOK_MS[1], Math.max(LOOK_MS[0], ttlMs / 50));
    const looks = setInterval(() => this.#look(child), everyMs);
    const code = await child.ended;
    clearInterval(looks);
    // The command has ended; what it has left behind in its group may not go on either.
    if (this.#told) child.signal('SIGKILL');
    if (!this.#gone) await this.#release(this.#told ? LAST_RELEASE_MS : REQUEST_TIMEOUT_MS);
    if (this.#lost === undefined) return code;
    this.#context.note(`n3xctl: ${this.#lost}`);
    // What it did at the end it may have done without the lock: that must not look like success.
    return this.#told || code === 0 ? EXIT_CODES.lockLost : code;
  }

  /** Does what the time asks for: a renewal, a request to end, an end. */
  #look(child: LockChild): void {
    const { ttlMs } = this.#request;
    const left = this.#endMs - this.#clock();
    // A sixth of the session for an orderly end, and a fiftieth for the kernel to carry out a hard one.
    if (this.#lost === undefined && left <= ttlMs / 6) {
      const silent = `lock ${this.#request.name} could not be renewed in time`;
      this.#lost = `${silent}: the command was ended before somebody else may have it`;
    }
    if (this.#lost === undefined) {
      if (!this.#renewing && this.#clock() >= this.#renewAtMs) void this.#renew();
      return;
    }
    if (left <= ttlMs / 50) child.signal('SIGKILL');
    if (this.#told) return;
    this.#told = true;
    child.signal('SIGTERM');
    // One that was stopped with its group hears nothing until it goes on.
    child.signal('SIGCONT');
  }

  async #renew(): Promise<void> {
    const { name, holder, ttlMs } = this.#request;
    const sentAtMs = this.#clock();
    this.#renewing = true;
    try {
      const deadline = new Deadline(Math.max(1, this.#endMs - sentAtMs));
      const options = { deadline, params: { name }, body: { holder, token: this.#token } };
      const { claim } = await this.#context.client.call('renewLock', options);
      this.#endMs = sentAtMs + claim.holdMs;
      this.#renewAtMs = sentAtMs + ttlMs / 3;
    } catch (error) {
      if (error instanceof N3xError && error.code === ERROR_CODES.lockLost) this.#isGone(error);
      else if (!(error instanceof N3xError) && !(error instanceof ConnectionError)) throw error;
    } finally {
      this.#renewing = false;
    }
  }

  /** The cluster says that the claim has ended: somebody else may have the lock already. */
  #isGone(error: N3xError): void {
    this.#gone = true;
    this.#lost ??= error.message;
    this.#endMs = Math.min(this.#endMs, this.#clock() + this.#request.ttlMs / 6);
  }

  async #release(withinMs: number): Promise<void> {
    const { name, holder, ttlMs } = this.#request;
    try {
      const options = { deadline: new Deadline(withinMs), params: { name }, body: { holder, token: this.#token } };
      await this.#context.client.call('releaseLock', options);
    } catch (error) {
      if (error instanceof N3xError && error.code === ERROR_CODES.lockLost) this.#isGone(error);
      else if (error instanceof N3xError || error instanceof ConnectionError) {
        const when = `it goes by itself ${ttlMs / 1000} s after its last renewal`;
        this.#context.note(`n3xctl: lock ${name} could not be given back: ${describeError(error)}; ${when}`);
      } else throw error;
    }
  }
}
