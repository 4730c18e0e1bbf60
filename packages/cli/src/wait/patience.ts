/** Says on a terminal what a call waits for, once that takes a while: it may wait long for a leader with a quorum. */
import { ERROR_CODES, type ErrorCode } from '@n3x/core/base/errors';
import type { OutputStream } from '../output/terminal.ts';
import type { Progress } from './progress.ts';

/** How long, in ms, a call may take before anything is said of it. */
const UNTOLD_MS = 1_500;

/** One call that is waited for. */
export interface Patience {
  /** The API has answered, with an error after which it is asked again. */
  answered(code: ErrorCode): void;
  /** n3xd could not be reached, or did not answer. */
  lost(): void;
  /** The call is over: the line goes. */
  end(): void;
}

const SILENT: Patience = { answered: () => undefined, lost: () => undefined, end: () => undefined };

/** Begins to wait; says nothing where `stream` is no terminal or `quiet` is set. */
export function startPatience(stream: OutputStream, quiet: boolean): Patience {
  if (quiet || stream.isTTY !== true) return SILENT;
  let text = 'waiting for n3xd to answer';
  let progress: Progress | undefined;
  let isOver = false;
  const say = (next: string): void => {
    text = next;
    progress?.update(text);
  };
  const begin = async (): Promise<void> => {
    // Most calls are over long before that: they need not load it.
    const { startProgress } = await import('./progress.ts');
    if (isOver) return;
    progress = startProgress(stream, quiet);
    progress.update(text);
  };
  const timer = setTimeout(() => void begin(), UNTOLD_MS);
  return {
    answered: (code) => say(textOf(code)),
    lost: () => say('n3xd does not answer: trying again'),
    end() {
      isOver = true;
      clearTimeout(timer);
      progress?.stop();
    },
  };
}

function textOf(code: ErrorCode): string {
  if (code === ERROR_CODES.noQuorum) return 'no quorum: waiting for a leader that a majority of the servers follows';
  if (code === ERROR_CODES.overloaded) return 'n3xd has too much to do: trying again';
  return 'no answer in time: asking again';
}
