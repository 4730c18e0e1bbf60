/** The lab's side of the watcher: starts it, keeps what it tells, and answers questions about it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/until.ts';
import type { Seen, WatchEvent, WatchSummary } from './watch-report.ts';

/** What a watcher has told. */
export class Watch {
  readonly #child: ChildProcess;
  readonly #events: WatchEvent[] = [];
  readonly #running = new Map<string, Seen>();
  readonly #counts = new Map<string, { readonly boot: string; readonly atMs: number }>();

  private constructor(directory: string) {
    this.#child = fork(fileURLToPath(new URL('watcher.ts', import.meta.url)), [directory], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    });
    this.#child.on('message', (message) => this.#heard(message as WatchEvent));
  }

  /** Starts a watcher over the hosts below `directory`, and waits until it watches. */
  static async start(directory: string): Promise<Watch> {
    const watch = new Watch(directory);
    await until('the watcher watches', 20_000, async () => watch.#events.length > 0);
    return watch;
  }

  #heard(event: WatchEvent): void {
    switch (event.type) {
      case 'begin':
        this.#running.set(key(event), event);
        break;
      case 'end':
        this.#running.delete(key(event));
        break;
      case 'guest':
      case 'count':
        this.#counts.set(event.vm, event);
        // One such line per guest and second would drown the others.
        if (event.type === 'count') return;
        break;
      case 'twice':
      case 'guestTwice':
      case 'summary':
      case 'ready':
        break;
      default:
        event satisfies never;
    }
    this.#events.push(event);
  }

  /** Everything but single counts, oldest first. */
  get events(): readonly WatchEvent[] {
    return this.#events;
  }

  /** Port of 127.0.0.1 that guests count to. */
  get port(): number {
    for (const event of this.#events) if (event.type === 'ready') return event.port;
    throw new Error('the watcher is not ready');
  }

  /** Times that a VM was there twice, by processes or by its own counting. */
  get violations(): readonly WatchEvent[] {
    return this.#events.filter(({ type }) => type === 'twice' || type === 'guestTwice');
  }

  /** Processes that run now, of one VM or of all. */
  running(vm?: string): Seen[] {
    return [...this.#running.values()].filter((seen) => vm === undefined || seen.vm === vm);
  }

  /** When a guest was last heard, and which boot of it; undefined before the first time. */
  heard(vm: string): { readonly boot: string; readonly atMs: number } | undefined {
    return this.#counts.get(vm);
  }

  /** How the watcher does. */
  async summary(): Promise<WatchSummary> {
    const before = this.#events.length;
    this.#child.send('summary');
    return until('the watcher answers', 10_000, async () => {
      for (const event of this.#events.slice(before)) if (event.type === 'summary') return event;
      return false;
    });
  }

  /** Ends the watcher. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

function key({ pid, startTicks }: Seen): string {
  return `${pid} ${startTicks}`;
}
