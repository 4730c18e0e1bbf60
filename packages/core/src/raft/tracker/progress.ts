/**
 * The leader's view of one follower. Three states:
 *
 *     probe      one message per heartbeat interval, until the follower says where its log matches
 *     replicate  messages are streamed within the in-flight window, `next` runs ahead of `match`
 *     snapshot   the follower needs entries that were compacted; nothing is sent until it has caught up
 */
import type { LogIndex, NodeId } from '../types.ts';
import { Inflights } from './inflights.ts';

/** How the leader talks to a follower. */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** A progress as plain data; `id` is whose it is. */
export interface ProgressImage {
  readonly id: NodeId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: ProgressState;
  readonly pendingSnapshot: LogIndex;
  readonly recentActive: boolean;
  readonly paused: boolean;
  readonly isLearner: boolean;
  readonly inflights: readonly { readonly index: LogIndex; readonly bytes: number }[];
  readonly sentCommit: LogIndex;
}

/** Mutable; owned by the leader's tracker. Invariant: `match < next`. */
export class Progress {
  /** The follower's log is known to equal the leader's up to here. */
  match: LogIndex;
  /** The next entry to send. */
  next: LogIndex;
  state: ProgressState = 'probe';
  /** In `snapshot`: the index of the snapshot that was sent. */
  pendingSnapshot: LogIndex = 0;
  /** Heard from since the last check of the quorum. */
  recentActive = false;
  /** No MsgApp until a heartbeat answer or an acknowledgement frees the flow. */
  paused = false;
  isLearner: boolean;
  inflights: Inflights;
  /** Highest commit index in a message to the follower; tells whether another empty one could help. */
  #sentCommit: LogIndex = 0;

  constructor(options: {
    match: LogIndex;
    next: LogIndex;
    isLearner: boolean;
    maxInflightMsgs: number;
    maxInflightBytes: number;
  }) {
    this.match = options.match;
    this.next = options.next;
    this.isLearner = options.isLearner;
    this.inflights = new Inflights(options.maxInflightMsgs, options.maxInflightBytes);
  }

  /** The same follower as a voter or learner; the in-flight window is shared, the original is not used any more. */
  cloneAs(isLearner: boolean, limits: { maxInflightMsgs: number; maxInflightBytes: number }): Progress {
    const copy = new Progress({ match: this.match, next: this.next, isLearner, ...limits });
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.recentActive = this.recentActive;
    copy.paused = this.paused;
    copy.inflights = this.inflights;
    copy.#sentCommit = this.#sentCommit;
    return copy;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.paused = false;
    this.pendingSnapshot = 0;
    this.inflights.reset();
  }

  /** To `probe`, from the snapshot's end when one was sent and did not fail, from `match` otherwise. */
  becomeProbe(): void {
    const afterSnapshot = this.state === 'snapshot' ? this.pendingSnapshot + 1 : 0;
    this.#enter('probe');
    this.next = Math.max(this.match + 1, afterSnapshot);
    this.#capSentCommit();
  }

  /** To `replicate`, streaming from `match`. */
  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  /** To `snapshot`: the one at `index` was sent. */
  becomeSnapshot(index: LogIndex): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  /** Notes that a MsgApp with `count` entries of `bytes` payload left. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // With a full window this message doubles as the probe that later frees it.
      this.paused = this.inflights.full();
    } else if (count > 0) {
      this.paused = true;
    }
  }

  /** Notes that `commit` was told to the follower. */
  sentCommit(commit: LogIndex): void {
    this.#sentCommit = commit;
  }

  /** Whether telling `commit` could move the follower's commit index. */
  canBumpCommit(commit: LogIndex): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** The follower acknowledged everything up to `index`. False when that is old news. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.paused = false;
    return true;
  }

  /**
   * The follower refused the MsgApp after `rejected` and proposes to try after `hint`.
   * False when the refusal is stale: overtaken by an acknowledgement, or not for the last probe.
   */
  maybeDecreaseTo(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.#capSentCommit();
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.#capSentCommit();
    this.paused = false;
    return true;
  }

  /** Whether no MsgApp may be sent now. */
  isPaused(): boolean {
    return this.state === 'snapshot' || this.paused;
  }

  /** `StateReplicate match=11 next=15 paused inflight=3[full]`; byte-stable. */
  describe(): string {
    const parts = [`${PROGRESS_NAMES[this.state]} match=${this.match} next=${this.next}`];
    if (this.isLearner) parts.push('learner');
    if (this.isPaused()) parts.push('paused');
    if (this.pendingSnapshot > 0) parts.push(`pendingSnap=${this.pendingSnapshot}`);
    if (!this.recentActive) parts.push('inactive');
    if (this.inflights.count > 0) {
      parts.push(`inflight=${this.inflights.count}${this.inflights.full() ? '[full]' : ''}`);
    }
    return parts.join(' ');
  }

  /** All of it as plain data; `id` is whose it is. */
  image(id: NodeId): ProgressImage {
    const { match, next, state, pendingSnapshot, recentActive, paused, isLearner } = this;
    const window = { inflights: this.inflights.image(), sentCommit: this.#sentCommit };
    return { id, match, next, state, pendingSnapshot, recentActive, paused, isLearner, ...window };
  }

  // A commit index told beyond what the follower turned out to hold has to be told again.
  #capSentCommit(): void {
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
  }
}

const PROGRESS_NAMES: Readonly<Record<ProgressState, string>> = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
};
