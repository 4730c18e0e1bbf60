/** What the state keeps of the past: the last events, and the results of the last requests. */
import type { ClusterEvent } from '../model/cluster.ts';
import type { CommandResult } from './command.ts';
import type { RequestRecord } from './record-codec.ts';
import { Ring } from './ring.ts';

/**
 * How much history is kept. Every host must keep the same, or their states differ: the figures belong to
 * the command format.
 */
export interface StateLimits {
  /** Events. */
  readonly events: number;
  /** Results by request id. */
  readonly requests: number;
}

/** The limits of command format 1. */
export const STATE_LIMITS: StateLimits = { events: 4096, requests: 16_384 };

/** The last events and results. */
export class History {
  readonly #events: Ring<ClusterEvent>;
  readonly #requests: Ring<RequestRecord>;
  readonly #results = new Map<string, CommandResult>();

  constructor(limits: StateLimits) {
    this.#events = new Ring(limits.events);
    this.#requests = new Ring(limits.requests);
  }

  /** Number of kept events. */
  get eventCount(): number {
    return this.#events.size;
  }

  /** Kept events with an index of at least `fromIndex`, oldest first. Not to be used across a change. */
  events(fromIndex: number): Generator<ClusterEvent> {
    return this.#events.from(this.#events.firstNot((event) => event.index < fromIndex));
  }

  /** The newest event. */
  get lastEvent(): ClusterEvent | undefined {
    return this.#events.at(this.#events.size - 1);
  }

  /** Number of kept results. */
  get requestCount(): number {
    return this.#requests.size;
  }

  /** Kept results, oldest first. Not to be used across a change. */
  requests(): Generator<RequestRecord> {
    return this.#requests.from(0);
  }

  /** The kept result of a request. */
  result(requestId: string): CommandResult | undefined {
    return this.#results.get(requestId);
  }

  /** Hands back the event that had to go. */
  pushEvent(event: ClusterEvent): ClusterEvent | undefined {
    return this.#events.push(event);
  }

  /** Hands back the result that had to go. */
  pushRequest(request: RequestRecord): RequestRecord | undefined {
    const evicted = this.#requests.push(request);
    if (evicted !== undefined) this.#results.delete(evicted.requestId);
    this.#results.set(request.requestId, request.result);
    return evicted;
  }
}
