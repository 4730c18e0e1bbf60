/**
 * Holds back what a leader sends only to say that more is committed. Under load the next append says it as
 * well, so each such notice, its answer, and the work of both ends are saved. A follower learns of a commit
 * by {@link NOTICE_MS} times two later at most, unless someone waits for it there: then at once.
 */
import type { LogIndex, Message, MsgApp, NodeId } from '../raft/types.ts';

/** How often, in ms, the loop wants to be woken while notices are held back. */
export const NOTICE_MS = 4;

interface Held {
  readonly message: MsgApp;
  /** Whether it was held at the last wake already. */
  old: boolean;
}

/** The notices of one leader. */
export class CommitNotices {
  readonly #send: (message: Message) => void;
  readonly #held = new Map<NodeId, Held>();
  /** Highest commit index each follower was sent. */
  readonly #told = new Map<NodeId, LogIndex>();
  /** Up to which index each follower waits for commits. */
  readonly #awaited = new Map<NodeId, LogIndex>();

  /** `send` lets a message go. */
  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** Whether anything is held back. */
  get any(): boolean {
    return this.#held.size > 0;
  }

  /** Sends `message` or holds it back; what it makes superfluous is dropped. */
  pass(message: Message): void {
    const { to } = message;
    switch (message.type) {
      case 'MsgApp': {
        const told = this.#told.get(to) ?? 0;
        const news = message.commit > told;
        if (message.entries.length === 0 && news && message.commit > (this.#awaited.get(to) ?? 0)) {
          const old = this.#held.get(to)?.old ?? false;
          this.#held.set(to, { message, old });
          return;
        }
        if (news) this.#told.set(to, message.commit);
        this.#held.delete(to);
        break;
      }
      case 'MsgReadIndexResp':
        // The reader waits until it has applied what the read has to see.
        this.#release(to);
        break;
      default:
        break;
    }
    this.#send(message);
  }

  /** A client of `from` waits for what is in the log up to `index`. */
  awaited(from: NodeId, index: LogIndex): void {
    this.#awaited.set(from, index);
  }

  /** Lets go what was held back already at the last wake. */
  wake(): void {
    for (const [to, held] of this.#held) {
      if (held.old) this.#release(to);
      else held.old = true;
    }
  }

  /** Forgets all: this host leads no more, or leads anew. */
  clear(): void {
    this.#held.clear();
    this.#told.clear();
    this.#awaited.clear();
  }

  #release(to: NodeId): void {
    const held = this.#held.get(to);
    if (held === undefined) return;
    this.#held.delete(to);
    this.#told.set(to, held.message.commit);
    this.#send(held.message);
  }
}
