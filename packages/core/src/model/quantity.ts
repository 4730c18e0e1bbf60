/** Memory and disk sizes as users write them: `512M`, `4G`, `1.5GiB`. */

/** Result of reading a size. */
export type SizeResult = { readonly ok: true; readonly mib: number } | { readonly ok: false; readonly reason: string };

/** Multiples of one MiB. `M` and `MiB` are the same: nobody sizes a VM in powers of ten. */
const UNIT_MIB: Readonly<Record<string, number>> = {
  M: 1,
  MI: 1,
  MIB: 1,
  G: 1024,
  GI: 1024,
  GIB: 1024,
  T: 1_048_576,
  TI: 1_048_576,
  TIB: 1_048_576,
};

/** Reads a size into whole MiB. A plain number is MiB. The reason of a refusal says what would be right. */
export function parseSizeMib(text: string): SizeResult {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const hint = 'write a number and M, G or T, for example 512M or 4G';
  if (match === null) return { ok: false, reason: `"${text}" is not a size: ${hint}` };
  const unit = (match[2] ?? '').toUpperCase();
  const factor = unit === '' ? 1 : UNIT_MIB[unit];
  if (factor === undefined) return { ok: false, reason: `"${text}" has the unknown unit "${match[2]}": ${hint}` };
  const mib = Number(match[1]) * factor;
  if (!Number.isInteger(mib)) return { ok: false, reason: `"${text}" is not a whole number of MiB: ${hint}` };
  if (mib < 1 || mib > 64 * 1_048_576) return { ok: false, reason: `"${text}" is out of range: 1M to 64T` };
  return { ok: true, mib };
}

/** The shortest exact form: `512M`, `4G`, `1T`. */
export function formatSizeMib(mib: number): string {
  if (mib >= 1_048_576 && mib % 1_048_576 === 0) return `${mib / 1_048_576}T`;
  if (mib >= 1024 && mib % 1024 === 0) return `${mib / 1024}G`;
  return `${mib}M`;
}

/** A size in MiB for people: exact where that is short, else to a tenth of its unit, like `23.0G`. */
export function roughSizeMib(mib: number): string {
  const exact = formatSizeMib(mib);
  if (mib < 1024 || exact.length <= 4) return exact;
  return mib < 1_048_576 ? `${(mib / 1024).toFixed(1)}G` : `${(mib / 1_048_576).toFixed(1)}T`;
}
