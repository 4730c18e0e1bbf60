import { ERROR_CODES } from '@n3x/core/base/errors';
import { parseWholeNumber } from '../arguments/number.ts';
import { ConnectionError } from '../client/connection-error.ts';
import { Deadline, pause } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { ControlFilter } from '../output/control-filter.ts';
import { CommandFailure } from '../output/error-report.ts';
import { FOLLOW_PATIENCE_MS } from './events.ts';

const LINES_MAX = 100_000;
/** How long, in ms, a socket may take to open the log: it may have to reach the host of the VM. */
const OPEN_MS = 12_000;
const PAUSE_MS = 500;

/** Flags of `vm logs`. */
export interface LogsOptions {
  readonly follow?: true;
  readonly lines: string;
  readonly build?: true;
}

/** `vm logs NAME`. Output is the log itself, byte for byte, whatever `-o` says; on a terminal only text and colours of it. */
export async function logs(context: Context, args: readonly string[], options: LogsOptions): Promise<void> {
  const name = args[0] ?? '';
  const lines = parseWholeNumber('--lines', options.lines, 0, LINES_MAX);
  const follow = options.follow === true;
  const { interrupted } = context.terminal;
  const limitMs = context.timeoutMs ?? (follow ? undefined : context.requestDeadline().spanMs);
  const limit = limitMs === undefined ? undefined : new Deadline(limitMs).signal();
  const signal = limit === undefined ? interrupted : AbortSignal.any([interrupted, limit.signal]);
  const query = { kind: options.build === true ? 'build' : 'console', follow };
  try {
    await new LogReader(context, name, query, signal).run(lines);
  } finally {
    limit?.stop();
  }
  if (limit?.signal.aborted === true && !interrupted.aborted) {
    throw new CommandFailure(
      ERROR_CODES.timeout,
      `the log of vm ${name} did not end within ${(limitMs ?? 0) / 1000} s`,
    );
  }
}

class LogReader {
  readonly #context: Context;
  readonly #name: string;
  readonly #query: { readonly kind: string; readonly follow: boolean };
  readonly #signal: AbortSignal;

  constructor(context: Context, name: string, query: { kind: string; follow: boolean }, signal: AbortSignal) {
    this.#context = context;
    this.#name = name;
    this.#query = query;
    this.#signal = signal;
  }

  async run(lines: number): Promise<void> {
    let lostAt: number | undefined;
    // After a loss only what is new is asked for: lines printed meanwhile may be missing, none is shown twice.
    for (let wanted = lines; !this.#signal.aborted; wanted = 0) {
      try {
        await this.#read(wanted, () => {
          if (lostAt !== undefined) this.#context.note('n3xctl: following again');
          lostAt = undefined;
        });
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!(error instanceof ConnectionError) || !error.connected || !this.#query.follow) throw error;
        if (lostAt === undefined) {
          lostAt = performance.now();
          this.#context.note('n3xctl: connection lost, lines may be missing');
        }
        if (performance.now() - lostAt > FOLLOW_PATIENCE_MS) throw error;
        await pause(PAUSE_MS, this.#signal);
      }
    }
  }

  async #read(lines: number, opened: () => void): Promise<void> {
    const answer = await this.#context.client.stream('getVmLogs', {
      params: { name: this.#name },
      query: { ...this.#query, lines },
      signal: this.#signal,
      openMs: OPEN_MS,
    });
    opened();
    const { stdout } = this.#context.terminal;
    const filter = stdout.isTTY === true ? new ControlFilter() : null;
    try {
      for await (const chunk of answer.body) {
        if (!stdout.write(filter === null ? chunk : filter.push(chunk)))
          await new Promise((resolve) => stdout.once('drain', resolve));
      }
    } catch (cause) {
      throw new ConnectionError('the log broke off', { connected: true, cause });
    }
  }
}
