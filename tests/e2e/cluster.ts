/**
 * A cluster of real n3xd processes on loopback, for tests: each has its own data directory, identity,
 * socket and port. Every process started here is ended by `destroy`, whatever happened.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { signalProcess } from '@n3x/agent/drivers/exec';
import { testPort } from '@n3x/agent/transport/test-port';
import { run as runCli } from '@n3x/cli/program';
import { processesIn } from './processes.ts';
import { Session } from './session.ts';
import { Ended, until } from './until.ts';

export { until };

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const N3XD = join(ROOT, 'packages/agent/bin/n3xd.mjs');
const N3XCTL = join(ROOT, 'packages/cli/bin/n3xctl.mjs');
/** The flake of the guest that runs anywhere. */
export const GUEST = join(ROOT, 'examples/tiny-guest');

/** What a run of a command gave. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, bounded in time. */
export function run(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; env?: Record<string, string> } = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout, stderr });
    });
  });
}

/** Runs n3xd to its end, for what it answers without going up. */
export function n3xd(args: readonly string[]): Promise<Run> {
  return run(process.execPath, [N3XD, ...args]);
}

/** One n3xd. */
export class Host {
  readonly name: string;
  readonly directory: string;
  readonly socket: string;
  readonly port: number;
  /** Where other hosts are told to reach it: a relay's port, or its own when undefined. */
  announcedPort: number | undefined;
  /** What it builds with, when it is not the `nix` in `PATH`. */
  nixBinary: string | undefined;
  #child: ChildProcess | null = null;

  constructor(name: string, directory: string, port: number) {
    this.name = name;
    this.directory = directory;
    this.socket = join(directory, 'n3xd.sock');
    this.port = port;
  }

  get config(): string {
    return join(this.directory, 'n3xd.toml');
  }

  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  /** State directory of the microVMs. */
  get stateDirectory(): string {
    return join(this.directory, 'microvms');
  }

  /** Directory of the roots that keep runners from Nix's garbage collection. */
  get rootsDirectory(): string {
    return join(this.directory, 'gcroots');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Writes its configuration; `extra` is appended as TOML. */
  async configure(extra = ''): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    await writeFile(
      this.config,
      `name = "${this.name}"
data_dir = "${this.dataDirectory}"
role = "server"
${extra}
[listen]
addresses = ["/ip4/127.0.0.1/tcp/${this.port}"]
${this.announcedPort === undefined ? '' : `announce = ["/ip4/127.0.0.1/tcp/${this.announcedPort}"]`}
[api]
socket = "${this.socket}"
[microvm]
state_dir = "${this.stateDirectory}"
gcroots_dir = "${this.rootsDirectory}"
supervisor = "direct"
[nix]
${this.nixBinary === undefined ? '' : `binary = "${this.nixBinary}"`}
nixpkgs = "path:${GUEST}"
microvm = "path:${GUEST}"
extra_config = """
sandbox = false
build-users-group =
substituters =
"""
[log]
format = "json"
`,
    );
  }

  /** Starts it and waits until its API answers. */
  async start(): Promise<void> {
    this.spawn();
    await until(`${this.name} answers`, 60_000, async () => {
      if (!this.running) throw new Ended(`n3xd of ${this.name} ended: ${await this.log()}`);
      return (await this.json<{ n3xd: string | null }>(['version'])).n3xd !== null;
    });
  }

