/** Terms and votes that are new to a disk: with every commit position the same ones are written again. */
import type { TraceEvent } from './event.ts';

/** Follows the writes of all hosts. */
export class WrittenPromises {
  readonly #last = new Map<string, { readonly term: number; readonly vote: number }>();

  /** Term and vote of a write as far as they are new; zero for what is not. */
  news({ host, term, vote }: Extract<TraceEvent, { type: 'write' }>): { readonly term: number; readonly vote: number } {
    if (term === 0) return { term: 0, vote: 0 };
    const last = this.#last.get(host);
    this.#last.set(host, { term, vote });
    return last?.term === term && last.vote === vote ? { term: 0, vote: 0 } : { term, vote };
  }
}
