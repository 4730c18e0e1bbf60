/** One line on a terminal that says what goes on; nothing anywhere else. */

import { formatSpan } from '../output/age.ts';
import { printable } from '../output/table.ts';
import type { OutputStream } from '../output/terminal.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const FRAME_MS = 100;

/** A progress line. `update` may be called at any rate; `stop` removes the line. */
export interface Progress {
  update(text: string): void;
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** Streams that have a line. */
const inUse = new WeakSet<OutputStream>();

/** Starts a progress line on `stream`; a silent one where that is no terminal, has a line already, or `quiet` is set. */
export function startProgress(stream: OutputStream, quiet: boolean): Progress {
  if (quiet || stream.isTTY !== true || inUse.has(stream)) return SILENT;
  inUse.add(stream);
  const began = performance.now();
  let frame = 0;
  let text = '';
  const draw = () => {
    const span = formatSpan(performance.now() - began);
    const width = Math.max(20, (stream.columns || 80) - 1);
    const line = `${FRAMES[frame % FRAMES.length]} ${printable(text)} (${span})`;
    stream.write(`\r\u001b[K${line.length > width ? `${line.slice(0, width - 1)}…` : line}`);
    frame += 1;
  };
  const timer = setInterval(draw, FRAME_MS);
  return {
    update(next) {
      text = next;
      draw();
    },
    stop() {
      clearInterval(timer);
      inUse.delete(stream);
      stream.write('\r\u001b[K');
    },
  };
}
