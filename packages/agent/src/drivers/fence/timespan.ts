/** Spans of time as systemd prints them: systemd.time(7). */

const UNIT_MS: Readonly<Record<string, number>> = {
  y: 31_557_600_000,
  month: 2_629_800_000,
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  min: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
};

/** Reads a span such as `9h 23min 24.425257s`; undefined for anything else, `infinity` included. */
export function parseTimespanMs(text: string): number | undefined {
  const parts = text.trim().split(/\s+/);
  let sum = 0;
  for (const part of parts) {
    const match = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(part);
    const unit = UNIT_MS[match?.[2] ?? ''];
    if (match === null || unit === undefined) return part === '0' && parts.length === 1 ? 0 : undefined;
    sum += Number(match[1]) * unit;
  }
  return sum;
}
