/** Settings under which what is rare happens all the time. By themselves they are no defects. */
import type { LoopOptions } from '@n3x/core/loop/options';
import type { Tampering } from '../world/tampering.ts';
import type { Rewrite } from './rewrite.ts';

/** One entry in each message: a follower is brought up to date in several, as with entries of megabytes. */
export const ONE_ENTRY_PER_MESSAGE: Rewrite = {
  file: 'loop/consensus',
  find: 'maxSizePerMsg: 1024 * 1024',
  replace: 'maxSizePerMsg: 1',
};

/** Small pieces: snapshots go the way of large ones. */
export const SMALL_PIECES: Rewrite = {
  file: 'loop/snapshot-sender',
  find: 'CHUNK_BYTES = 256 * 1024',
  replace: 'CHUNK_BYTES = 2 * 1024',
};

/** Leases without slack: what would be forgiven by chance is not. Clocks have to be right to a thousandth. */
export const TIGHT_LEASES: Rewrite = {
  file: 'model/lease-timing',
  find: 'clockError: 0.05, fenceMarginMs: 500 }',
  replace: 'clockError: 0.001, fenceMarginMs: 0 }',
};

/** Short logs: whoever was away for a moment needs a snapshot. */
export function shortLogs(): Tampering & { options(options: LoopOptions): LoopOptions } {
  return { options: (options) => ({ ...options, compactAfterEntries: 40, keepEntries: 25 }) };
}
