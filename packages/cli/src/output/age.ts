/** Spans and times for people. */

/** A span in ms in its largest fitting units: `45s`, `3m`, `2h`, `4d`. Negative ones read as `0s`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h`;
  return `${Math.floor(hours / 24)}d`;
}

/** How long ago a wall-clock time in ms was. */
export function formatAge(atMs: number, nowMs: number): string {
  return formatSpan(nowMs - atMs);
}

/** A wall-clock time in ms as UTC, to the second. */
export function formatTime(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
