/** The one buffer a script's output goes to: results and the nodes' events, interleaved as they happen. */
import type { EventLevel } from '@n3x/core/raft/events';

/** What is shown: events from this level on; `none` hides results too, but never errors. */
export type OutputLevel = EventLevel | 'error' | 'none';

/** Every level, quietest last. */
export const OUTPUT_LEVELS: readonly OutputLevel[] = ['debug', 'info', 'warn', 'error', 'none'];

/** Collects lines, indented as deep as the work is nested. */
export class Output {
  level: OutputLevel = 'warn';
  #lines: string[] = [];
  #depth = 0;
  #muted = false;

  /** Adds a result, of one line or more. */
  print(text: string): void {
    if (this.level === 'none') this.#muted = true;
    else this.#add(text);
  }

  /** Adds an error, at any level. */
  error(text: string): void {
    this.#add(text);
  }

  /** Adds an event if its level is shown. */
  event(level: EventLevel, text: string): void {
    if (OUTPUT_LEVELS.indexOf(level) >= OUTPUT_LEVELS.indexOf(this.level)) this.#add(`${level.toUpperCase()} ${text}`);
  }

  /** Runs `work` with its lines two spaces further in. */
  nested(work: () => void): void {
    this.#depth++;
    try {
      work();
    } finally {
      this.#depth--;
    }
  }

  /** Takes the text so far; `ok (quiet)` when all of it was muted. */
  take(): string {
    const text = this.#lines.join('\n');
    const quiet = this.#muted && text === '';
    this.#lines = [];
    this.#muted = false;
    return quiet ? 'ok (quiet)' : text;
  }

  #add(text: string): void {
    for (const line of text.split('\n')) this.#lines.push(`${'  '.repeat(this.#depth)}${line}`);
  }
}
