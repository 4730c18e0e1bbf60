/** Takes down what happens in a world: always as a digest, and as text for whoever wants to read it. */
import type { LoopStatus } from '@n3x/core/loop/host-loop';
import type { StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { Role } from '@n3x/core/raft/types';
import type { NetworkEvent } from '../world/network.ts';
import type { ObservedHost, WorldObserver } from '../world/observer.ts';
import { Digest } from './digest.ts';
import type { TraceEvent } from './event.ts';
import { formatEvent } from './format.ts';

/** The trace of one run. */
export class Trace implements WorldObserver {
  readonly #digest = new Digest();
  readonly #now: () => number;
  readonly #line: ((text: string) => void) | undefined;
  readonly #event: ((atMs: number, event: TraceEvent) => void) | undefined;
  readonly #stood = new Map<string, { role: Role; term: number; applied: number }>();
  #events = 0;

  /** `now` gives virtual ms; `line` gets every line when the text is wanted, `event` every event. */
  constructor(now: () => number, line?: (text: string) => void, event?: (atMs: number, event: TraceEvent) => void) {
    this.#now = now;
    this.#line = line;
    this.#event = event;
  }

  /** Events so far. */
  get events(): number {
    return this.#events;
  }

  /** Digest over everything so far. */
  digest(): string {
    return this.#digest.hex();
  }

  /** Takes down one event. */
  record(event: TraceEvent): void {
    this.#events++;
    const now = this.#now();
    this.#digest.number(now);
    this.#digest.text(event.type);
    mix(this.#digest, event);
    this.#line?.(formatEvent(now, event));
    this.#event?.(now, event);
  }

  /** Something happened on a link. */
  network(event: NetworkEvent): void {
    // What was sent shows by its arrival or its loss.
    if (event.type !== 'sent') this.record({ type: 'message', event });
    else this.#event?.(this.#now(), { type: 'message', event });
  }

  started(host: ObservedHost, stored: StoredState): void {
    this.#stood.delete(host.name);
    const last = stored.compacted.index + stored.entries.length;
    const { name, id } = host;
    this.record({ type: 'start', host: name, id, applied: stored.applied.index, last });
  }

  stopped(host: ObservedHost, kind: 'process' | 'power'): void {
    this.record({ type: 'stop', host: host.name, kind });
  }

  writing(host: ObservedHost, { entries, hardState, snapshot }: StorageWrite): void {
    const first = entries?.[0]?.index ?? 0;
    const last = entries?.at(-1)?.index ?? 0;
    if (first === 0 && hardState === undefined && snapshot === undefined) return;
    const { term, vote } = hardState ?? { term: 0, vote: 0 };
    this.record({ type: 'write', host: host.name, first, last, term, vote, snapshot: snapshot?.meta.index ?? 0 });
  }

  settled(host: ObservedHost, { role, term, appliedIndex }: LoopStatus): void {
    const { loop, name } = host;
    if (loop === undefined) return;
    const stood = this.#stood.get(name);
    if (stood !== undefined && stood.role === role && stood.term === term && stood.applied === appliedIndex) return;
    if (stood?.role !== role || stood.term !== term) this.record({ type: 'role', host: name, role, term });
    if (stood?.applied !== appliedIndex) {
      this.record({ type: 'apply', host: name, index: appliedIndex, hash: loop.state.hash() });
    }
    this.#stood.set(name, { role, term, applied: appliedIndex });
  }
}

function mix(digest: Digest, event: TraceEvent): void {
  if (event.type === 'message') {
    const { type, from, to, message } = event.event;
    digest.text(type);
    digest.number(from * 4096 + to);
    if (message?.type !== 'raft') return;
    digest.text(message.message.type);
    digest.number(message.message.term);
    if ('index' in message.message) digest.number(message.message.index);
    return;
  }
  for (const value of Object.values(event)) {
    if (typeof value === 'number') digest.number(value);
    else digest.text(value);
  }
}