  /** Starts it without waiting. */
  spawn(): void {
    // Straight into the file: once it has ended, all that it said is there.
    const log = openSync(join(this.directory, 'n3xd.log'), 'a');
    this.#child = spawn(process.execPath, [N3XD, '--config', this.config], {
      stdio: ['ignore', 'ignore', log],
      env: { ...process.env },
    });
    closeSync(log);
  }

  /** What it logged. */
  async log(): Promise<string> {
    return readFile(join(this.directory, 'n3xd.log'), 'utf8').catch(() => '');
  }

  /** Sends a signal; with SIGKILL and SIGTERM waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === null || !this.running) return null;
    if (signal !== 'SIGKILL' && signal !== 'SIGTERM') {
      child.kill(signal);
      return null;
    }
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return ended;
  }

  /** Waits for it to end by itself. */
  async exited(timeoutMs: number): Promise<number | null> {
    await until(`${this.name} ends`, timeoutMs, async () => !this.running);
    return this.#child?.exitCode ?? null;
  }

  /** Runs n3xctl against this host. */
  ctl(args: readonly string[], options: { timeoutMs?: number } = {}): Promise<Run> {
    return run(process.execPath, [N3XCTL, '--socket', this.socket, ...args], options);
  }

  /** Runs an n3xctl that goes on until it is told to end. */
  session(args: readonly string[]): Session {
    return new Session(process.execPath, [N3XCTL, '--socket', this.socket, ...args]);
  }

  /** Runs n3xctl within this process: for what is asked again and again, on a machine that has enough to do. */
  async call(args: readonly string[], options: { timeoutMs?: number } = {}): Promise<Run> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const said = Promise.all([text(stdout), text(stderr)]);
    const code = await runCli(['--socket', this.socket, ...args], {
      ...{ stdout, stderr, stdin: new PassThrough(), env: process.env, cwd: process.cwd() },
      startedAtMs: performance.now(),
      interrupted: AbortSignal.timeout(options.timeoutMs ?? 60_000),
    });
    stdout.end();
    stderr.end();
    const [out, err] = await said;
    return { code, stdout: out, stderr: err };
  }

  /** What n3xctl answers as JSON; throws with what it said when it fails. */
  async json<T>(args: readonly string[], options: { timeoutMs?: number } = {}): Promise<T> {
    const result = await this.call([...args, '-o', 'json'], options);
    if (result.code !== 0) throw new Error(`n3xctl ${args.join(' ')}: exit ${result.code}: ${result.stderr}`);
    return JSON.parse(result.stdout) as T;
  }
}

/** Some hosts of one cluster. */
export class Cluster {
  readonly directory: string;
  readonly hosts: Host[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes `count` configured hosts, none of them started. */
  static async create(count: number): Promise<Cluster> {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), 'n3x-e2e-')));
    for (let i = 1; i <= count; i++) {
      await cluster.add(`n${i}`);
    }
    return cluster;
  }

  /** Makes and configures one more host, not started and in no cluster; `destroy` ends it too. */
  async add(name: string, extra = ''): Promise<Host> {
    const host = new Host(name, join(this.directory, `h${this.hosts.length + 1}`), await testPort());
    await host.configure(extra);
    this.hosts.push(host);
    return host;
  }

  /** Makes and starts `count` hosts and joins them into one cluster, all voting. */
  static async formed(count: number): Promise<Cluster> {
    const cluster = await Cluster.create(count);
    try {
      await cluster.form();
    } catch (error) {
      await cluster.destroy();
      throw error;
    }
    return cluster;
  }

  /** The nth host, from 0. */
  host(n: number): Host {
    const host = this.hosts[n];
    if (host === undefined) throw new Error(`no host ${n}`);
    return host;
  }

  /** Starts every host, `cluster init` on the first, `cluster join` on the others. */
  async form(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.start()));
    const first = this.host(0);
    await first.json(['cluster', 'init']);
    for (const host of this.hosts.slice(1)) {
      const { token } = await first.json<{ token: string }>(['token', 'create']);
      await host.json(['cluster', 'join', token]);
    }
    await until('every host votes', 30_000, async () => {
      const { items } = await first.json<{ items: { membership: string; reachable: boolean; facts?: unknown }[] }>([
        'host',
        'list',
      ]);
      return (
        items.length === this.hosts.length &&
        items.every((host) => host.membership === 'voter' && host.reachable && host.facts !== undefined)
      );
    });
  }

  /** The host that leads now, as the running ones say. */
  async leader(): Promise<Host> {
    return until('a leader', 20_000, async () => {
      for (const host of this.hosts) {
        if (!host.running) continue;
        const status = await host.json<{ local: { role: string } }>(['cluster', 'status', '--stale']);
        if (status.local.role === 'leader') return host;
      }
      return false;
    });
  }

  /** Ends every process and removes every file. */
  async destroy(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.kill('SIGKILL')));
    await run('pkill', ['-KILL', '-f', this.directory]);
    // VMs are found by where they work: their command lines do not name the directory.
    await until('nothing runs there any more', 30_000, async () => {
      const left = await processesIn(this.directory);
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      return left.length === 0;
    });
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
