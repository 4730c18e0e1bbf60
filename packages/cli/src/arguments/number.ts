import { UsageError } from './usage-error.ts';

/** Reads a whole number within `[least, most]`. Throws `UsageError`; `flag` is named in it. */
export function parseWholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`${flag}: "${text}" is not a whole number from ${least} to ${most}`);
  }
  return value;
}
