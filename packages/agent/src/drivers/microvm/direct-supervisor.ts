/**
 * Supervises runners without systemd: the same scripts in the same order as microvm.nix's units, each VM in a session of
 * its own, so that it goes on when n3xd ends, and is found again by its next start.
 */
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, constants as fsConstants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { childEnvironment, type Exec, exec, execDetached, signalGroup } from '../exec.ts';
import type { FenceDirectory } from '../fence/fence-directory.ts';
import {
  CONSOLE_LOG_LIMIT,
  fileSize,
  pause,
  readRange,
  rotateInPlace,
  type TailOptions,
  tailFile,
} from './console-log.ts';
import { DriverFailure } from './failure.ts';
import { type ForeignProcess, findForeignProcesses } from './foreign-process.ts';
import { exists, type Layout } from './layout.ts';
import { type Marker, type Run, type StartCause, withStart } from './marker.ts';
import { type Answer, no } from './probe.ts';
import {
  findMarkedProcess,
  HELPER_ID_VARIABLE,
  isSameProcess,
  RUN_ID_VARIABLE,
  readBootId,
  readProcess,
} from './process-identity.ts';
import { requestShutdown } from './shutdown-request.ts';
import type { RunningProcess, Supervisor } from './supervisor.ts';
import { startVirtiofs, stopVirtiofs } from './virtiofs.ts';

/** Log of a VM's console. */
export const CONSOLE_LOG = 'console.log';
/** The pipe that is the VM's standard input. */
export const CONSOLE_INPUT = 'console.in';

/** How long, in ms, a helper script such as tap-up may take. */
const HELPER_TIMEOUT_MS = 30_000;
/** How long, in ms, processes have to end after SIGTERM and after SIGKILL. */
const GRACE_MS = { SIGTERM: 5_000, SIGKILL: 10_000 } as const;
const POLL_MS = 50;
/** Bytes of a run's console that are searched for a readiness pattern. */
const CONSOLE_TEXT_BYTES = 262_144;

/** Scripts that go before the VM, and what undoes each; microvm.nix's helper units. */
const HELPERS = [
  { up: 'tap-up', down: 'tap-down' },
  { up: 'macvtap-up', down: 'macvtap-down' },
  { up: 'pci-setup', down: undefined },
] as const;

/** What a direct supervisor needs. */
export interface DirectSupervisorOptions {
  readonly layout: Layout;
  readonly fence: FenceDirectory;
  /** Variables added to the environment of runners. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told when a process that it started ends. */
  readonly onExit: (name: string) => void;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly exec?: Exec;
}

/** The direct supervisor. */
export class DirectSupervisor implements Supervisor {
  readonly kind = 'direct';
  readonly #options: DirectSupervisorOptions;
  readonly #layout: Layout;
  readonly #exec: Exec;
  /** VMs between the decision to start and the knowledge of the pid. */
  readonly #starting = new Set<string>();
  /** Runs whose end is being recorded. */
  readonly #settling = new Map<string, Promise<void>>();
  /** Runs whose process this daemon started and has not been told the exit of. */
  readonly #children = new Set<string>();

  constructor(options: DirectSupervisorOptions) {
    this.#options = options;
    this.#layout = options.layout;
    this.#exec = options.exec ?? exec;
  }

  async start(name: string, runner: string, cause: StartCause): Promise<void> {
    this.#starting.add(name);
    try {
      await this.#begin(name, runner, cause);
    } finally {
      this.#starting.delete(name);
    }
  }

