/** The one place that starts other programs: argument arrays (never a shell), time limits, output limits. */
import { type ChildProcess, spawn } from 'node:child_process';

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; without it, {@link childEnvironment}. */
  readonly env?: NodeJS.ProcessEnv;
  /** After this many ms the program's process group is killed. */
  readonly timeoutMs: number;
  /** Bytes kept of each stream; of a longer one the end is kept. Default 1 MiB. */
  readonly keepBytes?: number;
  /** Sees everything the program prints, as it comes. */
  readonly onOutput?: (chunk: Uint8Array, stream: 'stdout' | 'stderr') => void;
  /** Kills the program's process group. */
  readonly signal?: AbortSignal;
  /** Standard input: nothing, or a pipe that stays open until the program ends. */
  readonly stdin?: 'none' | 'open';
  /** Whom it runs as; the daemon's own user without it. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** How a program ended. */
export interface RunResult {
  /** Exit code; null when a signal ended it or it never started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it printed, at most the kept bytes. */
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Why it could not be started, such as `ENOENT`. */
  readonly spawnError?: string;
}

/** Runs programs; tests may put another one in its place. */
export type Exec = (argv: readonly [string, ...string[]], options: RunOptions) => Promise<RunResult>;

const KEEP_BYTES = 1_048_576;

/**
 * What systemd tells the daemon about itself (sd_notify(3), sd_listen_fds(3), systemd.exec(5)). A program that inherits it
 * speaks in the daemon's name: the runner of cloud-hypervisor would hand on its guest's `READY` and `STOPPING`.
 */
const OWN_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'INVOCATION_ID',
  'JOURNAL_STREAM',
  'MAINPID',
];

/** The daemon's environment as other programs may have it, with some variables set. */
export function childEnvironment(variables: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const name of OWN_VARIABLES) delete environment[name];
  return { ...environment, ...variables };
}

/** Runs a program to its end. Never rejects: what went wrong is in the result. */
export const exec: Exec = (argv, options) => {
  const keep = options.keepBytes ?? KEEP_BYTES;
  const [command, ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? childEnvironment(),
      stdio: [options.stdin === 'open' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      // A group of its own, so that all of it can be ended.
      detached: true,
      ...(options.user === undefined ? {} : options.user),
    });
    const out = { stdout: new Tail(keep), stderr: new Tail(keep) };
    let timedOut = false;
    let spawnError: string | undefined;
    const killGroup = () => signalGroup(child.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, options.timeoutMs);
    options.signal?.addEventListener('abort', killGroup, { once: true });
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (chunk: Buffer) => {
        out[name].add(chunk);
        options.onOutput?.(chunk, name);
      });
    }
    // A program that ends without reading its input is no error.
    child.stdin?.on('error', () => child.stdin?.destroy());
    child.on('error', (error: NodeJS.ErrnoException) => {
      spawnError = error.code ?? error.message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', killGroup);
      resolve({
        code: spawnError === undefined ? code : null,
        signal,
        stdout: out.stdout.text(),
        stderr: out.stderr.text(),
        timedOut,
        ...(spawnError === undefined ? {} : { spawnError }),
      });
    });
    if (options.signal?.aborted === true) killGroup();
  });
};

/** A program that goes on when the daemon ends. */
export interface DetachedOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** File descriptors for standard input, output and error. */
  readonly stdio: readonly [number, number, number];
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Starts a program in a session of its own. Resolves once it runs; rejects with the system's error when it cannot. */
export function execDetached(argv: readonly [string, ...string[]], options: DetachedOptions): Promise<ChildProcess> {
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: [...options.stdio],
    detached: true,
    ...(options.user === undefined ? {} : options.user),
  });
  child.unref();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      child.removeListener('error', reject);
      child.on('error', () => child.unref());
      resolve(child);
    });
  });
}

/** Signals the process group led by `pid`; false when there is none any more. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): boolean {
  // 0 and 1 would mean the daemon's own group and every process.
  if (pid === undefined || pid <= 1) return false;
  return send(-pid, signal);
}

/** Signals one process; false when it has ended already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  if (pid <= 1) return false;
  return send(pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The end of a stream of bytes, within a limit. */
export class Tail {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#chunks.length > 1 && this.#bytes - (this.#chunks[0]?.length ?? 0) >= this.#limit) {
      this.#bytes -= this.#chunks.shift()?.length ?? 0;
    }
  }

  /** The kept bytes as UTF-8. */
  text(): string {
    return Buffer.concat(this.#chunks).subarray(-this.#limit).toString('utf8');
  }
}
