/** Processor time of processes, from /proc. */
import { readFileSync } from 'node:fs';

/** Clock ticks of /proc/PID/stat per second: what Linux shows everywhere. */
const TICKS_PER_SECOND = 100;

/** Processor time, in ms, that a process has used, its threads included. Throws when it is gone: a figure without it would be wrong. */
export function processCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
