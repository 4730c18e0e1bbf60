/**
 * Whether a process is the one that was started. A pid alone is not enough: it may belong to another process by now.
 * Source of the fields: proc_pid_stat(5), proc_pid_environ(5).
 */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Name of the variable that marks a VM's process; it stays in its environment through `exec`. */
export const RUN_ID_VARIABLE = 'N3X_RUN_ID';
/** Name of the variable that marks the processes that help a run, such as virtiofsd. */
export const HELPER_ID_VARIABLE = 'N3X_HELPER_OF_RUN';

/** What `/proc` says of a process. */
export interface ProcessStat {
  /** One letter: `R`, `S`, `D`, `Z`... */
  readonly state: string;
  /** Start of the process in clock ticks since the host's boot. */
  readonly startTicks: string;
}

/** Identity of this boot of the host. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** The process with this pid; undefined when there is none, or only its remains (a zombie). */
export async function readProcess(pid: number): Promise<ProcessStat | undefined> {
  const text = await readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command, in parentheses, may hold anything, so fields are counted from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === undefined || startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return { state, startTicks };
}

/** What is known of the process that was started. */
export interface ExpectedProcess {
  readonly id: string;
  readonly pid: number | null;
  readonly startTicks: string | null;
  readonly bootId: string;
  /** It was started by somebody else, without the mark. */
  readonly unmarked?: true | undefined;
}

/**
 * Whether the process that was started still runs. Same boot, same pid, same start time, and, where its environment
 * may be read, the mark that it was given.
 */
export async function isSameProcess(expected: ExpectedProcess, bootId: string, directory: string): Promise<boolean> {
  const { pid } = expected;
  if (pid === null || expected.bootId !== bootId) return false;
  const found = await readProcess(pid);
  if (found === undefined || found.startTicks !== expected.startTicks) return false;
  const environment = expected.unmarked === true ? '' : await readProc(`/proc/${pid}/environ`);
  if (environment !== undefined && environment !== '') return hasMark(environment, RUN_ID_VARIABLE, expected.id);
  const cwd = await readCwd(pid);
  return cwd === undefined || cwd === directory;
}

/** The oldest process that carries a mark: the one that was started when its pid was not written down in time. */
export async function findMarkedProcess(
  id: string,
  variable = RUN_ID_VARIABLE,
): Promise<{ pid: number; startTicks: string } | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  let oldest: { pid: number; startTicks: string } | undefined;
  for (const pid of pids) {
    const environment = await readProc(`/proc/${pid}/environ`);
    if (environment === undefined || !hasMark(environment, variable, id)) continue;
    const found = await readProcess(pid);
    if (found === undefined) continue;
    if (oldest === undefined || BigInt(found.startTicks) < BigInt(oldest.startTicks)) {
      oldest = { pid, startTicks: found.startTicks };
    }
  }
  return oldest;
}

function hasMark(environment: string, variable: string, id: string): boolean {
  return environment.split('\0').includes(`${variable}=${id}`);
}

async function readCwd(pid: number): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/cwd`);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** The process ended meanwhile, or belongs to someone whose processes may not be looked into. */
function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code);
}
