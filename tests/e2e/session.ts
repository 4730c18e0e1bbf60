/** A command that goes on until it is told to end: what it prints can be waited for, and it can be typed to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { until } from './until.ts';

/** A command under way. */
export class Session {
  readonly #child: ChildProcess;
  readonly #what: string;
  #printed = '';
  #complained = '';

  constructor(command: string, args: readonly string[]) {
    this.#what = args.slice(-3).join(' ');
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk) => {
      this.#printed += chunk;
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#complained += chunk;
    });
    // Typing to a command that has ended is not the failure: what it did not print is.
    this.#child.stdin?.on('error', () => undefined);
  }

  /** What it has printed so far. */
  get printed(): string {
    return this.#printed;
  }

  /** What it has printed to standard error so far. */
  get complained(): string {
    return this.#complained;
  }

  /** Waits until what it printed to either output matches. */
  async prints(pattern: RegExp, timeoutMs = 60_000): Promise<void> {
    await until(`"${this.#what}" prints ${pattern}`, timeoutMs, async () =>
      pattern.test(this.#printed + this.#complained),
    ).catch((error: unknown) => {
      throw new Error(`it printed: ${this.#printed.slice(-600)} ${this.#complained}`, { cause: error });
    });
  }

  /** Types. */
  types(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until it ends and gives its exit code, or the name of the signal that ended it. */
  async ended(timeoutMs = 20_000): Promise<number | string> {
    return until(
      `"${this.#what}" ends`,
      timeoutMs,
      async () => this.#child.exitCode ?? this.#child.signalCode ?? false,
    );
  }

  /** Interrupts it as Ctrl-C does. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** Ends it, whatever it does. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
