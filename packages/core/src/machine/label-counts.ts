/** How many VMs with a label each of several places has. */
import type { LabelPair } from '../model/placement.ts';

/** Whatever tells one place from another: the id of a host, the name of a zone. */
export type PlaceKey = number | string;

/**
 * Counts by label and then by place. A pass asks the same label of one host after the other: so it finds all answers in
 * one table that stays in the processor's cache, and not in as many as there are hosts.
 */
export class LabelCounts {
  readonly #byPair = new Map<LabelPair, Map<PlaceKey, number>>();

  /** Number of VMs with a label in a place. */
  count(pair: LabelPair, place: PlaceKey): number {
    return this.#byPair.get(pair)?.get(place) ?? 0;
  }

  /** So many more, or less. */
  add(pair: LabelPair, place: PlaceKey, by: number): void {
    let places = this.#byPair.get(pair);
    if (places === undefined) {
      places = new Map();
      this.#byPair.set(pair, places);
    }
    const next = (places.get(place) ?? 0) + by;
    if (next !== 0) places.set(place, next);
    else if (places.delete(place) && places.size === 0) this.#byPair.delete(pair);
  }

  /** The labels of one place with their counts. Goes over all labels: for checks. */
  *of(place: PlaceKey): Generator<readonly [LabelPair, number]> {
    for (const [pair, places] of this.#byPair) {
      const count = places.get(place);
      if (count !== undefined) yield [pair, count];
    }
  }
}
