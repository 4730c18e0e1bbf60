/** A running digest over a trace: two runs are the same when their digests are, all but certainly. */

/** Two FNV-1a lanes of 32 bits over numbers and texts. */
export class Digest {
  #high = 0x811c9dc5;
  #low = 0x2f0b4c47;
  #count = 0;

  /** Parts mixed in so far. */
  get count(): number {
    return this.#count;
  }

  /** Takes in a number; fractions count down to millionths. */
  number(value: number): void {
    this.#count++;
    const small = value | 0;
    if (small === value && small >= 0) {
      this.#word(small);
      this.#word(0);
      this.#word(0);
      return;
    }
    const whole = Math.floor(value);
    this.#word(whole | 0);
    this.#word(Math.floor(whole / 0x1_0000_0000) | 0);
    this.#word(Math.round((value - whole) * 1_000_000));
  }

  /** Takes in a text and where it ends. */
  text(value: string): void {
    this.#count++;
    for (let at = 0; at < value.length; at++) this.#word(value.charCodeAt(at));
    this.#word(0x1_0000);
  }

  /** 16 hex digits. */
  hex(): string {
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return word(this.#high) + word(this.#low);
  }

  #word(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193);
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#low ^= this.#low >>> 15;
  }
}
