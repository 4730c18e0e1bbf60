/**
 * Supervises runners through the units of microvm.nix's host module: `microvm@<name>.service` and its helpers. Units are
 * started and stopped, never enabled: only n3xd starts its VMs.
 */
import { constants } from 'node:os';
import { PassThrough, Readable } from 'node:stream';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { type Exec, exec, type RunResult } from '../exec.ts';
import type { FenceDirectory } from '../fence/fence-directory.ts';
import { pause, type TailOptions } from './console-log.ts';
import { DriverFailure } from './failure.ts';
import { exists, type Layout } from './layout.ts';
import { type Marker, type Run, type StartCause, withStart } from './marker.ts';
import { type Answer, no } from './probe.ts';
import { readBootId, readProcess } from './process-identity.ts';
import { requestShutdown } from './shutdown-request.ts';
import type { RunningProcess, Supervisor, SupervisorKind } from './supervisor.ts';
import { allowRestarts, forbidRestarts, RUNTIME_UNITS } from './unit-drop-in.ts';

const CALL_TIMEOUT_MS = 30_000;
/** Units beside a VM's own that make something on the host. */
const HELPERS = ['microvm-tap-interfaces', 'microvm-macvtap-interfaces', 'microvm-virtiofsd'] as const;
/** How long, in ms, a unit with its helpers may take until its process runs, and to be gone once it is killed. */
const START_MS = 60_000;
const GONE_MS = 30_000;
const POLL_MS = 100;
const CONSOLE_LINES = 2000;
/** Bytes that may wait for a slow reader of the journal. */
const FOLLOW_BUFFER_BYTES = 8 * 1_048_576;
/** A timer of a day: following a journal ends by its signal. */
const FOLLOW_MS = 86_400_000;

/** Which supervisor, and why. */
export interface SupervisorChoice {
  readonly kind: SupervisorKind;
  readonly reason: string;
}

/**
 * Decides what supervises here. `auto` takes systemd where it is the init and microvm.nix's host module serves this state
 * directory. Throws `N3X_CONFIG` when `systemd` is asked for and cannot work.
 */
export async function resolveSupervisor(
  wanted: 'auto' | SupervisorKind,
  stateDir: string,
  environment: { readonly exec?: Exec; readonly booted?: () => Promise<boolean> } = {},
): Promise<SupervisorChoice> {
  if (wanted === 'direct') return { kind: 'direct', reason: 'configured' };
  const missing = await whyNoSystemd(stateDir, environment.exec ?? exec, environment.booted ?? isSystemdInit);
  if (missing === undefined) return { kind: 'systemd', reason: "microvm.nix's host module serves the state directory" };
  if (wanted === 'auto') return { kind: 'direct', reason: missing };
  throw new N3xError(ERROR_CODES.config, `microvm.supervisor is systemd, but ${missing}`);
}

async function isSystemdInit(): Promise<boolean> {
  // sd_booted(3)
  return await exists('/run/systemd/system');
}

async function whyNoSystemd(stateDir: string, run: Exec, booted: () => Promise<boolean>): Promise<string | undefined> {
  if (!(await booted())) return 'systemd is not the init of this host';
  const unit = await run(['systemctl', 'cat', '--no-pager', 'microvm@.service'], { timeoutMs: CALL_TIMEOUT_MS });
  if (unit.code !== 0) return "there is no microvm@.service: microvm.nix's host module is not part of this host";
  if (!unit.stdout.includes(`${stateDir}/%i`))
    return `microvm@.service serves another state directory than ${stateDir}`;
  return undefined;
}

interface UnitState {
  readonly type: string;
  readonly active: string;
  /** How its last main process ended, as waitid(2) says it: 1 exited, 2 killed, 3 dumped; 0 for not at all. */
  readonly exitCode: number;
  /** Its exit code or the number of the signal. */
  readonly exitStatus: number;
  readonly mainPid: number;
  readonly invocation: string;
  readonly result: string;
  /** When the unit's conditions were last checked, and whether they held. */
  readonly conditionAt: string;
  readonly conditionMet: boolean;
}

/** What a systemd supervisor needs. */
export interface SystemdSupervisorOptions {
  readonly layout: Layout;
  readonly fence: FenceDirectory;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly exec?: Exec;
  /** Where units are changed until the next boot; systemd's own directory without it. */
  readonly runtimeUnits?: string;
}

/** The systemd supervisor. */
export class SystemdSupervisor implements Supervisor {
  readonly kind = 'systemd';
  readonly #layout: Layout;
  readonly #fence: FenceDirectory;
  readonly #log: SystemdSupervisorOptions['log'];
  readonly #exec: Exec;
  readonly #runtimeUnits: string;
  readonly #starting = new Set<string>();

