/** Structured log lines out of the core: data, rendered by the shell. */

/** Severity of a line. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What the core says about itself. */
export interface JournalPort {
  /** `event` is a stable dotted name such as `raft.becameLeader`; `fields` are its facts. */
  log(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): void;
  /** The loop cannot go on without harm: the process must end with this reason. */
  fatal(event: string, fields: Readonly<Record<string, unknown>>): void;
}
