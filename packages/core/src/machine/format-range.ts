/** Formats that a build can read. */

/** A range of command formats: the lowest and the highest. */
export type FormatRange = readonly [lowest: number, highest: number];

/** Whether `format` is one of `formats`. */
export function reads(formats: FormatRange, format: number): boolean {
  return format >= formats[0] && format <= formats[1];
}
