/**
 * The dead-man's switch without systemd: one small process in a session of its own. To arm it anew is to replace a file
 * that it reads; a new process is needed only for the first time, after it fired, and when something happened to it.
 */
import { constants as fsConstants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment, execDetached, signalGroup } from '../exec.ts';
import { pause } from '../microvm/console-log.ts';
import { readProcess } from '../microvm/process-identity.ts';
import { bootMs } from './boot-clock.ts';
import { type FenceDirectory, type ListedProcess, SHELL, WATCHDOG } from './fence-directory.ts';
import { type DeadMansSwitch, hundredths } from './switch.ts';

/** How long, in ms, a new watchdog may take until it counts. */
const ANSWER_MS = 5_000;
/** How long, in ms, one that fires may take until it has killed everything. */
const FIRING_MS = 10_000;
const POLL_MS = 10;

/** A watchdog process of a fence directory. */
export class WatchdogProcess implements DeadMansSwitch {
  readonly kind = 'direct';
  readonly #directory: FenceDirectory;
  #process: ListedProcess | null = null;
  #deadline = 0;

  constructor(directory: FenceDirectory) {
    this.#directory = directory;
  }

  async arm(deadlineMs: number): Promise<void> {
    const deadline = hundredths(deadlineMs);
    const counting = this.#process !== null && (await isAwake(this.#process));
    if (counting) {
      await this.#directory.write('deadline', String(deadline));
      // A watchdog only heeds what is later; and one that had decided before it could read this has left a sign.
      if (deadline >= this.#deadline && (await this.#heeded())) {
        this.#deadline = deadline;
        return;
      }
    }
    await this.#waitForFiring();
    // While nobody is named, whoever counts goes on.
    await this.#directory.remove('watchdog');
    const started = await this.#start(deadline);
    await this.#directory.write('deadline', String(deadline));
    // From here on others that count for this directory end.
    await this.#directory.write('watchdog', String(started.pid));
    this.#process = started;
    this.#deadline = deadline;
    // One of a former daemon may have decided before it could read this.
    await this.#waitForFiring();
    if (bootMs() < deadlineMs && !(await isAwake(started)))
      throw new Error('the watchdog process ended before its time');
  }

  async disarm(): Promise<void> {
    await this.#directory.write('watchdog', 'none');
    if (this.#process !== null && (await isAwake(this.#process))) signalGroup(this.#process.pid, 'SIGKILL');
    this.#process = null;
  }

  describe(): string {
    return 'watchdog process';
  }

  /** Whether the watchdog goes on to the deadline that was just written. */
  async #heeded(): Promise<boolean> {
    const { pid } = this.#process ?? { pid: 0 };
    const end = performance.now() + FIRING_MS;
    while (await this.#directory.has(`firing.${pid}`)) {
      if (this.#process === null || !(await isAwake(this.#process)) || performance.now() >= end) return false;
      await pause(POLL_MS, NEVER);
    }
    // It says that it went off before it takes its sign away and ends: alive alone it might be on its way out.
    if (await this.#directory.has('fired')) return false;
    return this.#process !== null && (await isAwake(this.#process));
  }

  /** A deadline that has passed is carried out to its end: else it would hit what is started after this. */
  async #waitForFiring(): Promise<void> {
    const end = performance.now() + FIRING_MS;
    for (const name of await this.#directory.firing()) {
      while ((await this.#directory.has(`firing.${name}`)) && (await readProcess(Number(name))) !== undefined) {
        if (performance.now() >= end) {
          throw new Error(`watchdog process ${name} still kills what ran when the last deadline passed`);
        }
        await pause(POLL_MS, NEVER);
      }
      await this.#directory.remove(`firing.${name}`);
    }
  }

  async #start(deadline: number): Promise<ListedProcess> {
    const { path, mark } = this.#directory;
    const answer = join(path, 'answer');
    await this.#directory.remove('answer');
    await using input = await open('/dev/null', fsConstants.O_RDONLY);
    await using output = await open(answer, 'w', 0o644);
    const child = await execDetached([SHELL, WATCHDOG, path, String(deadline), mark], {
      cwd: '/',
      env: childEnvironment(),
      stdio: [input.fd, output.fd, output.fd],
    });
    const pid = child.pid ?? 0;
    const end = performance.now() + ANSWER_MS;
    for (;;) {
      const said = (await this.#directory.read('answer')) ?? '';
      const stat = await readProcess(pid);
      // One with a deadline in the past may be through already.
      if (said === 'counting') return { pid, startTicks: stat?.startTicks ?? '' };
      if (stat === undefined || performance.now() >= end) {
        signalGroup(pid, 'SIGKILL');
        throw new Error(`the watchdog process does not count${said === '' ? '' : `: ${said.split('\n').at(-1)}`}`);
      }
      await pause(POLL_MS, NEVER);
    }
  }
}

const NEVER = new AbortController().signal;

/** Whether a process is there and neither stopped nor dead. */
async function isAwake(process: ListedProcess): Promise<boolean> {
  const stat = await readProcess(process.pid);
  return stat !== undefined && stat.startTicks === process.startTicks && !['T', 't'].includes(stat.state);
}
