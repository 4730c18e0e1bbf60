/** What a command may write to and read from. The process's own in the program, others in tests. */
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

/** A stream of a terminal or of something else. */
export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}
/** Standard input; `setRawMode` is there on a terminal. */
export interface InputStream extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

/** The surroundings of one run. */
export interface Terminal {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: InputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** When the run began, on the clock of `performance.now()`: deadlines count from there. */
  readonly startedAtMs: number;
  /** Aborts when the user interrupts. */
  readonly interrupted: AbortSignal;
  /** Hands all signals that would end the process to `handler`, until the function it gives is called. */
  readonly takeSignals?: (handler: (signal: NodeJS.Signals) => void) => () => void;
}

/** Colours that carry a meaning. */
export type Tone = 'good' | 'busy' | 'bad' | 'faint';

const STYLES = { good: 'green', busy: 'yellow', bad: 'red', faint: 'dim' } as const;

/** Gives text its colour; leaves it as it is where colours are not wanted. */
export type Paint = (tone: Tone, text: string) => string;

/** Makes the painter for one stream. */
export function painter(enabled: boolean): Paint {
  return (tone, text) => (enabled ? styleText(STYLES[tone], text, { validateStream: false }) : text);
}
