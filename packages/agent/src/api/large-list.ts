/** Writes long lists piece by piece, so that one reader of thousands of objects does not hold up everything else. */
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Items that are made into text in one turn of the event loop: about 2 ms for VMs. */
const PIECE_ITEMS = 128;

/** A list answer. */
export interface ListAnswer {
  readonly items: readonly unknown[];
}

/** Whether an answer is a list that is worth cutting into pieces. */
export function isLargeList(result: unknown): result is ListAnswer {
  if (typeof result !== 'object' || result === null || !('items' in result)) return false;
  return Array.isArray(result.items) && result.items.length > 2 * PIECE_ITEMS;
}

/** The same JSON text as `JSON.stringify(list)` but for the order of its keys, made as it is read. */
export function listText(list: ListAnswer): Readable {
  return Readable.from(pieces(list), { objectMode: false, highWaterMark: 1 });
}

async function* pieces({ items, ...rest }: ListAnswer): AsyncGenerator<string> {
  yield `${JSON.stringify(rest).slice(0, -1)}${Object.keys(rest).length === 0 ? '' : ','}"items":[`;
  for (let start = 0; start < items.length; start += PIECE_ITEMS) {
    const text = items
      .slice(start, start + PIECE_ITEMS)
      .map((item) => JSON.stringify(item))
      .join(',');
    yield start === 0 ? text : `,${text}`;
    await nextTurn();
  }
  yield ']}';
}
