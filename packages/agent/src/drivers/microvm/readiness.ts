/** Whether a guest has booted, as its spec says that this is known. */
import { connect } from 'node:net';
import { createContext, Script } from 'node:vm';
import type { DriverVm } from '@n3x/core/ports/driver';

/** How long, in ms, one attempt may take, and a connection must stay open to count. */
const ATTEMPT_MS = 2000;
const STAY_OPEN_MS = 150;

/** What a probe may look at. */
export interface ProbeContext {
  /** What the console printed since the start of the process. */
  consoleText(): Promise<string>;
}

/** Asks once whether the guest of a running process is ready. Never rejects for a guest that is not. */
export async function probe(vm: DriverVm, context: ProbeContext): Promise<boolean> {
  const { readiness } = vm.spec;
  switch (readiness.type) {
    case 'process':
      return true;
    case 'console':
      return matches(readiness.pattern, await context.consoleText());
    case 'tcp': {
      const port = hostPort(vm, readiness.port);
      return port !== undefined && (await staysOpen(port));
    }
    case 'http': {
      const port = hostPort(vm, readiness.port);
      return port !== undefined && (await answers(`http://127.0.0.1:${port}${readiness.path}`));
    }
  }
}

/** Whether a readiness once seen holds as long as the process runs: a console does not take back what it printed. */
export function isLasting(vm: DriverVm): boolean {
  return vm.spec.readiness.type === 'console' || vm.spec.readiness.type === 'process';
}

/** The host's port that leads to a guest's TCP port. For a flake of the user's nobody knows: the port itself. */
export function hostPort(vm: DriverVm, guestPort: number): number | undefined {
  const { source } = vm.spec;
  if (source.kind === 'flake') return guestPort;
  const index = source.forwards.findIndex((entry) => entry.protocol === 'tcp' && entry.guestPort === guestPort);
  return index < 0 ? undefined : (vm.allocation.hostPorts[index] ?? source.forwards[index]?.hostPort);
}

/** How long, in ms, a pattern may be searched for: one that takes for ever must not stop the daemon. */
const MATCH_MS = 50;
const search = new Script('new RegExp(pattern, "m").test(text)');
const sandbox = createContext({ pattern: '', text: '' });

/** Whether some line matches. A pattern that is no regular expression, or takes too long, does not match. */
export function matches(pattern: string, text: string): boolean {
  sandbox['pattern'] = pattern;
  sandbox['text'] = text;
  try {
    return search.runInContext(sandbox, { timeout: MATCH_MS }) === true;
  } catch {
    return false;
  } finally {
    sandbox['text'] = '';
  }
}

/** User networking accepts at once and closes when nobody listens in the guest: a port counts once it stays open. */
function staysOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (ready: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(ready);
    };
    let timer = setTimeout(() => end(false), ATTEMPT_MS);
    socket.once('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(true), STAY_OPEN_MS);
    });
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('end', () => end(false));
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ATTEMPT_MS) });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400;
  } catch {
    // Refused, reset, too slow, not HTTP: all of them mean not ready.
    return false;
  }
}
