/**
 * S1, what elections and commits rest on: a leader has the votes of a majority (Raft section 5.2), and what a
 * leader takes for committed is on the disks of one (section 5.3). Both hold at the moment at which a host comes to
 * believe it, so a wrong count shows at once, and not only when what was counted wrongly is lost.
 */
import type { LoopStatus } from '@n3x/core/loop/host-loop';
import type { ConfState, LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { type ObservedHost, Violation } from '../world/observer.ts';
import type { LogView } from './log-views.ts';

/** Names of the rules. */
export const ELECTION_QUORUM = 'S1 election-quorum';
export const COMMIT_QUORUM = 'S1 commit-quorum';

/** Where a host stood when it was last looked at. */
interface Stood {
  readonly leads: Term;
  readonly commit: LogIndex;
  readonly confState: ConfState;
}

/** Counts votes and copies by itself. */
export class Quorums {
  readonly #hosts = new Map<NodeId, ObservedHost>();
  /** Voters that have granted their vote, by candidate and term. */
  readonly #votes = new Map<string, Set<NodeId>>();
  readonly #stood = new Map<NodeId, Stood>();

  /** The daemon of `host` starts over. */
  started(host: ObservedHost): void {
    this.#hosts.set(host.id, host);
    this.#stood.delete(host.id);
  }

  /** A message leaves `host`. */
  sending(host: ObservedHost, peerMessage: PeerMessage): void {
    if (peerMessage.type !== 'raft') return;
    const { message } = peerMessage;
    if (message.type !== 'MsgVoteResp' || message.reject) return;
    const key = `${message.to}/${message.term}`;
    const voters = this.#votes.get(key) ?? new Set();
    this.#votes.set(key, voters.add(host.id));
  }

  /** A host stands where `status` says, with `log`; up to `known` it was known before what is committed. */
  settled(host: ObservedHost, status: LoopStatus, log: LogView, known: LogIndex): void {
    const { role, term, commitIndex, confState } = status;
    const before = this.#stood.get(host.id);
    const leads = role === 'leader' ? term : 0;
    this.#stood.set(host.id, { leads, commit: commitIndex, confState });
    if (leads === 0) return;
    // A change of the configuration may have taken effect since: what counted was the one or the other.
    const configurations = before === undefined ? [confState] : [confState, before.confState];
    if (before?.leads !== term) this.#elected(host, term, configurations);
    const index = Math.min(commitIndex, log.lastIndex);
    if (index <= Math.max(known, before?.commit ?? log.baseIndex)) return;
    // An entry of an earlier term is committed by one of the leader's own after it (section 5.4.2).
    if (log.term(index) !== term) {
      const text = `${host.name} leads in term ${term} and commits entry ${index} of term ${log.term(index)} by itself`;
      throw new Violation(COMMIT_QUORUM, text);
    }
    this.#committed(host, index, term, configurations);
  }

  #elected(host: ObservedHost, term: Term, configurations: readonly ConfState[]): void {
    const granted = this.#votes.get(`${host.id}/${term}`);
    const votes = (id: NodeId): boolean => id === host.id || granted?.has(id) === true;
    if (configurations.some((conf) => hasMajorities(conf, votes))) return;
    const text = `${host.name} leads in term ${term} with the votes of ${[host.id, ...(granted ?? [])].join(' ')} in ${describe(configurations)}`;
    throw new Violation(ELECTION_QUORUM, text);
  }

  #committed(host: ObservedHost, index: LogIndex, term: Term, configurations: readonly ConfState[]): void {
    const has = (id: NodeId): boolean => this.#hosts.get(id)?.disk.keeps(index, term) === true;
    if (configurations.some((conf) => hasMajorities(conf, has))) return;
    const holders = [...this.#hosts.keys()].filter(has);
    const text = `${host.name} takes entry ${index} of term ${term} for committed; it is on the disks of ${holders.join(' ')} in ${describe(configurations)}`;
    throw new Violation(COMMIT_QUORUM, text);
  }
}

function hasMajorities({ voters, votersOutgoing }: ConfState, counts: (id: NodeId) => boolean): boolean {
  return [voters, votersOutgoing].every((half) => half.length === 0 || half.filter(counts).length * 2 > half.length);
}

function describe(configurations: readonly ConfState[]): string {
  const texts = configurations.map(({ voters, votersOutgoing }) =>
    votersOutgoing.length === 0 ? `(${voters.join(' ')})` : `(${voters.join(' ')})(${votersOutgoing.join(' ')})`,
  );
  return [...new Set(texts)].join(' or ');
}
