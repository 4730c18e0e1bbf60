/**
 * The injected source of randomness. Core code never draws from anything else, so a run is decided by
 * its seed.
 */

/** A source of uniformly distributed integers. */
export interface Random {
  /** A uniform integer in `[0, bound)`; `bound` is in `[1, 2^32]`. */
  below(bound: number): number;
  /** A generator of its own whose stream depends only on this one's seed and `label`, not on draws made so far. */
  fork(label: string): Random;
}

/** FNV-1a over UTF-16 code units, used only to mix a label into a seed. */
function hashLabel(label: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < label.length; i++) {
    hash ^= label.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash >>> 0;
}

/** splitmix32: turns one word into a well mixed sequence, for seeding (Steele, Lea, Flood 2014, 32-bit form). */
function splitMix(state: number): () => number {
  let a = state >>> 0;
  return () => {
    a = (a + 0x9e3779b9) >>> 0;
    let t = a ^ (a >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
}

/** xoshiro128** (Blackman and Vigna 2018): 128 bits of state, integer only, the same on every machine. */
export class SeededRandom implements Random {
  readonly #seed: number;
  #s0: number;
  #s1: number;
  #s2: number;
  #s3: number;

  /** `seed` is any safe integer; its low and high words are both used. */
  constructor(seed: number) {
    const mixed = hashLabel('seed', (seed ^ Math.floor(seed / 0x1_0000_0000)) >>> 0);
    this.#seed = mixed;
    const next = splitMix(mixed);
    // As signed words, which is what the operations on them give.
    this.#s0 = next() | 0;
    this.#s1 = next() | 0;
    this.#s2 = next() | 0;
    this.#s3 = next() | 1;
  }

  #next(): number {
    const x = Math.imul(this.#s1, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#s1 << 9;
    this.#s2 ^= this.#s0;
    this.#s3 ^= this.#s1;
    this.#s1 ^= this.#s2;
    this.#s0 ^= this.#s3;
    this.#s2 ^= t;
    this.#s3 = (this.#s3 << 11) | (this.#s3 >>> 21);
    return result;
  }

  below(bound: number): number {
    // Rejection keeps it uniform: the last, incomplete run of `bound` values is drawn again.
    if (bound > 0xffff_ffff) return this.#next();
    const size = bound >>> 0;
    // 2^32 modulo the bound, in whole words: a division of such large numbers as fractions is slow.
    const rest = (-size >>> 0) % size;
    for (;;) {
      const value = this.#next();
      if (rest === 0 || value < 0x1_0000_0000 - rest) return value % size;
    }
  }

  fork(label: string): Random {
    return new SeededRandom(hashLabel(label, this.#seed) + 1);
  }
}