  constructor(options: SystemdSupervisorOptions) {
    this.#layout = options.layout;
    this.#fence = options.fence;
    this.#log = options.log;
    this.#exec = options.exec ?? exec;
    this.#runtimeUnits = options.runtimeUnits ?? RUNTIME_UNITS;
  }

  async start(name: string, runner: string, cause: StartCause): Promise<void> {
    this.#starting.add(name);
    try {
      // Before anything of it can run.
      if (cause.fenced) await this.#fence.listUnit(unitOf(name));
      else await this.#fence.unlistUnit(unitOf(name));
      const run: Run = {
        id: '',
        supervisor: 'systemd',
        pid: null,
        startTicks: null,
        bootId: await readBootId(),
        startedAtMs: Date.now(),
        restarts: cause.restarts,
        runner,
        consoleOffset: 0,
        stopping: false,
        readySeen: false,
      };
      await this.#layout.updateMarker(name, (marker) => withStart(marker, cause, run));
      await this.#forbidRestarts(name, cause.fenced);
      const { conditionAt } = await this.#show(name);
      // A unit that failed too often would refuse to start.
      await this.#systemctl(['reset-failed', unitOf(name)]);
      const started = await this.#systemctl(['start', '--no-block', unitOf(name)]);
      const why = started.code === 0 ? await this.#waitStarted(name, conditionAt) : started.stderr.trim();
      if (why !== undefined) {
        await this.#systemctl(['stop', '--no-block', unitOf(name)]);
        // It stays listed for the switch: something of it may be on its way out still.
        await this.#over(name, undefined);
        throw new DriverFailure('StartFailed', `${unitOf(name)} does not start: ${why}`, true);
      }
    } finally {
      this.#starting.delete(name);
    }
  }

