/** What every command works with: the client, the deadlines, the output. */
import { parseDuration } from './arguments/duration.ts';
import { readProject } from './arguments/project-name.ts';
import { UsageError } from './arguments/usage-error.ts';
import { ApiClient } from './client/api-client.ts';
import { Deadline } from './client/deadline.ts';
import { discoverSockets, SYSTEM_SOCKET } from './client/discovery.ts';
import { type Paint, painter, type Terminal } from './output/terminal.ts';
import { startPatience } from './wait/patience.ts';

/** Time, in ms, a request may take when `--timeout` names none. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Time, in ms, that `--wait` waits when `--timeout` names none: the first build of a guest may be long. */
export const WAIT_TIMEOUT_MS = 600_000;

/** Forms of output. */
export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml'] as const;
/** A form of output. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Flags that every command takes. */
export interface GlobalOptions {
  readonly socket?: string;
  readonly output: OutputFormat;
  readonly timeout?: string;
  readonly stale?: true;
  readonly project?: string;
  readonly color: boolean;
  readonly quiet?: true;
}

/** Something whose age is unknown because no quorum was asked. */
export interface StaleMark {
  readonly stale: boolean;
  readonly index: number;
}

/** The surroundings of one command. */
export class Context {
  readonly terminal: Terminal;
  readonly options: GlobalOptions;
  /** For standard output. */
  readonly paint: Paint;
  /** The project whose VMs are meant. */
  readonly project: string;
  /** The time `--timeout` names, in ms. */
  readonly timeoutMs: number | undefined;
  #client: ApiClient | undefined;

  /** Throws `UsageError` for a wrong `--timeout` or `--project`. */
  constructor(terminal: Terminal, options: GlobalOptions) {
    this.terminal = terminal;
    this.options = options;
    this.project =
      options.project === undefined
        ? readProject('N3X_PROJECT', terminal.env.N3X_PROJECT)
        : readProject('--project', options.project);
    this.timeoutMs = options.timeout === undefined ? undefined : parseDuration('--timeout', options.timeout);
    const noColor = terminal.env.NO_COLOR !== undefined && terminal.env.NO_COLOR !== '';
    this.paint = painter(options.color && !noColor && terminal.stdout.isTTY === true && terminal.env.TERM !== 'dumb');
  }

  /** The client; n3xd is looked for when it is first asked for. */
  get client(): ApiClient {
    this.#client ??= new ApiClient(
      discoverSockets({
        socket: this.options.socket,
        environment: this.terminal.env.N3X_SOCKET,
        cwd: this.terminal.cwd,
        ownDirectory: import.meta.dirname,
        systemSocket: SYSTEM_SOCKET,
      }),
      () => startPatience(this.terminal.stderr, this.quiet),
    );
    return this.#client;
  }

  /** The deadline of a request. */
  requestDeadline(): Deadline {
    return this.deadline(REQUEST_TIMEOUT_MS);
  }

  /** What `--timeout` says, counted from the start of the program; `otherwiseMs` from now where it says nothing. */
  deadline(otherwiseMs: number): Deadline {
    if (this.timeoutMs === undefined) return new Deadline(otherwiseMs);
    return new Deadline(this.timeoutMs, this.terminal.startedAtMs);
  }

  /** How fresh reads shall be. */
  get consistency(): { readonly consistency: 'linearizable' | 'stale' } {
    return { consistency: this.options.stale === true ? 'stale' : 'linearizable' };
  }

  /** Whether only names and errors are wanted. */
  get quiet(): boolean {
    return this.options.quiet === true;
  }

  /** Whether output is for a program. */
  get structured(): boolean {
    return this.options.output === 'json' || this.options.output === 'yaml';
  }

  /** Refuses `--stale` on a command that changes something. Throws `UsageError`. */
  refuseStale(): void {
    if (this.options.stale === true) throw new UsageError('--stale is for reads; this command needs a quorum');
  }

  /** Writes text to standard output. */
  write(text: string): void {
    this.terminal.stdout.write(text);
  }

  /** Writes one line to standard error. */
  note(text: string): void {
    this.terminal.stderr.write(`${text}\n`);
  }

  /**
   * Shows a result: the value itself as JSON or YAML, only `names` when quiet, else the text for people. A read
   * that may be stale is marked on standard error.
   */
  async show(
    value: unknown,
    forms: {
      readonly names: readonly string[];
      readonly text: () => string | Promise<string>;
      readonly mark?: StaleMark;
    },
  ): Promise<void> {
    if (this.structured) return this.showStructured(value);
    if (this.quiet) return this.write(forms.names.map((name) => `${name}\n`).join(''));
    this.write(await forms.text());
    if (forms.mark?.stale === true) {
      this.note(`stale: as of index ${forms.mark.index}, read from one host alone and without a quorum`);
    }
  }

  /** Writes a value as JSON or YAML. */
  async showStructured(value: unknown): Promise<void> {
    if (this.options.output === 'yaml') {
      const { stringify } = await import('./output/yaml.ts');
      return this.write(stringify(value));
    }
    this.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Writes one value of an endless list: a line of JSON, or a YAML document. */
  async showItem(value: unknown, text: () => string): Promise<void> {
    if (this.options.output === 'json') return this.write(`${JSON.stringify(value)}\n`);
    if (this.options.output === 'yaml') {
      const { stringify } = await import('./output/yaml.ts');
      return this.write(`---\n${stringify(value)}`);
    }
    this.write(text());
  }
}
