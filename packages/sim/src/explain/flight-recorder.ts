/**
 * Takes down of a run what its story is told from: what is rare as a whole, and all else from a window of time.
 * A run is made again to be told, so the window is known beforehand.
 */
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { TraceEvent } from '../trace/event.ts';
import type { StoryKind } from './meanings.ts';

/** An event of the window, or one that is kept from the whole run. */
export interface StoryEvent {
  readonly atMs: number;
  readonly event: TraceEvent;
  /** For a message: when it was sent. */
  readonly sentMs?: number;
}

/** What a host is known to be. */
export interface HostAtEnd {
  readonly isUp: boolean;
  readonly role: string;
  readonly term: number;
  readonly applied: number;
}

/** A time in which somebody led. */
export interface Leadership {
  readonly host: string;
  readonly term: number;
  readonly fromMs: number;
  untilMs: number | undefined;
}

/** Events of one kind that are kept. */
const KEPT_MAX = 20_000;
/** Events of the window that are kept: the last ones. */
const WINDOW_MAX = 100_000;

/** The kind of a message; undefined for what says nothing of its own. */
export function kindOf(message: PeerMessage | undefined): StoryKind | undefined {
  if (message === undefined) return undefined;
  if (message.type !== 'raft') return message.type === 'members' ? undefined : 'snapshots';
  switch (message.message.type) {
    case 'MsgVote':
    case 'MsgVoteResp':
    case 'MsgPreVote':
    case 'MsgPreVoteResp':
    case 'MsgTimeoutNow':
    case 'MsgTransferLeader':
      return 'votes';
    case 'MsgApp':
    case 'MsgAppResp':
    case 'MsgProp':
      return 'entries';
    case 'MsgReadIndex':
    case 'MsgReadIndexResp':
      return 'reads';
    case 'MsgHeartbeat':
    case 'MsgHeartbeatResp':
      return 'heartbeats';
    default:
      return 'snapshots';
  }
}

/** One run, taken down. */
export class FlightRecorder {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #window: StoryEvent[] = [];
  readonly #faults: StoryEvent[] = [];
  readonly #hosts = new Map<string, HostAtEnd>();
  readonly #leaderships: Leadership[] = [];
  readonly #sent = new Map<PeerMessage, number>();
  readonly #names = new Map<number, string>();

  /** Keeps everything from `fromMs` to `toMs`. */
  constructor(fromMs: number, toMs: number) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  /** The events of the window, oldest first. */
  get window(): readonly StoryEvent[] {
    return this.#window;
  }

  /** Faults and notes of the whole run. */
  get faults(): readonly StoryEvent[] {
    return this.#faults;
  }

  /** All hosts that ever started, as they were at the end of the window. */
  get hosts(): ReadonlyMap<string, HostAtEnd> {
    return this.#hosts;
  }

  /** The host whose messages are from this Raft id. */
  nameOf(id: number): string {
    return this.#names.get(id) ?? `id ${id}`;
  }

  /** Who led, and when. */
  get leaderships(): readonly Leadership[] {
    return this.#leaderships;
  }

  /** Takes an event, in the order in which they happen. */
  take(atMs: number, event: TraceEvent): void {
    if (atMs > this.#toMs) return;
    this.#follow(atMs, event);
    if (event.type === 'message') {
      this.#message(atMs, event);
      return;
    }
    if (event.type === 'fault' || event.type === 'note') this.#keep({ atMs, event });
    if (atMs >= this.#fromMs) this.#show({ atMs, event });
  }

  #message(atMs: number, event: Extract<TraceEvent, { type: 'message' }>): void {
    const { type, message } = event.event;
    if (message === undefined) return;
    if (type === 'sent') {
      // What was sent before the window and is never seen again is forgotten with the rest.
      if (this.#sent.size > WINDOW_MAX) this.#sent.clear();
      this.#sent.set(message, atMs);
      return;
    }
    if (atMs < this.#fromMs || type === 'doubled') return;
    const sentMs = this.#sent.get(message);
    this.#show(sentMs === undefined ? { atMs, event } : { atMs, event, sentMs });
  }

  #show(event: StoryEvent): void {
    this.#window.push(event);
    if (this.#window.length > 2 * WINDOW_MAX) this.#window.splice(0, WINDOW_MAX);
  }

  #keep(event: StoryEvent): void {
    if (this.#faults.length < KEPT_MAX) this.#faults.push(event);
  }

  #follow(atMs: number, event: TraceEvent): void {
    const before = 'host' in event ? this.#hosts.get(event.host) : undefined;
    switch (event.type) {
      case 'start':
        this.#names.set(event.id, event.host);
        this.#hosts.set(event.host, { isUp: true, role: 'starting', term: before?.term ?? 0, applied: event.applied });
        return;
      case 'stop':
        if (before !== undefined) this.#hosts.set(event.host, { ...before, isUp: false });
        this.#endLeading(event.host, atMs);
        return;
      case 'apply':
        if (before !== undefined) this.#hosts.set(event.host, { ...before, applied: event.index });
        return;
      case 'role': {
        const { host, role, term } = event;
        this.#hosts.set(host, { isUp: true, role, term, applied: before?.applied ?? 0 });
        this.#endLeading(host, atMs);
        if (role !== 'leader') return;
        this.#leaderships.push({ host, term, fromMs: atMs, untilMs: undefined });
        if (this.#leaderships.length > KEPT_MAX) this.#leaderships.shift();
      }
    }
  }

  #endLeading(host: string, atMs: number): void {
    const last = this.#leaderships.findLast((leadership) => leadership.host === host);
    if (last !== undefined) last.untilMs ??= atMs;
  }
}
