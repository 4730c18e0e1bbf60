/** For tests: ports of 127.0.0.1 that stay a test's own, also while nothing listens on them. */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below what Linux gives to those who ask for any port (32768 on), and what n3x gives to VMs (20000 on). */
const [FIRST, LAST] = [10_000, 19_999];
/** Ports that may be taken before it is given up. */
const TRIES = 200;

/** Names in use by this process, for as long as it lives. */
const held: Server[] = [];

/**
 * A port that nobody listens on, and that no other test of this machine is given while this process lives. A port that the
 * kernel chooses would be free for anybody between its choice and its use, and while a daemon that is to come back is down.
 */
export async function testPort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = randomInt(FIRST, LAST + 1);
    // A socket without a file: it goes with the process, and is another one in another network namespace.
    const name = await listening({ path: `\0n3x-test-port-${port}` });
    if (name === undefined) continue;
    const probe = await listening({ host: '127.0.0.1', port });
    if (probe === undefined) {
      name.close();
      continue;
    }
    await new Promise((closed) => probe.close(closed));
    held.push(name.unref());
    return port;
  }
  throw new Error(`none of ${TRIES} ports from ${FIRST} to ${LAST} is free`);
}

/** A server at this place; undefined when somebody else listens there. */
function listening(place: { path: string } | { host: string; port: number }): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(place, () => resolve(server));
  });
}
