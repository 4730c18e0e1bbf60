/**
 * When the log is cut, and how far. With hysteresis: it may grow to one size and is then cut down to a smaller
 * one, so that it happens seldom. While a follower that is alive lags, the tail that it still needs is kept, up
 * to a limit; one that is not heard from holds nothing up, and gets a snapshot when it is back.
 */
import type { LogIndex } from '../raft/types.ts';

/** Figures of compaction. Entries count up to the last applied one; bytes are those of payload. */
export interface CompactionOptions {
  /** Entries in the log beyond which it is cut. */
  readonly compactAfterEntries: number;
  /** Bytes in the log beyond which it is cut; a cut for their sake leaves half of them at most. */
  readonly compactAfterBytes: number;
  /** Entries that a cut leaves, so that a follower that was away for a moment needs no snapshot. */
  readonly keepEntries: number;
  /** Most entries that are kept for a live follower that lags. */
  readonly lagEntries: number;
  /** Most bytes that are kept for a live follower that lags. */
  readonly lagBytes: number;
}

/** The log as a compaction sees it. */
export interface CompactableLog {
  readonly bytes: number;
  firstIndex(): LogIndex;
  /** The lowest index after which at most `bytes` of payload follow. */
  indexLeaving(bytes: number): LogIndex;
}

/** Part of what a cut takes away at least, so that a log that is held back is not cut an entry at a time. */
const LEAST_PART = 8;

/** Decides on compactions of one log. */
export class Compaction {
  readonly #options: CompactionOptions;
  /** Nothing is decided before this index is applied: what held the last cut back is not asked for every time. */
  #notBefore: LogIndex = 0;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /**
   * The index up to which to cut now; undefined for not at all. `needed` gives the highest index that no live
   * follower needs any more; it is asked only when there is something to cut.
   */
  decide(log: CompactableLog, applied: LogIndex, needed: () => LogIndex): LogIndex | undefined {
    const { compactAfterEntries, compactAfterBytes, keepEntries, lagEntries, lagBytes } = this.#options;
    const first = log.firstIndex();
    const tooMany = applied - first + 1 > compactAfterEntries;
    const tooLarge = log.bytes > compactAfterBytes;
    if ((!tooMany && !tooLarge) || applied < this.#notBefore) return undefined;
    let wish = tooMany ? applied - keepEntries : first - 1;
    if (tooLarge) wish = Math.max(wish, log.indexLeaving(compactAfterBytes / 2));
    let limit = applied - lagEntries;
    if (log.bytes > lagBytes) limit = Math.max(limit, log.indexLeaving(lagBytes));
    const index = Math.min(wish, Math.max(needed(), limit), applied);
    const step = Math.max(1, Math.floor((compactAfterEntries - keepEntries) / LEAST_PART));
    // Too many bytes in few entries: each of them counts.
    const least = tooLarge ? 1 : step;
    if (index - first + 1 >= least) {
      this.#notBefore = 0;
      return index;
    }
    this.#notBefore = applied + (tooLarge ? Math.min(step, LEAST_PART) : step);
    return undefined;
  }
}
