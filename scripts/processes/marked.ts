/**
 * Finds and ends processes by a mark in their environment. Children inherit the mark however they are started,
 * so it also finds what outlived its parent, and never a stranger that got a reused process id.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A running process. */
export interface MarkedProcess {
  readonly pid: number;
  /** Its command line, arguments joined by spaces. */
  readonly command: string;
  /** Its start time in clock ticks since boot: with the pid it names one process for good. */
  readonly startTicks: string;
}

/** Reads a file of /proc; undefined when the process has gone or is another user's. */
function readProc(pid: number | string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}

/** Start time of a running process, or undefined when it has gone or is a zombie. */
export function startTicks(pid: number): string | undefined {
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // The command's name, in parentheses, may hold anything; the fields after it are numbered from 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** All running processes, but this one, whose environment has `name=value`. */
export function findMarked(name: string, value: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (readProc(pid, 'environ')?.split('\0').includes(`${name}=${value}`) !== true) continue;
    const ticks = startTicks(pid);
    if (ticks === undefined) continue;
    const command = (readProc(pid, 'cmdline') ?? '').split('\0').join(' ').trim();
    found.push({ pid, command, startTicks: ticks });
  }
  return found;
}

/** Sends a signal unless the process has gone. */
export function signal(found: MarkedProcess, name: NodeJS.Signals): void {
  if (startTicks(found.pid) !== found.startTicks) return;
  try {
    process.kill(found.pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Waits until no process has the mark, at most `milliseconds`; answers those that are left. */
export async function waitForMarked(name: string, value: string, milliseconds: number): Promise<MarkedProcess[]> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const left = findMarked(name, value);
    if (left.length === 0 || performance.now() >= deadline) return left;
    await delay(50);
  }
}

/** Ends every process with the mark: asks, waits `graceMilliseconds`, then insists. Answers those that had to be killed. */
export async function endMarked(name: string, value: string, graceMilliseconds: number): Promise<MarkedProcess[]> {
  for (const found of findMarked(name, value)) signal(found, 'SIGTERM');
  const stubborn = await waitForMarked(name, value, graceMilliseconds);
  for (const found of stubborn) signal(found, 'SIGKILL');
  const left = await waitForMarked(name, value, 5000);
  if (left.length > 0) throw new Error(`process ${left[0]?.pid} (${left[0]?.command}) does not end`);
  return stubborn;
}
