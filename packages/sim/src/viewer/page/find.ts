/** Finding what happened by what is said of it. */
import { type EventLine, eventsBetween } from './events-in-view.ts';
import type { RunModel } from './run-model.ts';
import { countText } from './texts.ts';

/** Goes through all that happened in a run with the same words in it, large or small letters alike. */
export class Finder {
  readonly #model: RunModel;
  /** Everything that happened, made when it is first looked for. */
  #all: readonly EventLine[] | undefined;
  #text = '';
  #found: readonly EventLine[] = [];
  #place = -1;

  constructor(model: RunModel) {
    this.#model = model;
  }

  /** What is found now. */
  get current(): EventLine | undefined {
    return this.#found[this.#place];
  }

  /** How many were found, and which of them is shown. */
  get note(): string {
    if (this.#text === '') return '';
    const count = this.#found.length;
    return count === 0 ? 'nothing found' : `${countText(this.#place + 1)} of ${countText(count)}`;
  }

  /**
   * The next one that says `text`, or the one before. A text that was not looked for before is looked for from `fromUs`
   * on; after the last one comes the first. Undefined when there is none.
   */
  next(text: string, fromUs: number, isForward: boolean): EventLine | undefined {
    const wanted = text.trim().toLowerCase();
    if (wanted !== this.#text) {
      this.#text = wanted;
      this.#found = wanted === '' ? [] : this.#lines().filter((line) => line.text.toLowerCase().includes(wanted));
      const after = this.#found.findIndex(({ at }) => at >= fromUs);
      const first = after < 0 ? this.#found.length : after;
      this.#place = isForward ? first : first - 1;
    } else this.#place += isForward ? 1 : -1;
    const count = this.#found.length;
    if (count > 0) this.#place = (this.#place + count) % count;
    return this.current;
  }

  #lines(): readonly EventLine[] {
    const { tables, recording } = this.#model;
    const rows = Array.from(tables.messages.sent, (_, row) => row);
    this.#all ??= eventsBetween(this.#model, 0, recording.endUs, rows, Infinity, Infinity).lines;
    return this.#all;
  }
}
