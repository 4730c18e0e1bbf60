/**
 * S1, what changes of the configuration rest on, as the world really is: at the moment at which a leader writes one
 * into its log, the voters before and after it must have majorities that live and that it can hear, a new voter must
 * have caught up, and no voter that lives may be exchanged for another without need.
 */
import type { ClusterSettings } from '@n3x/core/model/cluster';
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { ConfChange, LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import { linkKey } from '../world/link.ts';
import type { NetworkEvent } from '../world/network.ts';
import { type ObservedHost, Violation, type WorldObserver } from '../world/observer.ts';
import type { LogViews } from './log-views.ts';

/** Name of the rule. */
export const SAFE_MEMBERSHIP = 'S1 safe-membership';

/** What arrived this long ago, in true ms, may still count as just heard: the leader's clock may be slow. */
const HEARD_MS = 3_000;
/** How far behind what is committed a new voter may be, in entries; what is under way to it comes on top of the rule's own. */
const LAG_ENTRIES = 384;
/** Clocks may be fast by so much. */
const CLOCK_ERROR = 0.75;

/** What the checker has to know. */
export interface MembershipRulesOptions {
  readonly nowMs: () => number;
  readonly views: LogViews;
  readonly settings: ClusterSettings;
}

/** Watches over all changes of the configuration. */
export class MembershipRules implements WorldObserver {
  readonly #options: MembershipRulesOptions;
  readonly #hosts = new Map<NodeId, ObservedHost>();
  /** When something last arrived from each host at each other one, by direction. */
  readonly #arrived = new Map<number, number>();
  readonly #judged = new Set<string>();
  #changes = 0;

  constructor(options: MembershipRulesOptions) {
    this.#options = options;
  }

  /** Changes of voters that were looked at. */
  get changes(): number {
    return this.#changes;
  }

  started(host: ObservedHost): void {
    this.#hosts.set(host.id, host);
  }

  /** Something happened on a link. */
  network({ type, from, to }: NetworkEvent): void {
    if (type === 'delivered') this.#arrived.set(linkKey(from, to), this.#options.nowMs());
  }

  writing(host: ObservedHost, { entries = [] }: StorageWrite): void {
    for (const entry of entries) {
      if (entry.type === 'confChange') this.#changed(host, entry.index, entry.term, entry.change);
    }
  }

  #changed(host: ObservedHost, index: LogIndex, term: Term, { changes }: ConfChange): void {
    const status = host.loop?.status;
    if (status?.role !== 'leader' || status.term !== term || changes.length === 0) return;
    const key = `${index}/${term}`;
    if (this.#judged.has(key)) return;
    this.#judged.add(key);
    const before = status.confState.voters;
    const after = new Set(before);
    for (const { type, node } of changes) {
      if (type === 'addVoter') after.add(node);
      else if (type !== 'update') after.delete(node);
    }
    const added = [...after].filter((id) => !before.includes(id));
    const dropped = before.filter((id) => !after.has(id));
    if (added.length + dropped.length === 0) return;
    this.#changes++;
    const text = `${host.name} changes the voters ${before.join(' ')} to ${[...after].join(' ')}`;
    this.#needMajority(host, before, `${text}, and cannot hear a majority of the former`);
    this.#needMajority(host, [...after], `${text}, and cannot hear a majority of the latter`);
    for (const id of added) this.#needFit(host, id, status.commitIndex, text);
    if (after.size >= before.length) for (const id of dropped) this.#needReason(host, id, text);
  }

  #silentMs(id: NodeId, leader: ObservedHost): number {
    if (id === leader.id) return 0;
    return this.#options.nowMs() - (this.#arrived.get(linkKey(id, leader.id)) ?? Number.NEGATIVE_INFINITY);
  }

  #needMajority(leader: ObservedHost, voters: readonly NodeId[], message: string): void {
    const heard = voters.filter((id) => this.#silentMs(id, leader) <= HEARD_MS);
    if (heard.length * 2 <= voters.length) throw new Violation(SAFE_MEMBERSHIP, message);
  }

  #needFit(leader: ObservedHost, id: NodeId, committed: LogIndex, text: string): void {
    const silent = this.#silentMs(id, leader);
    if (silent > HEARD_MS)
      throw new Violation(SAFE_MEMBERSHIP, `${text}; ${id} was silent for ${Math.round(silent)} ms`);
    const host = this.#hosts.get(id);
    const has = host === undefined ? 0 : this.#options.views.of(host).lastIndex;
    if (has + LAG_ENTRIES >= committed) return;
    throw new Violation(SAFE_MEMBERSHIP, `${text}; ${id} has ${has} entries of ${committed}`);
  }

  /** A voter goes while their number stays: it leaves, has another role, or was silent for the grace. */
  #needReason(leader: ObservedHost, id: NodeId, text: string): void {
    const host = leader.loop?.state.host(id);
    if (host === undefined || host.membership === 'leaving' || host.settings.role === 'agent') return;
    const graceMs = this.#options.settings.replaceAfterSeconds * 1_000 * CLOCK_ERROR;
    const silent = this.#silentMs(id, leader);
    if (silent >= graceMs) return;
    throw new Violation(SAFE_MEMBERSHIP, `${text}; ${host.name} was silent for only ${Math.round(silent)} ms`);
  }
}