  async stop(name: string, timeoutMs: number): Promise<void> {
    await this.#layout.updateMarker(name, (marker) => ({
      ...marker,
      run: marker.run === null ? null : { ...marker.run, stopping: true },
    }));
    const unit = await this.#show(name);
    const booted = await this.#layout.readLink(name, 'booted');
    if (unit.mainPid > 0 && booted !== undefined && timeoutMs > 0) {
      // Asked here and not by ExecStop: there the script's standard input is /dev/null, at which older runners return
      // at once, and systemd then kills the guest.
      const directory = this.#layout.directory(name);
      const request = await requestShutdown(this.#exec, directory, booted, unit.mainPid, timeoutMs);
      if (request !== undefined) {
        await this.#waitProcessGone(name, unit.mainPid, timeoutMs);
        request.abort();
      }
    }
    // With a stop in its queue the unit is not restarted, however its process ends.
    await this.#systemctl(['stop', '--no-block', unitOf(name)]);
    if ((await this.#show(name)).mainPid > 0) {
      this.#log('microvm.stoppedHard', { vm: name, signal: 'SIGKILL' });
      await this.#systemctl(['kill', '--signal=SIGKILL', unitOf(name)]);
    }
    if (!(await this.#waitFor(name, GONE_MS, (state) => isOver(state)))) {
      throw new DriverFailure('StopFailed', `${unitOf(name)} does not stop`, true);
    }
    await this.#over(name, undefined);
    await this.#fence.unlistUnit(unitOf(name));
  }

  async inspect(name: string, marker: Marker): Promise<RunningProcess | undefined> {
    if (this.#starting.has(name)) return undefined;
    const unit = await this.#show(name);
    if (unit.mainPid > 0) {
      const found = await this.#adopt(name, unit, marker);
      if (found !== undefined) return found;
    }
    // Between two runs the unit waits to restart its process; that is no end.
    if (marker.run !== null && isOver(unit)) {
      // What was lost with its host's power has not ended by itself.
      const isLost = marker.run.bootId !== (await readBootId());
      await this.#over(name, isLost ? undefined : exitOf(unit));
    }
    return undefined;
  }

  async consoleText(name: string, marker: Marker): Promise<string> {
    const invocation = marker.run?.id ?? '';
    if (!/^[0-9a-f]{32}$/.test(invocation)) return '';
    const argv = [
      'journalctl',
      '--no-pager',
      '--output=cat',
      `--lines=${CONSOLE_LINES}`,
      `_SYSTEMD_INVOCATION_ID=${invocation}`,
      `_SYSTEMD_UNIT=${unitOf(name)}`,
    ] as const satisfies [string, ...string[]];
    return (await this.#exec(argv, { timeoutMs: CALL_TIMEOUT_MS })).stdout;
  }

  readConsole(name: string, options: TailOptions): AsyncIterable<Uint8Array> {
    const output = new PassThrough();
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    const argv: [string, ...string[]] = [
      'journalctl',
      '--no-pager',
      '--output=cat',
      `--unit=${unitOf(name)}`,
      `--lines=${options.lines}`,
      ...(options.follow ? ['--follow'] : []),
    ];
    void this.#exec(argv, {
      timeoutMs: options.follow ? FOLLOW_MS : CALL_TIMEOUT_MS,
      keepBytes: 4096,
      signal,
      onOutput: (chunk, stream) => {
        if (stream === 'stdout') output.write(chunk);
        if (output.writableLength > FOLLOW_BUFFER_BYTES) abort.abort();
      },
    }).then(() => output.end());
    output.on('close', () => abort.abort());
    return output;
  }

  async openConsole(name: string, signal: AbortSignal): Promise<{ input: null; output: Readable }> {
    // The units of microvm.nix connect no terminal: the journal can only be read.
    return { input: null, output: Readable.from(this.readConsole(name, { lines: 20, follow: true, signal })) };
  }

  async notified(name: string): Promise<Answer> {
    const { type, active } = await this.#show(name);
    if (!type.startsWith('notify')) {
      return no(
        `notify: ${unitOf(name)} is of type ${type}: its runner passes nothing on (cloud-hypervisor's does, with a vsock id)`,
      );
    }
    return active === 'active' || active === 'reloading' ? { ok: true } : no(`notify: ${unitOf(name)} is ${active}`);
  }

  async findForeign(name: string): Promise<RunningProcess | undefined> {
    const { mainPid } = await this.#show(name);
    return mainPid > 0 ? { pid: mainPid, startedAtMs: Date.now() } : undefined;
  }

  async takeOver(name: string, fenced: boolean): Promise<Run | undefined> {
    if (fenced) await this.#fence.listUnit(unitOf(name));
    await this.#forbidRestarts(name, fenced);
    const claim = await this.#layout.claim(name);
    const unit = await this.#show(name);
    if (claim.kind !== 'managed' || unit.mainPid === 0) return undefined;
    await this.#adopt(name, unit, claim.marker);
    return (await this.#layout.managed(name, claim.marker.uid)).run ?? undefined;
  }

  async letGo(name: string): Promise<void> {
    await this.#fence.unlistUnit(unitOf(name));
    // The unit is as microvm.nix made it: systemd restarts it again by itself.
    await this.forget(name);
  }

  async forget(name: string): Promise<void> {
    if (await allowRestarts(this.#runtimeUnits, unitOf(name))) await this.#systemctl(['daemon-reload']);
  }

  async #forbidRestarts(name: string, fenced: boolean): Promise<void> {
    let why: string | undefined;
    // A daemon that hung between its decision and the start must not be overtaken by the deadline.
    const gate = fenced ? this.#fence.gate : undefined;
    try {
      if (!(await forbidRestarts(this.#runtimeUnits, unitOf(name), gate))) return;
      const { code, stderr } = await this.#systemctl(['daemon-reload']);
      if (code !== 0) why = stderr.trim();
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    if (why === undefined) return;
    await this.#over(name, undefined);
    throw new DriverFailure(
      'StartFailed',
      `systemd cannot be kept from restarting ${unitOf(name)} by itself: ${why}`,
      true,
    );
  }

  async tend(): Promise<void> {
    // The journal keeps itself within its bounds.
  }

  /** The unit's process, noted as the VM's run; also a later one, when systemd restarted it. */
  async #adopt(name: string, unit: UnitState, marker: Marker): Promise<RunningProcess | undefined> {
    const { run } = marker;
    const stat = await readProcess(unit.mainPid);
    if (stat === undefined) return undefined;
    if (run?.id === unit.invocation && run.pid === unit.mainPid && run.startTicks === stat.startTicks) {
      return { pid: unit.mainPid, startedAtMs: run.startedAtMs };
    }
    const startedAtMs = Date.now();
    const runner = (await this.#layout.readLink(name, 'booted')) ?? run?.runner ?? '';
    const bootId = await readBootId();
    await this.#layout.updateMarker(name, (before) => ({
      ...before,
      run: {
        id: unit.invocation,
        supervisor: 'systemd',
        pid: unit.mainPid,
        startTicks: stat.startTicks,
        bootId,
        startedAtMs,
        restarts: before.restarts,
        runner,
        consoleOffset: 0,
        stopping: before.run?.stopping ?? false,
        readySeen: false,
      },
    }));
    return { pid: unit.mainPid, startedAtMs };
  }

  /** Why the unit does not start; undefined once its process runs. */
  async #waitStarted(name: string, checkedBefore: string): Promise<string | undefined> {
    let last: UnitState | undefined;
    // An answer from before this start says nothing of it.
    const skipped = (state: UnitState) => state.conditionAt !== checkedBefore && !state.conditionMet;
    const started = await this.#waitFor(name, START_MS, (state) => {
      last = state;
      return state.mainPid > 0 || state.active === 'failed' || skipped(state);
    });
    if (last !== undefined && last.mainPid > 0) {
      const claim = await this.#layout.claim(name);
      if (claim.kind === 'managed') await this.#adopt(name, last, claim.marker);
      // The units make this link themselves; its root is ours to keep.
      const runner = await this.#layout.readLink(name, 'current');
      const booted = await this.#layout.readLink(name, 'booted');
      if (booted !== undefined || runner !== undefined)
        await this.#layout.setLink(name, 'booted', booted ?? runner ?? '');
      return undefined;
    }
    if (!started) return `no process within ${START_MS / 1000} s`;
    if (last !== undefined && skipped(last)) return 'its runner is missing (ConditionPathExists)';
    return `it failed (${last?.result ?? 'unknown'}); see journalctl -u ${unitOf(name)}`;
  }

  async #waitProcessGone(name: string, pid: number, timeoutMs: number): Promise<boolean> {
    return await this.#waitFor(name, timeoutMs, (state) => state.mainPid !== pid);
  }

  async #waitFor(name: string, timeoutMs: number, condition: (state: UnitState) => boolean): Promise<boolean> {
    const never = new AbortController().signal;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (condition(await this.#show(name))) return true;
      if (Date.now() >= deadline) return false;
      await pause(POLL_MS, never);
    }
  }

  async #over(name: string, exit: { code: number | null; signal: string | null } | undefined): Promise<void> {
    // Theirs to take away what they made, by scripts that are found through `booted`; they stay up when the VM ends by itself.
    await this.#systemctl(['stop', ...HELPERS.map((helper) => `${helper}@${name}.service`)]);
    await this.#layout.removeLink(name, 'booted');
    await this.#layout.updateMarker(name, (marker) => {
      if (marker.run === null) return marker;
      const wanted = marker.run.stopping || exit === undefined;
      return { ...marker, run: null, ...(wanted ? {} : { lastExit: { ...exit, atMs: Date.now() } }) };
    });
  }

  async #show(name: string): Promise<UnitState> {
    const properties =
      'Type,ActiveState,MainPID,ExecMainCode,ExecMainStatus,InvocationID,Result,ConditionResult,ConditionTimestampMonotonic';
    const result = await this.#systemctl(['show', `--property=${properties}`, unitOf(name)]);
    if (result.code !== 0)
      throw new Error(`systemctl show ${unitOf(name)}: ${result.spawnError ?? result.stderr.trim()}`);
    const values = new Map(result.stdout.split('\n').map((line) => splitOnce(line)));
    return {
      type: values.get('Type') ?? '',
      active: values.get('ActiveState') ?? 'inactive',
      exitCode: Number(values.get('ExecMainCode') ?? '0'),
      exitStatus: Number(values.get('ExecMainStatus') ?? '0'),
      mainPid: Number(values.get('MainPID') ?? '0'),
      invocation: values.get('InvocationID') ?? '',
      result: values.get('Result') ?? '',
      conditionAt: values.get('ConditionTimestampMonotonic') ?? '0',
      conditionMet: values.get('ConditionResult') !== 'no',
    };
  }

  #systemctl(args: readonly string[]): Promise<RunResult> {
    return this.#exec(['systemctl', ...args], { timeoutMs: CALL_TIMEOUT_MS });
  }
}

function unitOf(name: string): string {
  return `microvm@${name}.service`;
}

function isOver(state: UnitState): boolean {
  return state.mainPid === 0 && (state.active === 'inactive' || state.active === 'failed');
}

function exitOf({ exitCode, exitStatus }: UnitState): { code: number | null; signal: string | null } {
  if (exitCode === 1) return { code: exitStatus, signal: null };
  if (exitCode !== 2 && exitCode !== 3) return { code: null, signal: null };
  const [signal] = Object.entries(constants.signals).find(([, number]) => number === exitStatus) ?? [];
  return { code: null, signal: signal ?? `signal ${exitStatus}` };
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf('=');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
