/** A host of real processes: a daemon that can be killed and stopped, and VMs that are shells with a child. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signalGroup } from '@n3x/agent/drivers/exec';
import { bootMs } from '@n3x/agent/drivers/fence/boot-clock';
import type { FenceOutcome } from '@n3x/core/ports/fence';
import type { Order } from './daemon-child.ts';
import type { FenceHost } from './suite.ts';

const CHILD = fileURLToPath(new URL('daemon-child.ts', import.meta.url));

type Answer =
  | { readonly type: 'done' }
  | { readonly type: 'armed'; readonly deadlineMs: number; readonly outcome: FenceOutcome };

/** Its parts are put together by `create`. */
export class RealHost implements FenceHost {
  readonly base: string;
  readonly #kind: 'direct' | 'systemd';
  readonly #environment: NodeJS.ProcessEnv;
  #daemon: ChildProcess | null = null;
  #waiting: ((answer: Answer) => boolean)[] = [];

  private constructor(base: string, kind: 'direct' | 'systemd', environment: NodeJS.ProcessEnv) {
    this.base = base;
    this.#kind = kind;
    this.#environment = environment;
  }

  /** A host with a running daemon; `prepare` fills its directory and gives variables for the daemon. */
  static async create(
    kind: 'direct' | 'systemd',
    prepare: (base: string) => Promise<NodeJS.ProcessEnv> = async () => ({}),
  ): Promise<RealHost> {
    const base = await mkdtemp(join(tmpdir(), 'n3x-fence-'));
    const host = new RealHost(base, kind, await prepare(base));
    await host.#startDaemon();
    return host;
  }

  now(): number {
    return bootMs();
  }

  async arm(deadlineMs: number): Promise<FenceOutcome> {
    const answer = this.#expect((said) => said.type === 'armed' && said.deadlineMs === deadlineMs);
    this.#tell({ type: 'arm', deadlineMs });
    const said = await answer;
    if (said.type !== 'armed') throw new Error(said.type);
    return said.outcome;
  }

  async startVm(name: string, fenced: boolean): Promise<void> {
    const answer = this.#expect((said) => said.type === 'done');
    this.#tell({ type: 'start', name, fenced });
    await answer;
  }

  async runs(name: string): Promise<boolean> {
    const pid = await this.pid(name).catch(() => undefined);
    if (pid === undefined) return false;
    const group = String(pid);
    for (const entry of await pids()) {
      const { state, leader } = await stateOf(entry);
      if (leader === group && !'ZX'.includes(state)) return true;
    }
    return false;
  }

  /** Process id of a VM. */
  async pid(name: string): Promise<number> {
    return Number(await readFile(join(this.base, `${name}.pid`), 'utf8'));
  }

  async loseDaemon(how: 'killed' | 'stopped'): Promise<void> {
    // The whole process group, as a terminal or a careless script would.
    signalGroup(this.#daemon?.pid, how === 'killed' ? 'SIGKILL' : 'SIGSTOP');
  }

  /** A stopped daemon goes on. */
  resume(): void {
    signalGroup(this.#daemon?.pid, 'SIGCONT');
  }

  /** Ends the daemon in order. */
  async close(fencedRun: boolean): Promise<void> {
    const answer = this.#expect((said) => said.type === 'done');
    this.#tell({ type: 'close', fencedRun });
    await answer;
    await this.#end();
  }

  async nextDaemon(): Promise<void> {
    await this.close(true);
    await this.#startDaemon();
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async stop(): Promise<void> {
    await this.#end();
    for (const name of ['a', 'b', 'bystander', 'late']) {
      const pid = await this.pid(name).catch(() => 0);
      if (await this.runs(name)) signalGroup(pid, 'SIGKILL');
    }
    // A watchdog that finds its directory gone would count to the last deadline it knows.
    for (const pid of await this.watchdogs()) signalGroup(pid, 'SIGKILL');
    await rm(this.base, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Process ids of the watchdogs of this host. */
  async watchdogs(): Promise<number[]> {
    const found: number[] = [];
    for (const pid of await pids()) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (!line.includes('watchdog.sh') || !line.includes(this.base)) continue;
      // What it starts looks like itself until its exec; it leads a group, and they do not.
      if ((await stateOf(pid)).leader === pid) found.push(Number(pid));
    }
    return found;
  }

  #tell(order: Order): void {
    this.#daemon?.send(order);
  }

  #expect(wanted: (answer: Answer) => boolean): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.push((answer) => {
        if (!wanted(answer)) return false;
        resolve(answer);
        return true;
      });
    });
  }

  async #startDaemon(): Promise<void> {
    const ready = this.#expect((said) => said.type === 'done');
    const daemon = fork(CHILD, [this.#kind, this.base], {
      env: { ...process.env, ...this.#environment },
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    daemon.on('message', (answer: Answer) => {
      const taker = this.#waiting.findIndex((waiting) => waiting(answer));
      if (taker >= 0) this.#waiting.splice(taker, 1);
    });
    this.#daemon = daemon;
    await ready;
  }

  async #end(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = null;
    if (daemon === null || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    signalGroup(daemon.pid, 'SIGKILL');
    await gone;
  }
}

async function pids(): Promise<string[]> {
  return (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
}

/** State of a process, X when there is none, and the leader of its group (proc_pid_stat(5)). */
async function stateOf(pid: string): Promise<{ state: string; leader: string | undefined }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state = 'X', , leader] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: state === '' ? 'X' : state, leader };
}
