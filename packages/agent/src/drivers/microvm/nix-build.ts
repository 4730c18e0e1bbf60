/** Builds a runner with Nix, and says in which way a build failed. */
import { readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { childEnvironment, type Exec, exec, type RunResult } from '../exec.ts';
import { BUILD_LOG, BuildLog } from './build-log.ts';
import { DriverFailure } from './failure.ts';

/** How Nix is called. */
export interface NixOptions {
  /** Program, looked up in PATH when it has no slash. */
  readonly binary: string;
  /** Lines added to Nix's configuration. */
  readonly extraConfig: string;
  readonly buildTimeoutMs: number;
}

/** What is built: `<ref>#nixosConfigurations."<attribute>".config.microvm.declaredRunner`. */
export interface BuildTarget {
  readonly ref: string;
  readonly attribute: string;
  /** Directory for the log and for the link that roots the result. */
  readonly directory: string;
  /** Whether Nix may write a lock file beside the flake. Only ever for one that n3x wrote. */
  readonly writeLock: boolean;
  /** Whether Nix shall look anew at what it has fetched before. */
  readonly refresh?: boolean;
}

/** A built runner; its `root` link keeps it from being collected until it is removed. */
export interface BuiltRunner {
  readonly storePath: string;
  readonly root: string;
}

const EVAL_TIMEOUT_MS = 300_000;
const LIST_TIMEOUT_MS = 20_000;
/** Lines of a failed build's log that go into its message. */
const MESSAGE_LINES = 6;

/** The Nix of this host. */
export class Nix {
  readonly #options: NixOptions;
  readonly #exec: Exec;

  constructor(options: NixOptions, run: Exec = exec) {
    this.#options = options;
    this.#exec = run;
  }

  /** Builds a runner and roots it. Rejects with a `DriverFailure`. */
  async build(target: BuildTarget, signal: AbortSignal): Promise<BuiltRunner> {
    refuseRelative(target.ref);
    const root = join(target.directory, '.build-result');
    await rm(root, { force: true });
    const log = await BuildLog.begin(join(target.directory, BUILD_LOG));
    const argv = [
      this.#options.binary,
      'build',
      '--print-build-logs',
      ...(target.writeLock ? [] : ['--no-write-lock-file']),
      ...(target.refresh === true ? ['--refresh'] : []),
      '--out-link',
      root,
      `${installable(target)}.declaredRunner`,
    ] as const satisfies [string, ...string[]];
    log.write(`$ ${argv.join(' ')}\n`);
    const result = await this.#exec(argv, {
      cwd: target.directory,
      env: this.#environment(),
      timeoutMs: this.#options.buildTimeoutMs,
      onOutput: (chunk) => log.write(chunk),
      signal,
    });
    if (result.spawnError !== undefined) log.write(`${this.#options.binary}: ${result.spawnError}\n`);
    await log.end();
    if (result.code !== 0) throw await this.#explain(target, result);
    return { storePath: await readlink(root), root };
  }

  /** What the configuration says the VM needs. Rejects with a `DriverFailure`. */
  async resources(
    target: BuildTarget,
    signal: AbortSignal,
  ): Promise<{ vcpu: number; memoryMib: number; disks: number }> {
    const result = await this.#exec(
      [this.#options.binary, 'eval', '--json', '--no-write-lock-file', installable(target), '--apply', RESOURCES],
      { cwd: target.directory, env: this.#environment(), timeoutMs: EVAL_TIMEOUT_MS, signal },
    );
    if (result.code !== 0) throw await this.#explain(target, result);
    const { vcpu, mem, disks } = resourcesSchema.parse(JSON.parse(result.stdout));
    return { vcpu, memoryMib: mem, disks };
  }

  async #explain(target: BuildTarget, result: RunResult): Promise<DriverFailure> {
    const known = classify(target, result, this.#options);
    if (known.reason !== 'AttributeMissing') return known;
    const names = await this.#configurations(target);
    if (names === undefined) return known;
    const list = names.length === 0 ? 'it has none' : `it has ${names.slice(0, 20).join(', ')}`;
    const message = names.includes(target.attribute)
      ? `nixosConfigurations.${target.attribute} of ${target.ref} has no config.microvm.declaredRunner: it must import microvm.nix's module`
      : `${target.ref} has no nixosConfigurations.${target.attribute}: ${list}`;
    return new DriverFailure('AttributeMissing', message, false);
  }

  /** Names of the NixOS configurations of a flake; undefined when that cannot be found out. */
  async #configurations(target: BuildTarget): Promise<string[] | undefined> {
    const result = await this.#exec(
      [
        this.#options.binary,
        'eval',
        '--json',
        '--no-write-lock-file',
        `${target.ref}#nixosConfigurations`,
        '--apply',
        'builtins.attrNames',
      ],
      { cwd: target.directory, env: this.#environment(), timeoutMs: LIST_TIMEOUT_MS },
    );
    if (result.code !== 0) return /does not provide attribute/.test(result.stderr) ? [] : undefined;
    return z.array(z.string()).parse(JSON.parse(result.stdout));
  }

  #environment(): NodeJS.ProcessEnv {
    const lines = [
      'extra-experimental-features = nix-command flakes',
      process.env['NIX_CONFIG'] ?? '',
      this.#options.extraConfig,
    ];
    return childEnvironment({ NIX_CONFIG: lines.filter((line) => line !== '').join('\n') });
  }
}

