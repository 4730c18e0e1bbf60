/** Time spans as users write them: `500ms`, `10s`, `2m`, `1h30m`, `7d`. */
import { UsageError } from './usage-error.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 366 * 86_400_000;

/** Reads a span into whole ms; a plain number is seconds. Throws `UsageError`; `flag` is named in it. */
export function parseDuration(flag: string, text: string): number {
  const hint = 'write a number and ms, s, m, h or d, for example 10s, 2m or 1h30m';
  const refuse = (what: string) => new UsageError(`${flag}: ${what}: ${hint}`);
  if (/^\d+(\.\d+)?$/.test(text)) return check(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw refuse(`"${text}" is not a duration`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return check(total);

  function check(ms: number): number {
    const rounded = Math.round(ms);
    if (rounded < 1 || rounded > LONGEST_MS) throw refuse(`"${text}" is out of range (1ms to 366d)`);
    return rounded;
  }
}

/** Reads a span that the API counts in whole seconds. Throws `UsageError`. */
export function parseSeconds(flag: string, text: string): number {
  const ms = parseDuration(flag, text);
  if (ms % 1000 !== 0) throw new UsageError(`${flag}: "${text}" is not a whole number of seconds`);
  return ms / 1000;
}
