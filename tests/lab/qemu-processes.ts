/** The QEMU processes of the VMs below a directory, looked for in /proc without asking n3x anything. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { Seen } from './watch-report.ts';

/** A process is looked at each time while it is this young, and again each so many ms later on: it may change its directory. */
const YOUNG_MS = 2_000;
const AGAIN_MS = 1_000;

interface Known {
  readonly firstMs: number;
  lookedMs: number;
  /** Works below the directory. */
  inside: boolean;
  seen: Seen | undefined;
}

/** Finds them, cheaply when asked again and again. */
export class QemuProcesses {
  readonly #directory: string;
  #known = new Map<string, Known>();

  /** `directory` holds a directory per host, each with `microvms/VM`. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Those that there are now. */
  look(nowMs: number): Seen[] {
    const found: Seen[] = [];
    const known = new Map<string, Known>();
    for (const pid of readdirSync('/proc')) {
      const first = pid.charCodeAt(0);
      if (first < 48 || first > 57) continue;
      const entry = this.#known.get(pid) ?? { firstMs: nowMs, lookedMs: 0, inside: false, seen: undefined };
      known.set(pid, entry);
      const isYoung = nowMs - entry.firstMs < YOUNG_MS;
      if (entry.inside || isYoung || nowMs - entry.lookedMs >= AGAIN_MS) this.#lookAt(pid, entry, nowMs);
      if (entry.seen !== undefined) found.push(entry.seen);
    }
    this.#known = known;
    return found;
  }

  #lookAt(pid: string, entry: Known, nowMs: number): void {
    entry.lookedMs = nowMs;
    const place = placeOf(
      read(() => readlinkSync(`/proc/${pid}/cwd`)),
      this.#directory,
    );
    entry.inside = place !== undefined;
    const program = place === undefined ? undefined : read(() => readlinkSync(`/proc/${pid}/exe`));
    if (place === undefined || program === undefined || !basename(program).startsWith('qemu-system-')) {
      entry.seen = undefined;
      return;
    }
    const startTicks = startOf(read(() => readFileSync(`/proc/${pid}/stat`, 'utf8')));
    if (entry.seen !== undefined && entry.seen.startTicks === startTicks) return;
    entry.seen = startTicks === undefined ? undefined : { ...place, pid: Number(pid), startTicks };
  }
}

/** The host and the VM whose state directory `cwd` is, as `DIRECTORY/HOST/microvms/VM`, also when it is deleted. */
function placeOf(cwd: string | undefined, directory: string): { host: string; vm: string } | undefined {
  if (cwd === undefined || !cwd.startsWith(`${directory}/`)) return undefined;
  const [host, kind, vm] = cwd.slice(directory.length + 1).split('/');
  if (host === undefined || kind !== 'microvms' || vm === undefined) return undefined;
  return { host, vm: vm.replace(/ \(deleted\)$/, '') };
}

/** Field 22 of /proc/PID/stat; undefined for a process that is gone, or only its remains. */
function startOf(stat: string | undefined): string | undefined {
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** What is read of a process, or undefined when it has ended meanwhile or is none of ours. */
function read(of: () => string): string | undefined {
  try {
    return of();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
