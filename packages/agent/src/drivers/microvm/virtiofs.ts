/** The daemons behind a VM's virtiofs shares, where n3xd supervises the runner itself. */
import { constants as fsConstants } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment, execDetached, signalGroup } from '../exec.ts';
import { pause } from './console-log.ts';
import { DriverFailure } from './failure.ts';
import { exists, isMissing, type Layout } from './layout.ts';
import { findMarkedProcess, HELPER_ID_VARIABLE } from './process-identity.ts';

const SOCKETS_MS = 15_000;
const POLL_MS = 50;
const GONE_MS = 5_000;

/** Starts the runner's `virtiofsd-run`, if it has one, with `environment` added to its own, and waits for its sockets: a VM that comes first would fail. */
export async function startVirtiofs(
  layout: Layout,
  name: string,
  runner: string,
  runId: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const script = join(runner, 'bin/virtiofsd-run');
  if (!(await exists(script))) return;
  await stopVirtiofs(runId);
  {
    await using input = await open('/dev/null', fsConstants.O_RDONLY);
    await using output = await open(layout.path(name, 'virtiofsd.log'), 'w', 0o644);
    await execDetached([script], {
      cwd: layout.directory(name),
      // As root, as microvm.nix's unit: the daemons open the shares for the guest.
      env: childEnvironment({ ...environment, [HELPER_ID_VARIABLE]: runId }),
      stdio: [input.fd, output.fd, output.fd],
    });
  }
  const sockets = await readSockets(runner);
  const deadline = Date.now() + SOCKETS_MS;
  for (const socket of sockets) {
    while (!(await exists(layout.path(name, socket)))) {
      if (Date.now() >= deadline) {
        throw new DriverFailure('StartFailed', `virtiofsd of ${name} does not open ${socket}; see virtiofsd.log`, true);
      }
      await pause(POLL_MS, new AbortController().signal);
    }
  }
}

/** Ends the daemons of a run; does nothing when there are none. */
export async function stopVirtiofs(runId: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = Date.now() + GONE_MS;
    for (;;) {
      const found = await findMarkedProcess(runId, HELPER_ID_VARIABLE);
      if (found === undefined) return;
      signalGroup(found.pid, signal);
      if (Date.now() >= deadline) break;
      await pause(POLL_MS, new AbortController().signal);
    }
  }
}

async function readSockets(runner: string): Promise<string[]> {
  const directory = join(runner, 'share/microvm/virtiofs');
  try {
    const tags = await readdir(directory);
    const texts = await Promise.all(tags.map((tag) => readFile(join(directory, tag, 'socket'), 'utf8')));
    return texts.map((text) => text.trim());
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
