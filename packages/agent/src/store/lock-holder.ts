/** Finds out who holds LevelDB's lock, which is a POSIX record lock and so ends with its process. */
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The pid of the process that has a lock on `path`, as the kernel says (proc_locks(5)). Undefined when there
 * is none, or none that this process may see.
 */
export async function lockHolder(path: string): Promise<number | undefined> {
  try {
    const { ino } = await stat(path);
    const target = await realpath(path);
    for (const line of (await readFile('/proc/locks', 'utf8')).split('\n')) {
      const match = /POSIX .* (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line);
      // Device numbers there differ from those of stat(2) on some file systems, hence the second look.
      if (match?.[2] === String(ino) && (await hasOpen(Number(match[1]), target))) return Number(match[1]);
    }
  } catch (error) {
    if (!isUnavailable(error)) throw error;
  }
  return undefined;
}

async function hasOpen(pid: number, target: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`;
  try {
    for (const fd of await readdir(directory)) {
      if ((await readlink(join(directory, fd)).catch(() => '')) === target) return true;
    }
  } catch (error) {
    if (!isUnavailable(error)) throw error;
  }
  return false;
}

/** Not there, or not to be seen by this process. */
function isUnavailable(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && ['ENOENT', 'EACCES', 'EPERM', 'ESRCH'].includes(String(error.code))
  );
}
