/** Durations as users write them in the configuration: `90s`, `30m`, `2h`. */

/** Result of reading a duration. */
export type DurationResult =
  | { readonly ok: true; readonly seconds: number }
  | { readonly ok: false; readonly reason: string };

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Reads a duration into whole seconds, 1 s to 24 h. The reason of a refusal says what would be right. */
export function parseDurationSeconds(text: string): DurationResult {
  const match = /^(\d{1,6})([smh])$/.exec(text.trim());
  if (match === null) {
    return { ok: false, reason: `"${text}" is not a duration: write a number and s, m or h, for example 90s or 30m` };
  }
  const seconds = Number(match[1]) * (UNIT_SECONDS[match[2] ?? ''] ?? 0);
  if (seconds < 1 || seconds > 86_400) return { ok: false, reason: `"${text}" is out of range: 1s to 24h` };
  return { ok: true, seconds };
}
