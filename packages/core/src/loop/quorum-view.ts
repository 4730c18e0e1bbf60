/** Whether a leader with a quorum is known to a host, and which. */
import { NONE, type NodeId } from '../raft/types.ts';
import type { Consensus } from './consensus.ts';
import type { LoopOptions } from './options.ts';
import type { LastHeard } from './peers.ts';

/** What one host knows of the leader and its quorum. */
export class QuorumView {
  readonly #options: Pick<LoopOptions, 'hostId' | 'electionTicks' | 'tickMs'>;
  readonly #heard: LastHeard;
  #missingSinceMs: number | null = 0;

  constructor(options: Pick<LoopOptions, 'hostId' | 'electionTicks' | 'tickMs'>, heard: LastHeard) {
    this.#options = options;
    this.#heard = heard;
  }

  /** Since when no leader with a quorum is known; null while one is. As of the last {@link judge}. */
  get missingSinceMs(): number | null {
    return this.#missingSinceMs;
  }

  /** Whether a leader with a quorum is known. As of the last {@link judge}. */
  get isThere(): boolean {
    return this.#missingSinceMs === null;
  }

  /**
   * The leader that this host hears from. Who does not vote never campaigns, so Raft alone would let it believe in a
   * leader for ever; by twice an election timeout every voter has given up one that is silent.
   */
  leader({ leader, isLeader }: Pick<Consensus, 'leader' | 'isLeader'>, nowMs: number): NodeId {
    if (isLeader || leader === NONE) return leader;
    const silentMs = nowMs - (this.#heard.at(leader) ?? Number.NEGATIVE_INFINITY);
    return silentMs <= 2 * this.#window ? leader : NONE;
  }

  /** Looks again. A leader counts only while it hears a quorum, so that a write is not put into a log that nobody follows. */
  judge(consensus: Pick<Consensus, 'leader' | 'isLeader' | 'applied'>, nowMs: number): void {
    const isThere = consensus.isLeader
      ? this.#heard.quorum(consensus.applied.confState, this.#options.hostId, nowMs - this.#window)
      : this.leader(consensus, nowMs) !== NONE;
    if (isThere) this.#missingSinceMs = null;
    else this.#missingSinceMs ??= nowMs;
  }

  /** An election timeout, in ms. */
  get #window(): number {
    return this.#options.electionTicks * this.#options.tickMs;
  }
}
