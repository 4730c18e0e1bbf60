/** Small numbers for texts, and for what texts become when the nodes are renamed. */
import { assert } from '@n3x/core/base/assert';
import { AS_IT_IS, canonical, type Renaming } from './canonical.ts';

/** Gives every text a number, counting from 0. */
export class Numbers {
  readonly #byText = new Map<string, number>();

  /** How many there are. */
  get size(): number {
    return this.#byText.size;
  }

  /** The number of `text`, and whether it is new. */
  of(text: string): { readonly id: number; readonly isNew: boolean } {
    const known = this.#byText.get(text);
    if (known !== undefined) return { id: known, isNew: false };
    const id = this.#byText.size;
    this.#byText.set(text, id);
    return { id, isNew: true };
  }
}

/** Numbers for plain data, with the number of each one's mirror image under every renaming. */
export class Interned<Value> {
  readonly #numbers = new Numbers();
  readonly #values = new Map<number, Value>();
  /** By renaming, then by number; -1 where it is not known yet. */
  readonly #mirrored: number[][];
  readonly #renamings: readonly Renaming[];
  readonly #plain: (value: Value) => unknown;

  /** `plain` gives what tells two values apart. */
  constructor(renamings: readonly Renaming[], plain: (value: Value) => unknown) {
    this.#renamings = renamings;
    this.#plain = plain;
    this.#mirrored = renamings.map(() => []);
  }

  /** How many values there are, mirror images that were never met themselves included. */
  get size(): number {
    return this.#numbers.size;
  }

  /** The number of `value`. The first one that is given with its text is kept. */
  add(value: Value): number {
    const { id } = this.#numbers.of(canonical(this.#plain(value), AS_IT_IS));
    if (!this.#values.has(id)) this.#values.set(id, value);
    return id;
  }

  /** The value with this number. */
  get(id: number): Value {
    const value = this.#values.get(id);
    assert(value !== undefined, `no value has the number ${id}`);
    return value;
  }

  /** The number of the mirror image of `id` under a renaming. */
  mirror(renaming: number, id: number): number {
    const known = this.#mirrored[renaming]?.[id];
    if (known !== undefined && known >= 0) return known;
    const list = this.#mirrored[renaming];
    const rename = this.#renamings[renaming];
    assert(list !== undefined && rename !== undefined, `there is no renaming ${renaming}`);
    const mirrored = renaming === 0 ? id : this.#numbers.of(canonical(this.#plain(this.get(id)), rename)).id;
    while (list.length <= id) list.push(-1);
    list[id] = mirrored;
    return mirrored;
  }
}
