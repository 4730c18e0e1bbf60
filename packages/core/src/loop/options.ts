/** How a loop behaves, with units. The daemon takes these from its configuration, the simulator from its scenario. */
import { COMMAND_FORMATS } from '../machine/command.ts';
import type { FormatRange } from '../machine/format-range.ts';
import type { PeerAddress } from '../ports/transport.ts';
import type { CompactionOptions } from './compaction.ts';

/** Options of a loop. */
export interface LoopOptions extends CompactionOptions {
  /** This host's id in the cluster. */
  readonly hostId: number;
  /** Distinguishes this run of the daemon from its earlier ones in request ids; drawn at random by the shell. */
  readonly bootId: string;
  /** Members known before the replicated state is: from the answer to a join. */
  readonly bootstrapPeers: readonly PeerAddress[];
  /** Length of a tick in ms. */
  readonly tickMs: number;
  /** Ticks between a leader's heartbeats. */
  readonly heartbeatTicks: number;
  /** Ticks without a leader before a campaign; randomised up to twice this. */
  readonly electionTicks: number;
  /** Requests of clients that may wait at once. */
  readonly maxPendingRequests: number;
  /** How long, in ms, a request waits for a quorum before it fails with `noQuorum`. */
  readonly noQuorumGraceMs: number;
  /** How long, in ms, a proposal may stay unanswered before it is proposed again under the same request id. */
  readonly proposalRetryMs: number;
  /**
   * How a linearizable read is made sure of: `quorum` by a round of heartbeats, `lease` without one while a
   * quorum has lately promised to elect nobody else. `lease` has to be set, and the figures of ticks have to be
   * the same, on all hosts; it rests on clocks whose rates differ by less than a tenth, which whoever drives the
   * loop has to tell it: see `HostLoop.clock`.
   */
  readonly reads: 'quorum' | 'lease';
  /** Ticks between two runs of the leader's controllers when nothing changed. */
  readonly controlTicks: number;
  /** Formats of commands that this build reads; the simulator runs older and newer builds with others. */
  readonly commandFormats: FormatRange;
}

/** Defaults for all that does not name a host. */
export const DEFAULT_LOOP_OPTIONS = {
  tickMs: 50,
  heartbeatTicks: 1,
  electionTicks: 10,
  compactAfterEntries: 10_000,
  keepEntries: 5_000,
  compactAfterBytes: 32 * 1024 * 1024,
  lagEntries: 50_000,
  lagBytes: 128 * 1024 * 1024,
  maxPendingRequests: 8_192,
  noQuorumGraceMs: 3_000,
  proposalRetryMs: 1_000,
  reads: 'quorum',
  controlTicks: 4,
  commandFormats: COMMAND_FORMATS,
} as const satisfies Partial<LoopOptions>;
