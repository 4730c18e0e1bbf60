/** What /proc says of the processes of a test's cluster: VMs live on when the n3xd that started them is gone. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process, told apart from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start of the process in clock ticks since the machine's boot (proc_pid_stat(5)). */
  readonly startTicks: string;
}

/** The live process with this pid; undefined when there is none, or only its remains. */
export async function processOf(pid: number): Promise<ProcessIdentity | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // No such process, which is the answer.
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks };
}

/** Command line of a process, its arguments joined by spaces; empty when it is gone. */
export async function commandOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
}

/** Pids of the processes that work in a directory or below it, removed ones included: so are VMs found. */
export async function processesIn(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => '');
    if (cwd === directory || cwd.startsWith(`${directory}/`)) found.push(Number(entry));
  }
  return found;
}
