/**
 * Tells systemd how the daemon is (sd_notify(3)). Node has no datagram sockets of the Unix domain, so the
 * message goes through `systemd-notify`, which every systemd host has; the unit sets `NotifyAccess=all`.
 */
import { exec } from '../drivers/exec.ts';
import type { Journal } from './journal.ts';

/** What can be told. */
export type ServiceState = 'READY=1' | 'STOPPING=1' | 'RELOADING=1';

/** Tells it, when the daemon was started by systemd with a notification socket; otherwise does nothing. */
export async function notifyService(state: ServiceState, journal: Journal): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const args = state === 'RELOADING=1' ? ['--reloading'] : [state === 'READY=1' ? '--ready' : state];
  const result = await exec(['systemd-notify', ...args], { timeoutMs: 5_000 });
  if (result.code !== 0) journal.log('warn', 'daemon.notifyFailed', { state, message: result.stderr.trim() });
}
