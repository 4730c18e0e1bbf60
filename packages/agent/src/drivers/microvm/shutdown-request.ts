/**
 * Asks a guest to shut down by its runner's own script. Two traps of real runners are met here: some scripts wait for
 * their standard input to end (microvm.nix before its pull request 578), so it is kept open; some wait for the process
 * in `MAINPID`, which only systemd would set.
 */
import { join } from 'node:path';
import { childEnvironment, type Exec } from '../exec.ts';
import { exists } from './layout.ts';

/**
 * Starts the runner's shutdown script and gives what ends it again. Undefined when the runner has none, because its
 * hypervisor knows no graceful end. Whether the guest obeys is seen from its process alone.
 */
export async function requestShutdown(
  exec: Exec,
  directory: string,
  runner: string,
  pid: number,
  timeoutMs: number,
): Promise<AbortController | undefined> {
  const script = join(runner, 'bin/microvm-shutdown');
  if (!(await exists(script))) return undefined;
  const abort = new AbortController();
  void exec([script], {
    cwd: directory,
    env: childEnvironment({ MAINPID: String(pid) }),
    timeoutMs: timeoutMs + 1000,
    stdin: 'open',
    signal: abort.signal,
  });
  return abort;
}
