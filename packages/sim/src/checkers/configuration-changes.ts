/**
 * S1, what changes of the configuration rest on: one at a time, so that each is judged against the one before it
 * (Raft section 6, thesis section 4.1), and no vote for a host that has yet to get the log (thesis section 4.2.1).
 */
import { CONTROL_OPTIONS } from '@n3x/core/control/decision';
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { Entry, LogIndex, NodeId } from '@n3x/core/raft/types';
import { type ObservedHost, Violation } from '../world/observer.ts';
import type { LogViews } from './log-views.ts';

/** Names of the rules. */
export const ONE_CHANGE = 'S1 one-change-at-a-time';
export const CAUGHT_UP = 'S1 caught-up-before-vote';

/** Entries that may be committed between the decision and the moment at which it is written. */
const SLACK = 64;

/** Judges every configuration change at the moment at which a leader writes it. */
export class ConfigurationChanges {
  readonly #views: LogViews;
  /** Hosts whose daemon has started at least once. */
  readonly #known = new Set<NodeId>();

  constructor(views: LogViews) {
    this.#views = views;
  }

  started(host: ObservedHost): void {
    this.#known.add(host.id);
  }

  /** A write leaves `host`; up to `known` it is known what is committed. */
  writing(host: ObservedHost, { entries, snapshot }: StorageWrite, known: LogIndex): void {
    const status = host.loop?.status;
    if (entries === undefined || snapshot !== undefined || status?.role !== 'leader') return;
    const added = entries.find((entry) => entry.type === 'confChange' && entry.term === status.term);
    if (added?.type !== 'confChange') return;
    const earlier = this.#uncommitted(host, entries, Math.max(known, status.commitIndex), added.index);
    if (earlier !== undefined) {
      const text = `${host.name} begins a configuration change at ${added.index}; the one at ${earlier} is not committed`;
      throw new Violation(ONE_CHANGE, text);
    }
    for (const { type, node } of added.change.changes) {
      if (type !== 'addVoter' || status.confState.voters.includes(node)) continue;
      const has = this.#known.has(node) ? this.#views.ofId(node).lastIndex : 0;
      if (has + CONTROL_OPTIONS.caughtUpEntries + SLACK >= status.commitIndex) continue;
      const text = `${host.name} lets host ${node} vote, whose log ends at ${has}; ${status.commitIndex} is committed`;
      throw new Violation(CAUGHT_UP, text);
    }
  }

  /** The first configuration change after `from` and before `to` in the log of `host` with `entries`. */
  #uncommitted(host: ObservedHost, entries: readonly Entry[], from: LogIndex, to: LogIndex): LogIndex | undefined {
    const log = this.#views.of(host);
    for (let index = from + 1; index < to; index++) {
      const entry = entries.find((one) => one.index === index) ?? log.entry(index);
      if (entry?.type === 'confChange') return index;
    }
    return undefined;
  }
}
