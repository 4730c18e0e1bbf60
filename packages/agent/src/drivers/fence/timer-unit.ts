/**
 * The dead-man's switch where systemd supervises: a transient timer per deadline, held by systemd itself. It goes off a
 * little early and starts `watchdog.sh`, which waits for the exact moment and sees whether a later deadline has come.
 */
import { childEnvironment, type Exec, exec, type RunResult } from '../exec.ts';
import { pause } from '../microvm/console-log.ts';
import { bootMs } from './boot-clock.ts';
import { type FenceDirectory, SHELL, WATCHDOG } from './fence-directory.ts';
import { type DeadMansSwitch, hundredths } from './switch.ts';
import { parseTimespanMs } from './timespan.ts';

const CALL_TIMEOUT_MS = 5_000;
/** How long, in ms, before the deadline a timer goes off: systemd counts from when it has made the timer. */
const EARLY_MS = 500;
/** How long, in ms, the stopping of units may take once a deadline has passed. */
const FIRING_MS = 60_000;
const POLL_MS = 20;

/** A sequence of timer units for a fence directory. */
export class TimerUnit implements DeadMansSwitch {
  readonly kind = 'systemd';
  readonly #directory: FenceDirectory;
  readonly #exec: Exec;
  /** The timer in force, without its suffix. */
  #unit: string | null = null;
  #count = 0;
  /** Whether timers may count the time that the host sleeps; found out by the first one. */
  #wakes = true;

  constructor(directory: FenceDirectory, run: Exec = exec) {
    this.#directory = directory;
    this.#exec = run;
  }

  async arm(deadlineMs: number): Promise<void> {
    await this.#waitForFiring();
    const deadline = hundredths(deadlineMs);
    const unit = await this.#start(deadline);
    await this.#directory.write('deadline', String(deadline));
    // From here on what the timers before started ends without doing anything.
    await this.#directory.write('watchdog', String(deadline));
    const former = this.#unit;
    this.#unit = unit;
    // One that had decided before it could read the new deadline does its work first.
    await this.#waitForFiring();
    if (former !== null) await this.#run(['systemctl', 'stop', '--no-block', `${former}.timer`]);
  }

  async disarm(): Promise<void> {
    await this.#directory.write('watchdog', 'none');
    const pattern = `n3x-fence-${this.#directory.id}-*`;
    await this.#run(['systemctl', 'stop', '--no-block', `${pattern}.timer`, `${pattern}.service`]);
    this.#unit = null;
  }

  describe(): string {
    return this.#wakes ? 'systemd timer' : 'systemd timer; it does not count the time that the host sleeps';
  }

  async #start(deadline: number): Promise<string> {
    const failed = await this.#tryStart(deadline);
    if (failed === undefined) return this.#name(deadline);
    if (!this.#wakes) throw new Error(failed);
    this.#wakes = false;
    const again = await this.#tryStart(deadline);
    if (again === undefined) return this.#name(deadline);
    this.#wakes = true;
    throw new Error(again);
  }

  /** Makes a timer and looks whether it is in force; undefined when it is. */
  async #tryStart(deadline: number): Promise<string | undefined> {
    this.#count += 1;
    const unit = this.#name(deadline);
    const { path } = this.#directory;
    const afterMs = Math.floor(deadline * 10 - bootMs() - EARLY_MS);
    // Too near for a timer: the script itself does the waiting.
    const timer =
      afterMs <= 0
        ? []
        : [
            `--on-active=${afterMs}ms`,
            '--timer-property=AccuracySec=1ms',
            // Also chooses the clock that goes on while the host sleeps (systemd.timer(5)).
            ...(this.#wakes ? ['--timer-property=WakeSystem=yes'] : []),
          ];
    const made = await this.#run([
      'systemd-run',
      '--quiet',
      '--collect',
      '--no-ask-password',
      `--unit=${unit}`,
      `--description=Dead-man's switch of n3xd`,
      ...timer,
      '--property=OOMScoreAdjust=-1000',
      `--setenv=PATH=${childEnvironment().PATH ?? ''}`,
      SHELL,
      WATCHDOG,
      path,
      String(deadline),
    ]);
    if (made.code !== 0) return `systemd-run: ${whatWentWrong(made)}`;
    return afterMs <= 0 ? undefined : await this.#verify(unit, deadline);
  }

  async #verify(unit: string, deadline: number): Promise<string | undefined> {
    const shown = await this.#run([
      'systemctl',
      'show',
      '--property=ActiveState,NextElapseUSecMonotonic',
      `${unit}.timer`,
    ]);
    if (shown.code !== 0) return `systemctl show ${unit}.timer: ${whatWentWrong(shown)}`;
    const values = new Map(shown.stdout.split('\n').map((line) => split(line)));
    const active = values.get('ActiveState') ?? 'unknown';
    const leftMs = deadline * 10 - bootMs();
    // It goes off while this is done: what it starts does the waiting.
    if (leftMs <= EARLY_MS) return undefined;
    if (active !== 'active') return `the timer ${unit}.timer is ${active}`;
    const elapsesMs = parseTimespanMs(values.get('NextElapseUSecMonotonic') ?? '');
    if (elapsesMs === undefined) return `the timer ${unit}.timer does not say when it goes off`;
    const lateMs = elapsesMs - Number(process.hrtime.bigint() / 1_000_000n) - leftMs;
    if (lateMs > 0) return `the timer ${unit}.timer goes off ${Math.ceil(lateMs)} ms too late`;
    return undefined;
  }

  /** A deadline that has passed is carried out to its end: else it would hit what is started after this. */
  async #waitForFiring(): Promise<void> {
    const end = performance.now() + FIRING_MS;
    for (const name of await this.#directory.firing()) {
      while (await this.#directory.has(`firing.${name}`)) {
        const running = await this.#run([
          'systemctl',
          'is-active',
          '--quiet',
          `n3x-fence-${this.#directory.id}-${name}-*.service`,
        ]);
        // Its script was killed, or the host hung: this one does its work anew.
        if (running.code !== 0) break;
        if (performance.now() >= end) throw new Error('units still stop since the last deadline passed');
        await pause(POLL_MS, NEVER);
      }
      await this.#directory.remove(`firing.${name}`);
    }
  }

  #name(deadline: number): string {
    return `n3x-fence-${this.#directory.id}-${deadline}-${this.#count}`;
  }

  #run(argv: readonly [string, ...string[]]): Promise<RunResult> {
    return this.#exec(argv, { timeoutMs: CALL_TIMEOUT_MS });
  }
}

const NEVER = new AbortController().signal;

function whatWentWrong(result: RunResult): string {
  if (result.timedOut) return `no answer within ${CALL_TIMEOUT_MS / 1000} s`;
  return result.spawnError ?? (result.stderr.trim().split('\n')[0] || `exit code ${result.code}`);
}

function split(line: string): [string, string] {
  const at = line.indexOf('=');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
