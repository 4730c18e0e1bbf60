import type { Annotations } from '@n3x/core/model/names';
import { printable } from './table.ts';

/** Characters of an annotation that are shown to people; `-o json` has them all. */
const SHOWN = 120;

/** One field for each annotation. */
export function annotationFields(annotations: Annotations = {}): (readonly [string, string])[] {
  return Object.entries(annotations).map(([key, value]): readonly [string, string] => {
    const text = printable(value);
    return [`Annotation ${key}`, text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`];
  });
}
