/**
 * S1, election safety: at most one leader per term (Raft figure 3), and what it rests on: a host votes for at
 * most one candidate in a term, whatever happened to it in between.
 */
import type { LoopStatus } from '@n3x/core/loop/host-loop';
import type { NodeId, Term } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { type ObservedHost, Violation } from '../world/observer.ts';

/** Name of the rule. */
export const ELECTION_SAFETY = 'S1 election-safety';

/** Watches leaders and votes. */
export class ElectionSafety {
  readonly #leaders = new Map<Term, string>();
  readonly #votes = new Map<string, NodeId>();

  /** Leaders seen so far. */
  get elections(): number {
    return this.#leaders.size;
  }

  /** A host stands where `status` says. */
  settled(host: ObservedHost, status: LoopStatus): void {
    if (status.role !== 'leader') return;
    const other = this.#leaders.get(status.term);
    if (other === undefined) this.#leaders.set(status.term, host.name);
    else if (other !== host.name) {
      throw new Violation(ELECTION_SAFETY, `${other} and ${host.name} both lead in term ${status.term}`);
    }
  }

  /** A message leaves a host. */
  sending(host: ObservedHost, message: PeerMessage): void {
    if (message.type !== 'raft') return;
    const { message: sent } = message;
    // A candidate votes for itself.
    const to = sent.type === 'MsgVote' ? host.id : sent.type === 'MsgVoteResp' && !sent.reject ? sent.to : undefined;
    if (to === undefined) return;
    const { term } = sent;
    const key = `${host.id}/${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== to) {
      throw new Violation(ELECTION_SAFETY, `${host.name} votes for ${before} and for ${to} in term ${term}`);
    }
    this.#votes.set(key, to);
  }
}
