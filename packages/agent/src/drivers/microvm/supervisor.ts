/** What starts and stops runners: n3xd itself (`direct`) or the units of microvm.nix's host module (`systemd`). */
import type { Readable, Writable } from 'node:stream';
import type { TailOptions } from './console-log.ts';
import type { Marker, Run, StartCause } from './marker.ts';
import type { Answer } from './probe.ts';

/** Which of the two. */
export type SupervisorKind = 'direct' | 'systemd';

/** A VM's process, verified to be the one that was started. */
export interface RunningProcess {
  readonly pid: number;
  /** Wall clock, ms. */
  readonly startedAtMs: number;
}

/** Starts, stops and finds the processes of VMs. Methods reject with a `DriverFailure` or a system error. */
export interface Supervisor {
  readonly kind: SupervisorKind;
  /**
   * Starts the runner that is `current`; resolves once its process runs. What is fenced, the dead-man's switch knows it
   * before there is a process.
   */
  start(name: string, runner: string, cause: StartCause): Promise<void>;
  /** Asks the guest to shut down, kills it after `timeoutMs`, at once with 0; resolves once nothing of it runs. */
  stop(name: string, timeoutMs: number): Promise<void>;
  /** The process of a VM, found from the host's own facts. */
  inspect(name: string, marker: Marker): Promise<RunningProcess | undefined>;
  /** Whether the guest's systemd has said that it is ready, and not that it stops. */
  notified(name: string): Promise<Answer>;
  /** The process of a microVM that n3x does not manage. Rejects when it cannot be told which it is. */
  findForeign(name: string): Promise<RunningProcess | undefined>;
  /** Takes over the process of a VM that n3x begins to manage, as it is; undefined when none runs. */
  takeOver(name: string, fenced: boolean): Promise<Run | undefined>;
  /** Gives the process of a VM up that n3x manages no more; it runs on. */
  letGo(name: string, run: Run | null): Promise<void>;
  /** Takes back what the host was told of a VM that is removed. */
  forget(name: string): Promise<void>;
  /** What the console printed since the present start; the end of it where that is long. */
  consoleText(name: string, marker: Marker): Promise<string>;
  /** The console's log. */
  readConsole(name: string, options: TailOptions): AsyncIterable<Uint8Array>;
  /** The console itself; `input` is null where it can only be read. */
  openConsole(name: string, signal: AbortSignal): Promise<{ input: Writable | null; output: Readable }>;
  /** Keeps the console's log within its bounds. */
  tend(name: string): Promise<void>;
}
