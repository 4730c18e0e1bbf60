/** A command that runs while a lock is held: started, signalled, and ended in time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ERROR_CODES } from '@n3x/core/base/errors';
import { CommandFailure } from '../output/error-report.ts';

/** Exit codes of a shell for a command that cannot be run, and for one that is not there. */
const CANNOT_RUN = 126;
const NO_SUCH_COMMAND = 127;

/** The command could not be started. */
export class StartFailure extends CommandFailure {
  readonly exitCode: number;

  constructor(command: string, cause: NodeJS.ErrnoException) {
    const missing = cause.code === 'ENOENT';
    super(ERROR_CODES.invalid, `${command}: ${missing ? 'there is no such command' : 'cannot be run'}`, { cause });
    this.exitCode = missing ? NO_SUCH_COMMAND : CANNOT_RUN;
  }
}

/** Exit code of a process that a signal ended, as shells count it. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * A running command. It leads a process group of its own, so that a signal reaches all that it has started
 * and that has not left the group on purpose.
 */
export class LockChild {
  readonly #child: ChildProcess;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : signalExitCode(signal)));
    });
  }

  /** Starts a command with this process's standard streams. Rejects with {@link StartFailure}. */
  static async start(
    argv: readonly string[],
    env: Readonly<Record<string, string | undefined>>,
    cwd: string,
  ): Promise<LockChild> {
    const [command = '', ...args] = argv;
    const child = spawn(command, args, { env: { ...env }, cwd, stdio: 'inherit', detached: true });
    const started = new LockChild(child);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new StartFailure(command, error)));
    });
    return started;
  }

  /** Sends a signal to the whole group; whether there is anybody in it who may be signalled. */
  signal(signal: NodeJS.Signals): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      return process.kill(-pid, signal);
    } catch (error) {
      // All have ended, or all belong to another user.
      if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
      throw error;
    }
  }
}
