/**
 * Asks a guest to shut down by its runner's own script. Three traps of real runners and guests are met here: some scripts wait
 * for their standard input to end (microvm.nix before its pull request 578), so it is kept open; some wait for the process
 * in `MAINPID`, which only systemd would set; and a guest that is still booting misses its power button, so it is pressed again.
 */
import { join } from 'node:path';
import { childEnvironment, type Exec } from '../exec.ts';
import { pause } from './console-log.ts';
import { exists } from './layout.ts';

/** Ms between two requests: at first, and at most. Far enough apart that none is taken for an order to hurry. */
const FIRST_REPEAT_MS = 3000;
const LONGEST_REPEAT_MS = 15_000;
const REPEAT_GROWTH = 1.5;

/**
 * Runs the runner's shutdown script, again and again until `timeoutMs` have passed, and gives what ends that. Undefined when
 * the runner has none, because its hypervisor knows no graceful end. Whether the guest obeys is seen from its process alone.
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
  void repeat(exec, script, { directory, pid, timeoutMs, signal: abort.signal });
  return abort;
}

async function repeat(
  exec: Exec,
  script: string,
  options: {
    readonly directory: string;
    readonly pid: number;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { directory, pid, timeoutMs, signal } = options;
  const deadline = performance.now() + timeoutMs;
  for (let every = FIRST_REPEAT_MS; !signal.aborted; every = Math.min(LONGEST_REPEAT_MS, every * REPEAT_GROWTH)) {
    const next = performance.now() + every;
    // One that goes on waiting is ended before the next: some hypervisors listen to one at a time.
    await exec([script], {
      cwd: directory,
      env: childEnvironment({ MAINPID: String(pid) }),
      timeoutMs: every,
      stdin: 'open',
      signal,
    });
    if (next >= deadline) return;
    await pause(Math.max(0, next - performance.now()), signal);
  }
}
