/** Whether this daemon ends because the whole host goes down. */
import { type Exec, exec } from './exec.ts';
import { exists } from './microvm/layout.ts';

const CALL_TIMEOUT_MS = 1_000;

/** Whether systemd, where it is the init, is shutting the host down. What cannot be told is taken for no. */
export async function isShuttingDown(
  run: Exec = exec,
  booted: () => Promise<boolean> = () => exists('/run/systemd/system'),
): Promise<boolean> {
  if (!(await booted())) return false;
  const { stdout } = await run(['systemctl', 'is-system-running'], { timeoutMs: CALL_TIMEOUT_MS });
  return stdout.trim() === 'stopping';
}
