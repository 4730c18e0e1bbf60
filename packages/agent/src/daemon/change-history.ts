/** The latest changes of the applied state, kept so that a watch can go on where it broke off. Bounded. */
import type { ObjectChange } from '@n3x/core/model/object';

/** Changes in index order, oldest first. */
export class ChangeHistory {
  readonly #limit: number;
  #changes: ObjectChange[] = [];
  /** Every change after this index is still here. */
  #completeAfter: number;

  /** Holds at most `limit` changes; knows nothing of what came up to `index`. */
  constructor(limit: number, index: number) {
    this.#limit = limit;
    this.#completeAfter = index;
  }

  /** Appends changes, dropping the oldest beyond the limit (in halves, so that it is cheap). */
  add(changes: readonly ObjectChange[]): void {
    for (const change of changes) this.#changes.push(change);
    if (this.#changes.length <= this.#limit) return;
    const keep = this.#changes.slice(-Math.floor(this.#limit / 2));
    this.#completeAfter = this.#changes[this.#changes.length - keep.length - 1]?.index ?? this.#completeAfter;
    // An index whose changes were cut in two counts as gone whole.
    this.#changes = keep.filter((change) => change.index > this.#completeAfter);
  }

  /** The state was replaced as of `index`: what came before is unknown. */
  reset(index: number): void {
    this.#changes = [];
    this.#completeAfter = index;
  }

  /** Changes after `from`, or null when some of them are no longer here. */
  since(from: number): readonly ObjectChange[] | null {
    if (from < this.#completeAfter) return null;
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.index ?? 0) > from) high = middle;
      else low = middle + 1;
    }
    return this.#changes.slice(low);
  }
}
