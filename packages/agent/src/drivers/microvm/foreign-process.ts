/** Finds the process of a VM that n3x did not start, or has forgotten, where no unit names it. */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { uptime } from 'node:os';
import { basename } from 'node:path';
import { HELPER_ID_VARIABLE, RUN_ID_VARIABLE, readProcess } from './process-identity.ts';

/** Programs that microvm.nix's runners end up as; some give themselves the name `microvm@<name>`. */
const HYPERVISORS =
  /^(?:microvm@.*|qemu-system-.*|qemu-kvm|\.qemu-.*|cloud-hypervisor|firecracker|crosvm|lkvm|kvmtool|stratovirt|alioth)$/;
/** Clock ticks per second of `/proc`, the same on every Linux that n3x runs on (proc_pid_stat(5), USER_HZ). */
const TICKS_PER_SECOND = 100;

/** A process that was found. */
export interface ForeignProcess {
  readonly pid: number;
  readonly startTicks: string;
  /** Wall clock, ms; to within a second. */
  readonly startedAtMs: number;
  /** The mark of the run that it was started for, when n3x started it. */
  readonly runId?: string;
}

/**
 * The processes of a VM: those that work in its state directory and are a hypervisor, or carry a mark of n3x. Helpers
 * and children of another one are left out; more than one is for the caller to refuse.
 */
export async function findForeignProcesses(directory: string): Promise<ForeignProcess[]> {
  const real = await realpath(directory);
  const found = new Map<number, { readonly process: ForeignProcess; readonly parent: number }>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    const cwd = await quietly(readlink(`/proc/${pid}/cwd`));
    if (cwd !== real) continue;
    const variables = ((await quietly(readFile(`/proc/${pid}/environ`, 'utf8'))) ?? '').split('\0');
    const marked = (name: string) =>
      variables.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);
    if (marked(HELPER_ID_VARIABLE) !== undefined) continue;
    const runId = marked(RUN_ID_VARIABLE);
    const [program = ''] = ((await quietly(readFile(`/proc/${pid}/cmdline`, 'utf8'))) ?? '').split('\0');
    if (runId === undefined && !HYPERVISORS.test(basename(program))) continue;
    const stat = await readProcess(pid);
    const parent = await parentOf(pid);
    if (stat === undefined || parent === undefined) continue;
    const ageMs = uptime() * 1000 - (Number(stat.startTicks) / TICKS_PER_SECOND) * 1000;
    found.set(pid, {
      parent,
      process: {
        pid,
        startTicks: stat.startTicks,
        startedAtMs: Math.round(Date.now() - ageMs),
        ...(runId === undefined ? {} : { runId }),
      },
    });
  }
  return [...found.values()].filter(({ parent }) => !found.has(parent)).map(({ process }) => process);
}

/** A process that n3x started in a directory that is gone. */
export interface StrayProcess {
  readonly pid: number;
  readonly directory: string;
}

/** Processes with a mark of n3x whose working directory was one below `stateDir` and is removed. */
export async function findStrayProcesses(stateDir: string): Promise<StrayProcess[]> {
  const below = `${(await quietly(realpath(stateDir))) ?? stateDir}/`;
  const found: StrayProcess[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // proc_pid_cwd(5): the kernel says so where a directory was removed.
    const cwd = (await quietly(readlink(`/proc/${entry}/cwd`))) ?? '';
    if (!cwd.startsWith(below) || !cwd.endsWith(' (deleted)')) continue;
    const variables = ((await quietly(readFile(`/proc/${entry}/environ`, 'utf8'))) ?? '').split('\0');
    const ours = variables.some(
      (text) => text.startsWith(`${RUN_ID_VARIABLE}=`) || text.startsWith(`${HELPER_ID_VARIABLE}=`),
    );
    if (ours) found.push({ pid: Number(entry), directory: cwd.slice(0, -' (deleted)'.length) });
  }
  return found;
}

async function parentOf(pid: number): Promise<number | undefined> {
  const text = await quietly(readFile(`/proc/${pid}/stat`, 'utf8'));
  return text === undefined ? undefined : Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Processes come and go, and those of others may not be looked into. */
async function quietly<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return undefined;
    throw error;
  }
}
