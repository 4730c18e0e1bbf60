import { roughSizeMib } from '@n3x/core/model/quantity';

/** A size in MiB for people: exact where that is short, else to a tenth of its unit, like `23.0G`. */
export const formatMemory = roughSizeMib;
