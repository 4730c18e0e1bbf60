/** One n3xd of a development cluster: its configuration, its process, its log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MARK, type Place, StartError } from './place.ts';

const CLONE = join(import.meta.dirname, '..', '..');
const LOG_LINES = 15;

/** One n3xd. */
export class Daemon {
  readonly name: string;
  readonly socket: string;
  readonly #directory: string;
  readonly #place: Place;
  #child: ChildProcess | undefined;

  /** Writes the configuration; starts nothing. */
  constructor(place: Place, name: string, port: number) {
    this.name = name;
    this.#place = place;
    this.#directory = join(place.root, name);
    this.socket = join(place.short, name, 'n3xd.sock');
    const state = join(place.short, name, 'microvms');
    for (const directory of [this.#directory, state]) mkdirSync(directory, { recursive: true });
    const guest = `path:${join(CLONE, 'examples', 'tiny-guest')}`;
    writeFileSync(
      this.#file('n3xd.toml'),
      toml({
        '': { name, data_dir: this.#file('data') },
        listen: { addresses: [`/ip4/127.0.0.1/tcp/${port}`] },
        api: { socket: this.socket },
        microvm: { state_dir: state, gcroots_dir: this.#file('gcroots'), supervisor: 'direct' },
        // The tiny guest stands in for nixpkgs and microvm.nix, so that nothing is fetched.
        nix: { nixpkgs: guest, microvm: guest, extra_config: nixConfig() },
        log: { level: 'info', format: 'json' },
      }),
    );
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  start(): void {
    const log = openSync(this.#file('n3xd.log'), 'a');
    const program = join(CLONE, 'packages', 'agent', 'bin', 'n3xd.mjs');
    this.#child = spawn(process.execPath, [program, '--config', this.#file('n3xd.toml')], {
      // A session of its own: Ctrl-C in the terminal reaches only the script, which ends things in order.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, [MARK]: this.#place.mark, XDG_CACHE_HOME: join(this.#place.root, 'cache') },
    });
    this.#child.once('error', (error) => writeFileSync(this.#file('n3xd.log'), `${error.message}\n`, { flag: 'a' }));
    closeSync(log);
  }

  /** Whether its API answers. */
  answers(): Promise<boolean> {
    return new Promise((done) => {
      const asked = request({ socketPath: this.socket, path: '/v1/health', timeout: 1000 }, (answer) => {
        answer.resume();
        done(answer.statusCode === 200);
      });
      asked.once('timeout', () => asked.destroy());
      // No socket yet, or nobody behind it.
      asked.once('error', () => done(false));
      asked.end();
    });
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Throws `StartError` when the process is gone. */
  assertRunning(): void {
    if (!this.running) throw new StartError(`n3xd ${this.name} ended by itself; its last words:\n${this.lastLog()}`);
  }

  /** Asks it to end and waits for that, at most `milliseconds`. VMs run on. */
  async stop(milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    if (this.running) this.#child?.kill('SIGTERM');
    while (this.running && performance.now() < deadline) await delay(20);
    if (this.running) this.#child?.kill('SIGKILL');
  }

  /** The last lines it logged, for people. */
  lastLog(): string {
    const lines = readFileSync(this.#file('n3xd.log'), 'utf8').trimEnd().split('\n');
    return lines
      .slice(-LOG_LINES)
      .map((line) => `  ${line}`)
      .join('\n');
  }
}

/**
 * Settings of Nix for builds that need no network. Where Nix has no build users, as in Debian's package, root
 * builds as itself and without a sandbox.
 */
function nixConfig(): string {
  const hasBuildUsers = /^nixbld:/m.test(readFileSync('/etc/group', 'utf8'));
  return `substituters =\n${hasBuildUsers ? '' : 'sandbox = false\nbuild-users-group =\n'}`;
}

type Table = Readonly<Record<string, string | readonly string[]>>;

/** Tables of strings as TOML; JSON's strings are TOML's too. */
function toml(tables: Readonly<Record<string, Table>>): string {
  return Object.entries(tables)
    .map(([name, table]) => {
      const header = name === '' ? '' : `[${name}]\n`;
      return (
        header +
        Object.entries(table)
          .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
          .join('')
      );
    })
    .join('\n');
}
