/** Sends changes to one client as they happen, never more than it can take. */
import type { ServerResponse } from 'node:http';
import type { WatchLine } from '@n3x/core/api/schemas';
import { type ErrorBody, N3xError } from '@n3x/core/base/errors';
import type { ObjectChange } from '@n3x/core/model/object';
import type { ApiBackend } from './backend.ts';
import { objectView } from './views.ts';

/** Limits of a watch. */
export interface WatchLimits {
  /** Characters of live changes that may wait for a slow reader. */
  readonly bufferMax: number;
  /** Longest time, in ms, without a line. */
  readonly bookmarkMs: number;
  /** How long, in ms, a reader that was too slow has to take what was sent before it is cut off. */
  readonly lingerMs: number;
}

/** Limits in production. */
export const WATCH_LIMITS: WatchLimits = { bufferMax: 4_194_304, bookmarkMs: 10_000, lingerMs: 5_000 };

/** What a client wants to see. */
export interface WatchQuery {
  readonly from?: number | undefined;
  readonly kinds?: string | undefined;
  readonly name?: string | undefined;
}

/** Lines already made, for all watches that send the same change. */
const madeLines = new WeakMap<ObjectChange, string>();

/**
 * Follows the changes after `query.from`, or from now on, until the client goes, is too slow, or the state
 * is replaced. Throws `N3X_COMPACTED` when `from` is older than what is kept. Gives a function that ends it.
 */
export function startWatch(
  backend: ApiBackend,
  response: ServerResponse,
  query: WatchQuery,
  limits: WatchLimits,
): () => void {
  const from = query.from ?? backend.state()?.index ?? 0;
  const backlog = backend.changesSince(from);
  if (backlog === null) throw compacted(`changes after index ${from} are no longer kept`);
  const watch = new Watch(backend, response, query, limits, from, backlog);
  watch.start();
  return () => watch.end(null);
}

function compacted(what: string): N3xError {
  return new N3xError('N3X_COMPACTED', `${what}: list again and watch from the index of that list`);
}

class Watch {
  readonly #backend: ApiBackend;
  readonly #response: ServerResponse;
  readonly #limits: WatchLimits;
  readonly #kinds: ReadonlySet<string> | null;
  readonly #name: string | undefined;
  readonly #from: number;
  /** What was there at the start; sent as fast as the reader takes it, and not held a second time. */
  #backlog: Iterator<ObjectChange> | null;
  /** Lines that came since, not yet handed to the socket. */
  #queue: string[] = [];
  #queued = 0;
  #blocked = false;
  #ended = false;
  #unsubscribe: () => void = () => undefined;
  #bookmarks: NodeJS.Timeout | undefined;

  constructor(
    backend: ApiBackend,
    response: ServerResponse,
    query: WatchQuery,
    limits: WatchLimits,
    from: number,
    backlog: Iterable<ObjectChange>,
  ) {
    this.#backend = backend;
    this.#response = response;
    this.#limits = limits;
    this.#kinds = query.kinds === undefined ? null : new Set(query.kinds.split(','));
    this.#name = query.name;
    this.#from = from;
    this.#backlog = backlog[Symbol.iterator]();
  }

  start(): void {
    this.#response.writeHead(200, {
      'content-type': 'application/x-ndjson; charset=utf-8',
      'cache-control': 'no-store',
    });
    this.#response.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
    this.#response.once('close', () => this.end(null));
    this.#unsubscribe = this.#backend.subscribe({
      changed: (changes) => this.#changed(changes),
      reset: () => this.end(compacted('the state of this host was replaced by a snapshot').toBody()),
    });
    // The first bookmark tells the reader that the watch stands, and from where it goes on.
    this.#bookmark();
    this.#bookmarks = setInterval(() => this.#bookmark(), this.#limits.bookmarkMs);
    this.#bookmarks.unref();
  }

  /** Ends the stream, with a last line when there is a reason to give. */
  end(reason: ErrorBody | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unsubscribe();
    clearInterval(this.#bookmarks);
    this.#queue = [];
    this.#backlog = null;
    if (reason !== null) this.#response.write(lineText({ type: 'error', error: reason }));
    this.#response.end();
    const cut = setTimeout(() => this.#response.destroy(), this.#limits.lingerMs);
    cut.unref();
    this.#response.once('close', () => clearTimeout(cut));
  }

  #changed(changes: readonly ObjectChange[]): void {
    for (const change of changes) {
      if (change.index > this.#from && this.#wanted(change)) this.#enqueue(this.#lineOf(change));
      if (this.#ended) return;
    }
    this.#pump();
  }

  #bookmark(): void {
    const index = this.#backend.state()?.index;
    if (index === undefined) {
      this.end({ code: 'N3X_NOT_INITIALISED', message: 'this host has left its cluster' });
      return;
    }
    this.#enqueue(lineText({ type: 'bookmark', index: Math.max(index, this.#from) }));
    if (!this.#ended) this.#pump();
  }

  #enqueue(line: string): void {
    this.#queued += line.length;
    this.#queue.push(line);
    if (this.#queued <= this.#limits.bufferMax) return;
    const message = 'the reader is too slow: watch again from the last index it saw';
    this.end({ code: 'N3X_OVERLOADED', message });
  }

  /** Hands lines to the socket until it asks to wait. */
  #pump(): void {
    while (!this.#blocked && !this.#ended) {
      const line = this.#next();
      if (line === null) return;
      this.#blocked = !this.#response.write(line);
    }
  }

  /** The next line: of the backlog, then all that has queued up since, in one piece. */
  #next(): string | null {
    while (this.#backlog !== null) {
      const step = this.#backlog.next();
      if (step.done === true) this.#backlog = null;
      else if (this.#wanted(step.value)) return this.#lineOf(step.value);
    }
    if (this.#queue.length === 0) return null;
    const lines = this.#queue.join('');
    this.#queue = [];
    this.#queued = 0;
    return lines;
  }

  #wanted(change: ObjectChange): boolean {
    if (this.#kinds !== null && !this.#kinds.has(change.kind)) return false;
    if (this.#name === undefined) return true;
    // An event is looked for by what it is about: nobody knows the name of an event before it happens.
    return (change.object?.kind === 'event' ? change.object.about.name : change.name) === this.#name;
  }

  #lineOf(change: ObjectChange): string {
    const made = madeLines.get(change);
    if (made !== undefined) return made;
    const { index, kind, name, object } = change;
    const state = this.#backend.state();
    let line: string;
    if (object === null || state === null) line = lineText({ type: 'removed', index, kind, name });
    else {
      const view = objectView(state, object, this.#backend.local().leaderId, Date.now());
      line = lineText({ type: 'changed', index, kind, name, object: view });
    }
    madeLines.set(change, line);
    return line;
  }
}

function lineText(line: WatchLine): string {
  return `${JSON.stringify(line)}\n`;
}
