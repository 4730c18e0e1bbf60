import { formatSizeMib } from '@n3x/core/model/quantity';

/** A size in MiB for people: exact where that is short, else to a tenth of its unit, like `23.0G`. */
export function formatMemory(mib: number): string {
  const exact = formatSizeMib(mib);
  if (mib < 1024 || exact.length <= 4) return exact;
  return mib < 1_048_576 ? `${(mib / 1024).toFixed(1)}G` : `${(mib / 1_048_576).toFixed(1)}T`;
}
