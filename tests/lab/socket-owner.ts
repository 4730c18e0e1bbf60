/** Which process holds the other end of a local TCP connection, as /proc says (proc_net_tcp(5), proc_pid_fd(5)). */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Field of /proc/net/tcp that holds the inode of a socket, and its local address. */
const INODE_FIELD = 9;
const LOCAL_FIELD = 1;

/** Inode of the socket that is bound to `port` of 127.0.0.1 and connected to `to` there; undefined when it is gone. */
async function inodeOf(port: number, to: number): Promise<string | undefined> {
  const end = (value: number): string => `0100007F:${value.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of (await readFile('/proc/net/tcp', 'utf8')).split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[LOCAL_FIELD] === end(port) && fields[LOCAL_FIELD + 1] === end(to)) return fields[INODE_FIELD];
  }
  return undefined;
}

/** The process among `pids` whose socket on 127.0.0.1 is bound to `port` and connected to the port `to`. */
export async function ownerOf(port: number, to: number, pids: readonly number[]): Promise<number | undefined> {
  const inode = await inodeOf(port, to);
  if (inode === undefined) return undefined;
  for (const pid of pids) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) === `socket:[${inode}]`) return pid;
    }
  }
  return undefined;
}
