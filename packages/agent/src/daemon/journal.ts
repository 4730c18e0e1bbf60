/**
 * Structured log lines to standard error: JSON for a journal or a collector, or plain text for a person.
 * Under systemd each line carries its priority, so that `journalctl -p` works.
 */
import type { JournalPort, LogLevel } from '@n3x/core/ports/journal';
import pino from 'pino';

/** How lines are written. */
export interface JournalOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  /** Name of this host, on every JSON line. */
  readonly host: string;
}

/** A journal whose level can be changed while it is in use. */
export interface Journal extends JournalPort {
  setLevel(level: LogLevel): void;
}

/** Called for a `fatal` line after it is written; must end the process. */
export type OnFatal = (event: string, fields: Readonly<Record<string, unknown>>) => void;

/** Makes the journal of a daemon. Lines are written synchronously: a dying process loses none. */
export function createJournal(options: JournalOptions, onFatal: OnFatal): Journal {
  const sink = pino.destination({ dest: 2, sync: true });
  const stream = options.format === 'json' ? sink : { write: (line: string) => void sink.write(prettyLine(line)) };
  const logger = pino(
    {
      level: options.level,
      base: { host: options.host },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    log: (level, event, fields) => logger[level](fields, event),
    fatal: (event, fields) => {
      logger.fatal(fields, event);
      onFatal(event, fields);
    },
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

/** `12:30:01.250 info  raft.leading leader=1 term=2`. A line that is not JSON goes through as it is. */
export function prettyLine(line: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof parsed !== 'object' || parsed === null) return line;
  const { time, level, event, host: _host, ...fields } = parsed as Record<string, unknown>;
  const words = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`,
  );
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  return `${[clock, String(level).padEnd(5), String(event), ...words].join(' ')}\n`;
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
