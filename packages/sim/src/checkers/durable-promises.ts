/**
 * S1, what it rests on: a message leaves only after what it promises is durable (thesis section 3.8 and
 * 10.2.1). A host that starts again must still have the term it spoke in, the vote it gave, and the entries it
 * said it has, unless it replaced them since.
 */
import type { StoredState } from '@n3x/core/ports/storage';
import type { LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { type ObservedHost, Violation } from '../world/observer.ts';
import type { LogView } from './log-views.ts';

/** Name of the rule. */
export const DURABLE_PROMISES = 'S1 durable-promises';

/** Messages whose sender must not forget its term: votes, asked for and given, acknowledgements, and what a leader says. */
const PROMISING: ReadonlySet<string> = new Set(['MsgVote', 'MsgVoteResp', 'MsgApp', 'MsgAppResp', 'MsgHeartbeat']);

/** What a host has told others that it keeps. */
interface Promised {
  /** Term of its last message. */
  term: Term;
  /** Its last vote. */
  vote: { readonly term: Term; readonly candidate: NodeId };
  /** The last entry that it said it has. */
  entry: { readonly index: LogIndex; readonly term: Term };
}

/** Remembers promises and holds hosts to them when they start again. */
export class DurablePromises {
  readonly #promised = new Map<NodeId, Promised>();

  /** A message leaves `host`, whose log is `log`. */
  sending(host: ObservedHost, peerMessage: PeerMessage, log: LogView): void {
    if (peerMessage.type !== 'raft') return;
    const { message } = peerMessage;
    if (!PROMISING.has(message.type) || ('reject' in message && message.reject)) return;
    const promised = this.#of(host);
    promised.term = Math.max(promised.term, message.term);
    if (message.type === 'MsgVoteResp' && !message.reject)
      promised.vote = { term: message.term, candidate: message.to };
    if (message.type !== 'MsgAppResp' || message.reject || message.index < promised.entry.index) return;
    const term = log.term(message.index);
    if (term !== undefined) promised.entry = { index: message.index, term };
  }

  /** `host` replaces its log from an entry on: what it said of that part is void. */
  replacing(host: ObservedHost, from: LogIndex, log: LogView): void {
    const promised = this.#promised.get(host.id);
    if (promised === undefined || promised.entry.index < from) return;
    promised.entry = { index: from - 1, term: log.term(from - 1) ?? 0 };
  }

  /** `host` starts over `stored`. */
  started(host: ObservedHost, { hardState, compacted, entries }: StoredState): void {
    const promised = this.#promised.get(host.id);
    if (promised === undefined) return;
    const { term, vote, entry } = promised;
    if (hardState.term < term) {
      throw new Violation(DURABLE_PROMISES, `${host.name} spoke in term ${term} and starts again in ${hardState.term}`);
    }
    if (hardState.term === vote.term && hardState.vote !== vote.candidate) {
      const text = `${host.name} voted for ${vote.candidate} in term ${vote.term} and starts again with ${hardState.vote}`;
      throw new Violation(DURABLE_PROMISES, text);
    }
    if (entry.index <= compacted.index) return;
    const found = entries[entry.index - compacted.index - 1]?.term;
    if (found === entry.term) return;
    const text = `${host.name} had said it has entry ${entry.index} of term ${entry.term} and starts again ${found === undefined ? 'without it' : `with one of term ${found}`}`;
    throw new Violation(DURABLE_PROMISES, text);
  }

  #of(host: ObservedHost): Promised {
    let promised = this.#promised.get(host.id);
    if (promised === undefined) {
      promised = { term: 0, vote: { term: 0, candidate: 0 }, entry: { index: 0, term: 0 } };
      this.#promised.set(host.id, promised);
    }
    return promised;
  }
}
