/**
 * What no build that is right says, whatever happened to it: numbers so far ahead that following them would use
 * up the range in which numbers are exact. A term is durable at once and only rises, so a single message of the
 * last term that there is would leave a cluster without a leader for ever.
 */
import type { LogIndex, Term } from '../raft/types.ts';
import type { PeerMessage } from '../wire/peer-message.ts';

/**
 * The farthest that a peer can be ahead, in terms or in entries. A host that campaigns twice a second gets there
 * in 68 years; and one that leaps as far with every message has two million of them before the range is used up.
 * A host that was away while a broken one drove the others farther than this stays out: it has to join anew.
 */
export const LEAP_MAX = 2 ** 32;

/** Whether a message can be true, seen from a host in `term` whose state is at `index`. */
export function isPlausible(message: PeerMessage, term: Term, index: LogIndex): boolean {
  switch (message.type) {
    case 'raft':
      return message.message.term <= term + LEAP_MAX;
    case 'snapshotChunk':
      return message.term <= term + LEAP_MAX;
    case 'members':
      return message.index <= index + LEAP_MAX;
    case 'leaseGrant':
      return message.index <= index + LEAP_MAX;
    case 'leaseRenew':
    case 'snapshotAck':
      // It is compared with what was sent.
      return true;
  }
}
