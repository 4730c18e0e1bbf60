/** The stream of changes, line by line. */

import type { IncomingMessage } from 'node:http';
import type { RouteQueryInput, RouteResult } from '@n3x/core/api/routes';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { ApiClient } from './api-client.ts';
import { ConnectionError } from './connection-error.ts';
import { pause } from './deadline.ts';

/** One line of a watch. */
export type WatchLine = RouteResult<'watch'>;
/** Longest line that is read. */
const LINE_LENGTH_MAX = 16 * 1024 * 1024;
/** A bookmark comes at least every 10 s; after this long without any line the connection is taken for dead. */
const SILENCE_MS = 25_000;
const OPEN_MS = 2_500;
const PAUSE_MS = 300;

/** Splits a stream of text into its lines, without the newline. Throws `ConnectionError` when it breaks off. */
export async function* readLines(body: IncomingMessage, silenceMs: number): AsyncGenerator<string> {
  let rest = '';
  body.setEncoding('utf8');
  const quiet = setTimeout(() => body.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
  try {
    for await (const chunk of body) {
      quiet.refresh();
      rest += String(chunk);
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_LENGTH_MAX) throw new Error(`a line is longer than ${LINE_LENGTH_MAX} characters`);
      yield* lines;
    }
  } catch (cause) {
    throw new ConnectionError('the stream broke off', { connected: true, cause });
  } finally {
    clearTimeout(quiet);
    body.destroy();
  }
}

/** Where a watch begins and what it is about. */
export interface WatchOptions {
  readonly query: RouteQueryInput<'watch'>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** How long, in ms, to go on looking for an n3xd that answers after the stream is lost. */
  readonly patienceMs: number;
  /** Called when the stream is lost and when it is there again. */
  readonly onConnection?: (connected: boolean) => void;
}

/**
 * Gives every change after `query.from`, through reconnects, until `signal` aborts. `relist` means that changes
 * may be missing: list again and begin a new watch. Throws `N3xError`, or `ConnectionError` when patience ends.
 */
export async function* watch(client: ApiClient, options: WatchOptions): AsyncGenerator<WatchLine | { type: 'relist' }> {
  const { signal } = options;
  let from = options.query?.from;
  let lostAt: number | undefined;
  while (!signal.aborted) {
    try {
      const query = { ...options.query, from: typeof from === 'number' ? from : undefined };
      const answer = await client.stream('watch', { query, signal, openMs: OPEN_MS });
      if (lostAt !== undefined) options.onConnection?.(true);
      lostAt = undefined;
      for await (const text of readLines(answer.body, SILENCE_MS)) {
        if (text === '') continue;
        const line = JSON.parse(text) as WatchLine;
        if (line.type === 'error') {
          if (line.error.code === ERROR_CODES.overloaded) break;
          if (line.error.code !== ERROR_CODES.compacted) throw new N3xError(line.error.code, line.error.message);
          yield { type: 'relist' };
          return;
        }
        from = line.index;
        yield line;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof N3xError && error.code === ERROR_CODES.compacted) {
        yield { type: 'relist' };
        return;
      }
      if (!(error instanceof ConnectionError)) throw error;
      if (lostAt === undefined) {
        lostAt = performance.now();
        options.onConnection?.(false);
      }
      if (performance.now() - lostAt > options.patienceMs) throw error;
    }
    // Also after an orderly end: a daemon that stops closes its streams, and its successor needs a moment.
    await pause(PAUSE_MS, signal);
  }
}
