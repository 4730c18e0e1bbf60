/** The clock of leases and of the dead-man's switch. */
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';

/** Time in ms since boot that goes on while the machine sleeps. Steps of 10 ms: Node reads it from `/proc/uptime`. */
export function bootMs(): number {
  return uptime() * 1000;
}

/** Identity of this boot: times of {@link bootMs} mean nothing in another one. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
