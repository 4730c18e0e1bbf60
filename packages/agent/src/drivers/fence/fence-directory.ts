/**
 * What the dead-man's switch of one n3xd, its watchdogs and its fenced VMs share: a directory below `/run`, where no full
 * or hanging disk gets in between. `watchdog.sh` says what is in it.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists, isMissing } from '../microvm/layout.ts';
import { bootId } from './boot-clock.ts';

/** Name of the variable that marks the processes of a fenced VM; it stays in their environment through `fork` and `exec`. */
export const FENCE_VARIABLE = 'N3X_FENCE';

/** The script that counts and kills. */
export const WATCHDOG = fileURLToPath(new URL('watchdog.sh', import.meta.url));
const GATE = fileURLToPath(new URL('gate.sh', import.meta.url));
/** The shell of both: the one path that every Linux has. */
export const SHELL = '/bin/sh';

/** A process, with what tells it from another one that got its id later. */
export interface ListedProcess {
  readonly pid: number;
  /** Field 22 of `/proc/<pid>/stat`. */
  readonly startTicks: string;
}

/** The directory of one dead-man's switch. */
export class FenceDirectory {
  readonly path: string;
  /** Tells the switch of one n3xd from those of others on the same machine. */
  readonly id: string;

  private constructor(path: string, id: string) {
    this.path = path;
    this.id = id;
  }

  /**
   * The directory for the VMs below `stateDir`, in `runtimeDir`. What another boot left in it is removed. Rejects with the
   * system's error when it cannot be made.
   */
  static async open(runtimeDir: string, stateDir: string): Promise<FenceDirectory> {
    const real = await realpath(stateDir).catch((error: unknown) => {
      if (isMissing(error)) return stateDir;
      throw error;
    });
    const id = createHash('sha256').update(real).digest('hex').slice(0, 16);
    return await FenceDirectory.#make(join(runtimeDir, `fence-${id}`), id);
  }

  static async #make(path: string, id: string): Promise<FenceDirectory> {
    const directory = new FenceDirectory(path, id);
    const boot = await bootId();
    if ((await directory.read('boot')) !== boot) await rm(path, { recursive: true, force: true });
    for (const name of ['units', 'processes', 'spared']) await mkdir(join(path, name), { recursive: true });
    // The gate of a unit runs as its user.
    await chmod(path, 0o755);
    await directory.write('boot', boot);
    return directory;
  }

  /** One beside it that shares nothing with it. */
  async trial(): Promise<FenceDirectory> {
    await rm(`${this.path}-trial`, { recursive: true, force: true });
    return await FenceDirectory.#make(`${this.path}-trial`, `${this.id}-trial`);
  }

  /** The variable that a process of a fenced VM has to have in its environment, from its first moment on. */
  get environment(): Readonly<Record<string, string>> {
    return { [FENCE_VARIABLE]: this.id };
  }

  /** The same as the watchdog looks for it. */
  get mark(): string {
    return `${FENCE_VARIABLE}=${this.id}`;
  }

  /** How a process of a fenced VM is started, so that one that comes too late does not start. */
  gated(argv: readonly [string, ...string[]]): [string, ...string[]] {
    return [SHELL, GATE, this.path, ...argv];
  }

  /** What fails once it is too late for a fenced VM to start. */
  get gate(): readonly string[] {
    return [SHELL, GATE, this.path];
  }

  /** Text of an entry without its line end; undefined when it is missing. */
  async read(entry: string): Promise<string | undefined> {
    try {
      return (await readFile(join(this.path, entry), 'utf8')).trim();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Replaces an entry whole. It needs not to outlive the boot, so it is not synced. */
  async write(entry: string, text: string): Promise<void> {
    const path = join(this.path, entry);
    await writeFile(`${path}.tmp`, `${text}\n`);
    await rename(`${path}.tmp`, path);
  }

  async has(entry: string): Promise<boolean> {
    return await exists(join(this.path, entry));
  }

  async remove(entry: string): Promise<void> {
    await rm(join(this.path, entry), { force: true });
  }

  /** Names of the watchdogs that have begun to kill, or are about to decide whether to. */
  async firing(): Promise<string[]> {
    const entries = await readdir(this.path);
    return entries.filter((entry) => entry.startsWith('firing.')).map((entry) => entry.slice('firing.'.length));
  }

  /** Makes a unit known to the switch, before it is started. */
  async listUnit(unit: string): Promise<void> {
    await this.write(join('units', unit), '');
  }

  async unlistUnit(unit: string): Promise<void> {
    await this.remove(join('units', unit));
  }

  /** Makes the running process of `name` known to the switch: one that was started without the mark. */
  async listProcess(name: string, process: ListedProcess): Promise<void> {
    await this.write(join('processes', name), `${process.pid} ${process.startTicks}`);
  }

  async unlistProcess(name: string): Promise<void> {
    await this.remove(join('processes', name));
  }

  /** From now on the switch leaves the process group alone that this process leads, whatever mark it carries. */
  async spare(process: ListedProcess): Promise<void> {
    await this.write(join('spared', String(process.pid)), process.startTicks);
  }

  async unspare(pid: number): Promise<void> {
    await this.remove(join('spared', String(pid)));
  }

  /** Whether anything is listed. */
  async hasListed(): Promise<boolean> {
    for (const list of ['units', 'processes']) {
      if ((await readdir(join(this.path, list))).some((entry) => !entry.endsWith('.tmp'))) return true;
    }
    return false;
  }

  /** Takes all of it away. */
  async delete(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