/** What is asked of a configuration. Disks are volumes and directories of the host, but for the store itself. */
const RESOURCES =
  'microvm: { inherit (microvm) vcpu mem; disks = builtins.length microvm.volumes + builtins.length (builtins.filter (share: share.source != "/nix/store") microvm.shares); }';
const resourcesSchema = z.object({ vcpu: z.int().min(1), mem: z.int().min(1), disks: z.int().min(0) });

/** The attribute is quoted: it may hold dots. */
function installable(target: BuildTarget): string {
  return `${target.ref}#nixosConfigurations."${target.attribute}".config.microvm`;
}

/** A reference that depends on the directory of whoever reads it means nothing on another host. */
function refuseRelative(ref: string): void {
  const path = /^(?:path:|git\+file:(?:\/\/)?)(.*)$/.exec(ref)?.[1] ?? (/^[.~]/.test(ref) ? ref : '/');
  if (path.startsWith('/')) return;
  throw new DriverFailure('FlakeNotFound', `the flake ${ref} must be named by its absolute path`, false);
}

const NETWORK =
  /unable to download|Couldn't resolve host|Could not resolve host|timed out|Connection (?:refused|reset)/i;
const NO_FLAKE =
  /getting status of|path '.*' does not exist|is not a flake|does not contain a (?:'|‘)?flake\.nix|cannot find flake|unsupported tarball|is not an absolute path|unrecogni[sz]ed URL|not a valid flake|is not a valid URL/i;

/** Tells the ways apart in which a build fails, by what Nix prints. */
export function classify(target: BuildTarget, result: RunResult, options: NixOptions): DriverFailure {
  const { stderr } = result;
  if (result.spawnError !== undefined) {
    const message = `${options.binary} cannot be run (${result.spawnError}): install Nix or set nix.binary`;
    return new DriverFailure('NixMissing', message, false);
  }
  if (result.timedOut) {
    const seconds = Math.round(options.buildTimeoutMs / 1000);
    return new DriverFailure('BuildTimedOut', `the build took longer than ${seconds} s (nix.build_timeout)`, true);
  }
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return new DriverFailure('DiskFull', `the host's disk is full: ${lastLines(stderr)}`, true);
  }
  if (/does not provide attribute|attribute 'declaredRunner' missing|attribute 'microvm' missing/.test(stderr)) {
    const message = `${target.ref} has no nixosConfigurations.${target.attribute} with a microVM`;
    return new DriverFailure('AttributeMissing', message, false);
  }
  const first = /^error:.*$/m.exec(stderr)?.[0] ?? '';
  if (NETWORK.test(stderr)) {
    return new DriverFailure('FlakeNotFound', `${target.ref} or one of its inputs cannot be fetched: ${first}`, true);
  }
  if (NO_FLAKE.test(first)) {
    return new DriverFailure('FlakeNotFound', `there is no flake at ${target.ref}: ${first}`, false);
  }
  return new DriverFailure('BuildFailed', `the build failed: ${lastLines(stderr)}`, false);
}

/** What a message holds of Nix's output: from its first error on, without its news about locks and its advice. */
function lastLines(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const told = lines.filter((line) => line !== '' && !/^(?:warning: not writing|\u2022 |'|\(use )/.test(line));
  return told.slice(-MESSAGE_LINES).join(' | ');
}
