/** Options of a node, their units and limits. */
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { RaftEvent } from './events.ts';
import { LOCAL_APPEND, LOCAL_APPLY, type LogIndex, type NodeId, type RaftStorage } from './types.ts';

/** How a linearizable read is made sure of: a round to a quorum, or the leader's lease where clocks allow it. */
export type ReadOnlyOption = 'safe' | 'leaseBased';

/** What a node is built from. Durations are in ticks; sizes are payload bytes, `Infinity` for no limit. */
export interface RaftOptions {
  readonly id: NodeId;
  readonly storage: RaftStorage;
  /** Draws the election timeouts. */
  readonly random: Random;
  /**
   * What the state machine has applied durably; zero for as much as the storage has compacted. The
   * storage's `confState` has to be the configuration at this index.
   */
  readonly applied?: LogIndex;
  /** Ticks without a leader before a campaign, at least; each timeout is drawn from `[n, 2n)`. Default 10. */
  readonly electionTick?: number;
  /** Ticks between heartbeats; less than `electionTick`. Default 1. */
  readonly heartbeatTick?: number;
  /** Ask before a campaign whether it could succeed, so that a node that was cut off disturbs nobody. Default true. */
  readonly preVote?: boolean;
  /** A leader without a quorum steps down, and a follower with a leader refuses to vote. Default true. */
  readonly checkQuorum?: boolean;
  /** Default `safe`; `leaseBased` needs `checkQuorum`. */
  readonly readOnlyOption?: ReadOnlyOption;
  /**
   * Ticks by which the lease is shortened against clocks that run at different rates; in `[0, electionTick)`.
   * Default a tenth of `electionTick`, at least one.
   */
  readonly leaseMarginTicks?: number;
  /** Payload of a MsgApp beyond its first entry. Default 1 MiB. */
  readonly maxSizePerMsg?: number;
  /** Unacknowledged MsgApp messages per follower, at least one. Default 256. */
  readonly maxInflightMsgs?: number;
  /** Unacknowledged payload per follower; at least `maxSizePerMsg`. Default 64 MiB. */
  readonly maxInflightBytes?: number;
  /** Payload handed out to be applied and not yet applied, beyond the first entry. Default `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady?: number;
  /** Payload of the leader's uncommitted tail beyond which proposals are refused. Default 64 MiB. */
  readonly maxUncommittedEntriesSize?: number;
  /** Reads waiting at the leader beyond which further ones are dropped. Default 65536. */
  readonly maxPendingReads?: number;
  /** Storage work leaves as messages and completes as messages, several under way at once. Default false. */
  readonly asyncStorageWrites?: boolean;
  /** A follower refuses proposals instead of sending them to the leader. Default false. */
  readonly disableProposalForwarding?: boolean;
  /** Let configuration changes into the log that look wrong now; whoever proposes them answers for their order. Default false. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that applies its own removal or demotion becomes a follower. Default true. */
  readonly stepDownOnRemoval?: boolean;
  /** Receives what happens inside, for traces and tests. Must not call the node. */
  readonly onEvent?: (event: RaftEvent) => void;
}

/** Options with every default filled in. */
export type RaftConfig = Required<RaftOptions>;

const MIB = 1024 * 1024;

/** Fills in defaults. Throws `N3X_CONFIG` naming the first option that is out of range. */
export function resolveConfig(options: RaftOptions): RaftConfig {
  const electionTick = options.electionTick ?? 10;
  const maxSizePerMsg = options.maxSizePerMsg ?? MIB;
  const config: RaftConfig = {
    id: options.id,
    storage: options.storage,
    random: options.random,
    applied: options.applied ?? 0,
    electionTick,
    heartbeatTick: options.heartbeatTick ?? 1,
    preVote: options.preVote ?? true,
    checkQuorum: options.checkQuorum ?? true,
    readOnlyOption: options.readOnlyOption ?? 'safe',
    leaseMarginTicks: options.leaseMarginTicks ?? Math.min(Math.ceil(electionTick / 10), electionTick - 1),
    maxSizePerMsg,
    maxInflightMsgs: options.maxInflightMsgs ?? 256,
    maxInflightBytes: options.maxInflightBytes ?? Math.max(64 * MIB, maxSizePerMsg),
    maxCommittedSizePerReady: options.maxCommittedSizePerReady ?? Math.max(maxSizePerMsg, 1),
    maxUncommittedEntriesSize: options.maxUncommittedEntriesSize ?? 64 * MIB,
    maxPendingReads: options.maxPendingReads ?? 65_536,
    asyncStorageWrites: options.asyncStorageWrites ?? false,
    disableProposalForwarding: options.disableProposalForwarding ?? false,
    disableConfChangeValidation: options.disableConfChangeValidation ?? false,
    stepDownOnRemoval: options.stepDownOnRemoval ?? true,
    onEvent: options.onEvent ?? ignoreEvent,
  };
  const problem = findProblem(config);
  if (problem !== undefined) throw new N3xError(ERROR_CODES.config, `raft option ${problem}`);
  return config;
}

function ignoreEvent(): undefined {
  return undefined;
}

function findProblem(config: RaftConfig): string | undefined {
  const count = (name: keyof RaftConfig, value: number, least: number): string | undefined =>
    Number.isSafeInteger(value) && value >= least ? undefined : `${name} must be an integer of at least ${least}`;
  const size = (name: keyof RaftConfig, value: number, least: number): string | undefined =>
    value >= least ? undefined : `${name} must be at least ${least}`;
  return (
    (config.id === LOCAL_APPEND || config.id === LOCAL_APPLY ? 'id must not be a storage address' : undefined) ??
    count('id', config.id, 1) ??
    count('applied', config.applied, 0) ??
    count('heartbeatTick', config.heartbeatTick, 1) ??
    count('electionTick', config.electionTick, config.heartbeatTick + 1) ??
    count('leaseMarginTicks', config.leaseMarginTicks, 0) ??
    count('maxInflightMsgs', config.maxInflightMsgs, 1) ??
    count('maxPendingReads', config.maxPendingReads, 1) ??
    size('maxSizePerMsg', config.maxSizePerMsg, 0) ??
    size('maxInflightBytes', config.maxInflightBytes, Math.max(config.maxSizePerMsg, 1)) ??
    size('maxCommittedSizePerReady', config.maxCommittedSizePerReady, 1) ??
    size('maxUncommittedEntriesSize', config.maxUncommittedEntriesSize, 1) ??
    (config.leaseMarginTicks >= config.electionTick ? 'leaseMarginTicks must be below electionTick' : undefined) ??
    (config.readOnlyOption === 'leaseBased' && !config.checkQuorum
      ? 'readOnlyOption=leaseBased needs checkQuorum'
      : undefined)
  );
}