  async #begin(name: string, runner: string, cause: StartCause): Promise<void> {
    const directory = this.#layout.directory(name);
    const run: Run = {
      id: randomUUID(),
      supervisor: 'direct',
      pid: null,
      startTicks: null,
      bootId: await readBootId(),
      startedAtMs: Date.now(),
      restarts: cause.restarts,
      runner,
      consoleOffset: await fileSize(join(directory, CONSOLE_LOG)),
      stopping: false,
      readySeen: false,
    };
    // Written before the process exists: whatever happens next, it is found again by its mark.
    await this.#layout.updateMarker(name, (marker) => withStart(marker, cause, run));
    try {
      await this.#layout.setLink(name, 'booted', runner);
      await this.#helpersUp(name, runner);
      const mark = cause.fenced ? this.#options.fence.environment : {};
      await startVirtiofs(this.#layout, name, runner, run.id, mark);
      const child = await this.#spawn(name, runner, run.id, cause.fenced);
      const pid = child.pid ?? 0;
      const startTicks = (await readProcess(pid))?.startTicks ?? null;
      await this.#layout.updateMarker(name, (marker) => ({ ...marker, run: { ...run, pid, startTicks } }));
      this.#children.add(run.id);
      child.once('exit', (code, signal) => void this.#exited(name, run.id, code, signal));
      if (child.exitCode !== null || child.signalCode !== null) {
        await this.#exited(name, run.id, child.exitCode, child.signalCode);
      }
    } catch (error) {
      await this.#settle(name, run.id, undefined);
      if (error instanceof DriverFailure) throw error;
      const message = `the runner of ${name} cannot be started: ${error instanceof Error ? error.message : error}`;
      throw new DriverFailure('StartFailed', message, true, error);
    }
  }

  async stop(name: string, timeoutMs: number): Promise<void> {
    const marker = await this.#layout.updateMarker(name, (before) => ({
      ...before,
      run: before.run === null ? null : { ...before.run, stopping: true },
    }));
    const { run } = marker;
    if (run === null) return;
    const found = await this.#identify(name, run);
    if (found !== undefined) {
      if (timeoutMs > 0) await this.#stopGently(name, run, found.pid, timeoutMs);
      await this.#stopHard(name, run.id, found.pid, timeoutMs > 0 ? ['SIGTERM', 'SIGKILL'] : ['SIGKILL']);
    }
    await this.#settle(name, run.id, undefined);
  }

  async inspect(name: string, marker: Marker): Promise<RunningProcess | undefined> {
    const { run } = marker;
    if (run === null || this.#starting.has(name)) return undefined;
    const found = await this.#identify(name, run);
    // The exit of a process that this daemon started is on its way, and says more.
    const told = this.#children.has(run.id);
    if (found === undefined && !told) {
      // It ended while nobody watched. What was lost with its host's power has not ended by itself.
      const isLost = run.bootId !== (await readBootId());
      await this.#settle(name, run.id, isLost ? undefined : { code: null, signal: null });
    }
    return found;
  }

  async consoleText(name: string, marker: Marker): Promise<string> {
    const path = this.#layout.path(name, CONSOLE_LOG);
    const size = await fileSize(path);
    // A log that was cut since begins anew.
    const begin = marker.run === null || size < marker.run.consoleOffset ? 0 : marker.run.consoleOffset;
    const bytes = await readRange(path, Math.max(begin, size - CONSOLE_TEXT_BYTES), CONSOLE_TEXT_BYTES);
    return Buffer.from(bytes).toString('utf8');
  }

  readConsole(name: string, options: TailOptions): AsyncIterable<Uint8Array> {
    return tailFile(this.#layout.path(name, CONSOLE_LOG), options);
  }

  async openConsole(name: string, signal: AbortSignal): Promise<{ input: Writable | null; output: Readable }> {
    const output = Readable.from(this.readConsole(name, { lines: 20, follow: true, signal }));
    const path = this.#layout.path(name, CONSOLE_INPUT);
    if (!(await exists(path))) return { input: null, output };
    // Read and write: opening never waits for the guest, and writing never fails for want of a reader.
    const handle = await open(path, fsConstants.O_RDWR | fsConstants.O_NONBLOCK);
    return { input: createWriteStream('', { fd: handle }), output };
  }

  async notified(): Promise<Answer> {
    // sd_notify(3) speaks to a datagram socket of the file system. systemd makes one for each of its units; Node.js has none.
    return no(
      'notify: n3xd supervises this runner itself and has no socket for it to notify; systemd has one, with the host module of microvm.nix',
    );
  }

  async findForeign(name: string): Promise<RunningProcess | undefined> {
    return await this.#findForeign(name);
  }

  async takeOver(name: string, fenced: boolean): Promise<Run | undefined> {
    const found = await this.#findForeign(name);
    if (found === undefined) return undefined;
    const { pid, startTicks, startedAtMs, runId } = found;
    const { fence } = this.#options;
    if (fenced) {
      // It may have been handed back earlier.
      await fence.unspare(pid);
      await fence.listProcess(name, { pid, startTicks });
    } else {
      // It may carry the mark from an earlier time.
      await fence.spare({ pid, startTicks });
    }
    const booted = await this.#layout.readLink(name, 'booted');
    const runner = booted ?? (await this.#layout.readLink(name, 'current')) ?? '';
    if (booted === undefined && runner !== '') await this.#layout.setLink(name, 'booted', runner);
    return {
      id: runId ?? randomUUID(),
      ...(runId === undefined ? { unmarked: true as const } : {}),
      ...{ supervisor: 'direct', pid, startTicks, startedAtMs, runner },
      bootId: await readBootId(),
      restarts: 0,
      consoleOffset: 0,
      stopping: false,
      readySeen: false,
    };
  }

  async letGo(name: string, run: Run | null): Promise<void> {
    const { fence } = this.#options;
    await fence.unlistProcess(name);
    if (run === null) return;
    // Their mark stays with them: the switch is told to spare them.
    const found = await this.#identify(name, run);
    if (found !== undefined && run.startTicks !== null)
      await fence.spare({ pid: found.pid, startTicks: run.startTicks });
    const helper = await findMarkedProcess(run.id, HELPER_ID_VARIABLE);
    if (helper !== undefined) await fence.spare(helper);
    this.#children.delete(run.id);
  }

  /** The one process of a microVM without a marker. */
  async #findForeign(name: string): Promise<ForeignProcess | undefined> {
    const found = await findForeignProcesses(this.#layout.directory(name));
    if (found.length < 2) return found[0];
    const pids = found.map(({ pid }) => pid).join(' and ');
    throw new DriverFailure(
      'Ambiguous',
      `the processes ${pids} both work in the directory of ${name}: it cannot be told which of them is the VM`,
      false,
    );
  }

  async forget(name: string): Promise<void> {
    await this.#options.fence.unlistProcess(name);
  }

  async tend(name: string): Promise<void> {
    if (!(await rotateInPlace(this.#layout.path(name, CONSOLE_LOG), CONSOLE_LOG_LIMIT))) return;
    await this.#layout.updateMarker(name, (marker) => ({
      ...marker,
      run: marker.run === null ? null : { ...marker.run, consoleOffset: 0 },
    }));
  }

  async #spawn(name: string, runner: string, runId: string, fenced: boolean): Promise<ChildProcess> {
    const { environment, fence } = this.#options;
    const program: [string] = [join(runner, 'bin/microvm-run')];
    const mark = fenced ? fence.environment : {};
    const directory = this.#layout.directory(name);
    const input = join(directory, CONSOLE_INPUT);
    const log = join(directory, CONSOLE_LOG);
    if (!(await exists(input))) {
      const made = await this.#exec(['mkfifo', '-m', '660', input], { timeoutMs: HELPER_TIMEOUT_MS });
      if (made.code !== 0) throw new Error(`mkfifo ${input}: ${made.spawnError ?? made.stderr.trim()}`);
      await this.#layout.own(input);
    }
    // Kept open for writing by the VM itself: its standard input never ends, and n3xd may come and go.
    await using stdin = await open(input, fsConstants.O_RDWR);
    await using output = await open(log, 'a', 0o664);
    await this.#layout.own(log);
    const { owner } = this.#layout;
    return await execDetached(fenced ? fence.gated(program) : program, {
      cwd: directory,
      env: childEnvironment({ ...environment, ...mark, [RUN_ID_VARIABLE]: runId }),
      stdio: [stdin.fd, output.fd, output.fd],
      ...(owner === undefined ? {} : { user: owner }),
    });
  }

  async #helpersUp(name: string, runner: string): Promise<void> {
    for (const { up } of HELPERS) {
      const script = join(runner, 'bin', up);
      if (!(await exists(script))) continue;
      const { code, stderr, spawnError } = await this.#exec([script], {
        cwd: this.#layout.directory(name),
        timeoutMs: HELPER_TIMEOUT_MS,
      });
      if (code !== 0) {
        const why = spawnError ?? stderr.trim();
        throw new DriverFailure('StartFailed', `${up} of ${name} failed: ${why}`, true);
      }
    }
  }

  /** The process of a run, also when its pid was not written down before the daemon ended. */
  async #identify(name: string, run: Run): Promise<RunningProcess | undefined> {
    const bootId = await readBootId();
    const { startedAtMs } = run;
    if (run.pid !== null && run.startTicks !== null) {
      const same = await isSameProcess(run, bootId, this.#layout.directory(name));
      return same ? { pid: run.pid, startedAtMs } : undefined;
    }
    if (run.bootId !== bootId) return undefined;
    const found = await findMarkedProcess(run.id);
    if (found === undefined) return undefined;
    await this.#layout.updateMarker(name, (marker) =>
      marker.run?.id === run.id ? { ...marker, run: { ...marker.run, ...found } } : marker,
    );
    return { pid: found.pid, startedAtMs };
  }

  async #exited(name: string, runId: string, code: number | null, signal: string | null): Promise<void> {
    try {
      await this.#settle(name, runId, { code, signal });
    } catch (error) {
      this.#options.log('microvm.exitNotRecorded', { vm: name, error: String(error) });
    }
    this.#children.delete(runId);
    this.#options.onExit(name);
  }

  /** Records that a run is over and takes away what it had. Done once per run, whoever sees its end first. */
  #settle(
    name: string,
    runId: string,
    exit: { code: number | null; signal: string | null } | undefined,
  ): Promise<void> {
    const underWay = this.#settling.get(runId);
    if (underWay !== undefined) return underWay;
    const settling = this.#settleOnce(name, runId, exit).finally(() => this.#settling.delete(runId));
    this.#settling.set(runId, settling);
    return settling;
  }

  async #settleOnce(
    name: string,
    runId: string,
    exit: { code: number | null; signal: string | null } | undefined,
  ): Promise<void> {
    if (!(await exists(this.#layout.directory(name)))) return;
    const claim = await this.#layout.claim(name);
    const over = claim.kind === 'managed' ? claim.marker.run : null;
    if (over === null || over.id !== runId) return;
    if (await exists(join(over.runner, 'bin/virtiofsd-run'))) await stopVirtiofs(runId);
    for (const { down } of HELPERS) {
      if (down === undefined) continue;
      const script = join(over.runner, 'bin', down);
      if (!(await exists(script))) continue;
      const { code, stderr } = await this.#exec([script], {
        cwd: this.#layout.directory(name),
        timeoutMs: HELPER_TIMEOUT_MS,
      });
      if (code !== 0) this.#options.log('microvm.helperFailed', { vm: name, script: down, stderr: stderr.trim() });
    }
    await this.#layout.removeLink(name, 'booted');
    await this.#options.fence.unlistProcess(name);
    if (over.pid !== null) await this.#options.fence.unspare(over.pid);
    // Last: as long as the run is on record, its end is settled again should the daemon be killed in between.
    await this.#layout.updateMarker(name, (marker) => {
      if (marker.run?.id !== runId) return marker;
      const wanted = marker.run.stopping || exit === undefined;
      return { ...marker, run: null, ...(wanted ? {} : { lastExit: { ...exit, atMs: Date.now() } }) };
    });
  }

  /** Waits until the run's process is gone; false when the deadline passes first. */
  async #waitGone(name: string, runId: string, deadlineMs: number): Promise<boolean> {
    const never = new AbortController().signal;
    for (;;) {
      const claim = await this.#layout.claim(name);
      const run = claim.kind === 'managed' ? claim.marker.run : null;
      if (run === null || run.id !== runId || (await this.#identify(name, run)) === undefined) return true;
      if (Date.now() >= deadlineMs) return false;
      await pause(POLL_MS, never);
    }
  }

  async #stopGently(name: string, run: Run, pid: number, timeoutMs: number): Promise<void> {
    const request = await requestShutdown(this.#exec, this.#layout.directory(name), run.runner, pid, timeoutMs);
    if (request === undefined) return;
    await this.#waitGone(name, run.id, Date.now() + timeoutMs);
    request.abort();
  }

  async #stopHard(
    name: string,
    runId: string,
    pid: number,
    signals: readonly (keyof typeof GRACE_MS)[],
  ): Promise<void> {
    for (const signal of signals) {
      // Looked at anew before each signal: a pid that fails the check is never signalled.
      if (await this.#waitGone(name, runId, 0)) return;
      this.#options.log('microvm.stoppedHard', { vm: name, pid, signal });
      signalGroup(pid, signal);
      if (await this.#waitGone(name, runId, Date.now() + GRACE_MS[signal])) return;
    }
    throw new DriverFailure('StopFailed', `process ${pid} of ${name} does not end, not even by SIGKILL`, true);
  }
}
