import type { Duplex } from 'node:stream';
import { ERROR_CODES } from '@n3x/core/base/errors';
import { Deadline } from '../client/deadline.ts';
import { CONSOLE_INPUT_HEADER, CONSOLE_UPGRADE } from '../client/operations.ts';
import type { Context } from '../context.ts';
import { CommandFailure } from '../output/error-report.ts';

/** Ctrl-], which detaches. */
const ESCAPE = 0x1d;
const OPEN_MS = 12_000;

type End = 'detached' | 'closed' | 'interrupted' | 'timedOut';

/**
 * `vm console NAME`. On a terminal every key goes to the guest, Ctrl-C too; Ctrl-] detaches. Other input is sent
 * as it is, and its end leaves the console open, because a guest answers later than it is asked.
 */
export async function attach(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const { stdin, interrupted } = context.terminal;
  const limit = context.timeoutMs === undefined ? undefined : new Deadline(context.timeoutMs).signal();
  const signal = limit === undefined ? interrupted : AbortSignal.any([interrupted, limit.signal]);
  const opened = await context.client.upgrade('openVmConsole', CONSOLE_UPGRADE, {
    params: { name },
    signal,
    openMs: OPEN_MS,
  });
  const readOnly = opened.headers[CONSOLE_INPUT_HEADER] === 'none';
  if (!context.quiet) {
    const input = readOnly ? 'the console of this VM can only be read' : `attached to vm ${name}`;
    context.note(`n3xctl: ${input}; Ctrl-] detaches`);
  }
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined;
  if (raw) stdin.setRawMode?.(true);
  let end: End;
  try {
    end = await carry(context, opened.stream, readOnly, signal, limit?.signal);
  } finally {
    if (raw) stdin.setRawMode?.(false);
    stdin.destroy();
    opened.stream.destroy();
    limit?.stop();
  }
  if (end === 'timedOut') {
    throw new CommandFailure(ERROR_CODES.timeout, `detached after ${context.options.timeout}, as --timeout says`);
  }
  if (!context.quiet && end !== 'interrupted') {
    context.note(end === 'detached' ? '\nn3xctl: detached' : `\nn3xctl: the console of vm ${name} was closed`);
  }
}

/** Carries bytes both ways until either side has enough. */
function carry(
  context: Context,
  console: Duplex,
  readOnly: boolean,
  signal: AbortSignal,
  limit: AbortSignal | undefined,
): Promise<End> {
  const { stdin, stdout } = context.terminal;
  return new Promise((resolve) => {
    const finish = (end: End) => {
      stdin.removeListener('data', typed);
      signal.removeEventListener('abort', stopped);
      resolve(end);
    };
    const stopped = () => finish(limit?.aborted === true ? 'timedOut' : 'interrupted');
    const typed = (chunk: Buffer | string) => {
      const bytes = Buffer.from(chunk);
      const escapeAt = bytes.indexOf(ESCAPE);
      const sent = escapeAt === -1 ? bytes : bytes.subarray(0, escapeAt);
      if (!readOnly && sent.length > 0 && !console.write(sent)) {
        stdin.pause();
        console.once('drain', () => stdin.resume());
      }
      if (escapeAt !== -1) {
        // What was typed before still goes out.
        if (readOnly || sent.length === 0) finish('detached');
        else console.write(Buffer.alloc(0), () => finish('detached'));
      }
    };
    console.on('data', (chunk: Buffer) => {
      if (stdout.write(chunk)) return;
      console.pause();
      stdout.once('drain', () => console.resume());
    });
    console.once('end', () => finish('closed'));
    console.once('close', () => finish('closed'));
    // An error of the connection is its end, which 'close' tells.
    console.on('error', () => console.destroy());
    signal.addEventListener('abort', stopped);
    stdin.on('data', typed);
    if (signal.aborted) stopped();
  });
}
