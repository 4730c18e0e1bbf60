/** Objects of one kind by name, and in the order of their names. */
import { SortedKeys } from './sorted-keys.ts';

/** Objects of one kind. */
export class NamedObjects<T extends { readonly name: string }> {
  readonly #byName = new Map<string, T>();
  readonly #names = new SortedKeys();

  /** The one with this name. */
  get(name: string): T | undefined {
    return this.#byName.get(name);
  }

  /** How many there are. */
  get size(): number {
    return this.#byName.size;
  }

  /** All by name. Not to be used across a change. */
  *all(): Generator<T> {
    for (const name of this.#names.from()) {
      const object = this.#byName.get(name);
      if (object !== undefined) yield object;
    }
  }

  /** Names in order. */
  names(): Iterable<string> {
    return this.#names.from();
  }

  /** Adds one, or replaces the one of its name. */
  put(object: T): void {
    this.#byName.set(object.name, object);
    this.#names.add(object.name);
  }

  /** Takes one away. */
  delete({ name }: T): void {
    this.#byName.delete(name);
    this.#names.delete(name);
  }
}
