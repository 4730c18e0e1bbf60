/** The volumes that belong to no VM. Only `Transaction` and loading change them. */
import type { StoredVolume } from '../model/volume.ts';
import { SortedKeys } from './sorted-keys.ts';

/** The volumes that belong to no VM, by uid. */
export class StoredVolumes {
  readonly #volumes = new Map<string, StoredVolume>();
  readonly #uids = new SortedKeys();
  readonly #onChange: (before: StoredVolume | undefined, after: StoredVolume | undefined) => void;

  /** `onChange` is told of each one that is replaced. */
  constructor(onChange: (before: StoredVolume | undefined, after: StoredVolume | undefined) => void) {
    this.#onChange = onChange;
  }

  /** Number of them. */
  get size(): number {
    return this.#volumes.size;
  }

  /** The one with this uid. */
  get(uid: string): StoredVolume | undefined {
    return this.#volumes.get(uid);
  }

  /** All by uid. Not to be used across a change. */
  *all(): Generator<StoredVolume> {
    for (const uid of this.#uids.from()) {
      const volume = this.#volumes.get(uid);
      if (volume !== undefined) yield volume;
    }
  }

  put(volume: StoredVolume): void {
    const before = this.#volumes.get(volume.uid);
    this.#onChange(before, volume);
    this.#volumes.set(volume.uid, volume);
    if (before === undefined) this.#uids.add(volume.uid);
  }

  delete(volume: StoredVolume): void {
    this.#onChange(volume, undefined);
    this.#volumes.delete(volume.uid);
    this.#uids.delete(volume.uid);
  }
}
