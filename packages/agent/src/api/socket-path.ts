/** The Unix socket's place in the file system: who may have it, and who may use it. */
import { chmod, chown, lstat, mkdir, readFile, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { N3xError } from '@n3x/core/base/errors';
import { SOCKET_PATH_BYTES_MAX } from '../config/schema.ts';

/** Owner and group may connect, nobody else. */
const SOCKET_MODE = 0o660;
/** Everything but what {@link SOCKET_MODE} allows. */
const SOCKET_UMASK = 0o117;

/**
 * Makes `server` listen at `path`. The socket of a process that is gone is replaced; one that answers, or a
 * file of another kind, is left alone and refused with `N3X_CONFIG`. `group` (name or number) gets access.
 */
export async function listenAt(server: Server, path: string, group: string | null): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new N3xError(
      'N3X_CONFIG',
      `api.socket: the path has ${bytes} bytes and Linux takes at most ${SOCKET_PATH_BYTES_MAX}: choose a shorter one (${path})`,
    );
  }
  const gid = group === null ? null : await groupId(group);
  try {
    await mkdir(dirname(path), { recursive: true });
    await removeDeadSocket(path);
    await listen(server, path);
    if (gid !== null) await chown(path, process.geteuid?.() ?? -1, gid);
    await chmod(path, SOCKET_MODE);
  } catch (cause) {
    if (cause instanceof N3xError) throw cause;
    throw new N3xError('N3X_CONFIG', `api.socket: cannot listen at ${path}`, { cause });
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The socket is made within this call, so that it never is more open than it shall be.
    const before = process.umask(SOCKET_UMASK);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) {
    throw new N3xError(
      'N3X_CONFIG',
      `api.socket: ${path} is there and is not a socket: move it away or choose another`,
    );
  }
  if (await answers(path)) {
    throw new N3xError('N3X_CONFIG', `api.socket: another process answers at ${path}: stop it or choose another path`);
  }
  await unlink(path);
}

/** Whether a process accepts connections there. */
async function answers(path: string): Promise<boolean> {
  return await new Promise<boolean>((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      probe.destroy();
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog is the sign of a living process.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

/** The number of a group, from the local group file. */
async function groupId(group: string): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  const lines = (await readFile('/etc/group', 'utf8')).split('\n');
  for (const line of lines) {
    const [name, , gid] = line.split(':');
    if (name === group && gid !== undefined) return Number(gid);
  }
  throw new N3xError('N3X_CONFIG', `api.socket_group: there is no group ${group} in /etc/group`);
}
