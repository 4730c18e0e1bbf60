/** Objects of one kind by their key, and in the order of their keys. */
import { SortedKeys } from './sorted-keys.ts';

/** Objects of one kind. */
export class KeyedObjects<T> {
  readonly #keyOf: (object: T) => string;
  readonly #byKey = new Map<string, T>();
  readonly #keys = new SortedKeys();
  #version = 0;

  /** `keyOf` answers the same for an object and for what replaces it. */
  constructor(keyOf: (object: T) => string) {
    this.#keyOf = keyOf;
  }

  /** The one with this key. */
  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  /** How many there are. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Moves with every change. Of this object only, never replicated. */
  get version(): number {
    return this.#version;
  }

  /** By key, from the first that is not less than `from`. Not to be used across a change. */
  *all(from = ''): Generator<T> {
    for (const key of this.#keys.from(from)) {
      const object = this.#byKey.get(key);
      if (object !== undefined) yield object;
    }
  }

  /** Keys in order. Not to be used across a change. */
  keys(): Iterable<string> {
    return this.#keys.from();
  }

  /** Adds one, or replaces the one of its key; answers what was there. */
  put(object: T): T | undefined {
    const key = this.#keyOf(object);
    const before = this.#byKey.get(key);
    this.#byKey.set(key, object);
    if (before === undefined) this.#keys.add(key);
    this.#version += 1;
    return before;
  }

  /** Takes one away. */
  delete(object: T): void {
    const key = this.#keyOf(object);
    this.#byKey.delete(key);
    this.#keys.delete(key);
    this.#version += 1;
  }
}

/** Objects that have names. */
export function namedObjects<T extends { readonly name: string }>(): KeyedObjects<T> {
  return new KeyedObjects(({ name }) => name);
}
