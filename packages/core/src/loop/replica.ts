/**
 * The replicated state of one host: committed entries go in, what is to be stored and what watchers are told comes out. It
 * reads and writes commands in the format that is in force, and stops before the first one that it cannot read.
 */
import { assert } from '../base/assert.ts';
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import { applyConfState, applyEmpty, applyProposal } from '../machine/apply.ts';
import type { Command, CommandResult } from '../machine/command.ts';
import { unreadable } from '../machine/command-format.ts';
import { reads } from '../machine/format-range.ts';
import { STATE_LIMITS } from '../machine/history.ts';
import { encodeProposal } from '../machine/proposal-codec.ts';
import type { ObjectRecordChange } from '../machine/record-codec.ts';
import { ClusterState } from '../machine/state.ts';
import type { StateCodec } from '../machine/state-codec.ts';
import type { Changes } from '../machine/transaction.ts';
import type { ObjectChange } from '../model/object.ts';
import type { JournalPort } from '../ports/journal.ts';
import type { ConfState, Entry } from '../raft/types.ts';
import type { LoopOptions } from './options.ts';

/** What a replica needs of its loop. */
export interface ReplicaParts {
  readonly options: Pick<LoopOptions, 'commandFormats'>;
  readonly codec: StateCodec;
  readonly journal: JournalPort;
  /** Who waits for the result of a request gets it. */
  readonly answer: (requestId: string, result: CommandResult) => void;
}

/** The replicated state of one host. Methods that apply throw {@link N3xError} `N3X_VERSION` for what this build cannot read. */
export class Replica {
  readonly #parts: ReplicaParts;
  #state: ClusterState;
  /** What watchers have not been told yet. */
  #changes: ObjectChange[] = [];

  constructor(parts: ReplicaParts, index: number, records: Iterable<readonly [string, Uint8Array]>) {
    this.#parts = parts;
    this.#state = this.#load(index, records);
  }

  /** The applied state. Read only. */
  get state(): ClusterState {
    return this.#state;
  }

  /** The state becomes that of a snapshot; changes that nobody was told of are part of it. */
  restore(index: number, records: Iterable<readonly [string, Uint8Array]>): void {
    this.#state = this.#load(index, records);
    this.#changes = [];
  }

  #load(index: number, records: Iterable<readonly [string, Uint8Array]>): ClusterState {
    const state = ClusterState.fromRecords(index, records, STATE_LIMITS, this.#parts.codec);
    this.#stopUnlessReadable(state);
    return state;
  }

  /** Applies a committed entry; answers what is to be stored. `confState` comes with a change of the configuration. */
  apply(entry: Entry, confState: ConfState | null): readonly ObjectRecordChange[] {
    const { index, term } = entry;
    if (entry.type === 'confChange') {
      assert(confState !== null, 'a configuration change was applied without its configuration');
      return this.#take(applyConfState(this.#state, index, confState));
    }
    if (entry.data.length === 0) {
      applyEmpty(this.#state, index);
      return [];
    }
    const { commandFormats } = this.#parts.options;
    const decoded = this.#parts.codec.proposal(entry.data, commandFormats);
    if (!decoded.ok) {
      if (decoded.reason === 'unsupportedFormat') stop(index, decoded.format);
      // Checked before it was proposed, so only a defect leads here; every host passes over it alike.
      this.#parts.journal.log('error', 'loop.commandMalformed', { index, message: decoded.message });
      applyEmpty(this.#state, index);
      return [];
    }
    const { proposal } = decoded;
    const outcome = applyProposal(this.#state, { index, term }, proposal, commandFormats);
    if (outcome.type === 'unsupportedFormat') stop(index, outcome.format);
    if (proposal.command.type === 'commandFormatRaise') this.#stopUnlessReadable(this.#state);
    this.#parts.answer(proposal.requestId, outcome.result);
    return this.#take(outcome);
  }

  #take(changes: Changes): readonly ObjectRecordChange[] {
    for (const change of changes.objectChanges) this.#changes.push(change);
    return changes.changes;
  }

  /** Hands over what watchers have not been told yet. */
  takeChanges(): readonly ObjectChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    return changes;
  }

  /** A command as the payload of an entry; `atMs` is the wall clock of who asks. */
  encode(requestId: string, command: Command, atMs: number): Uint8Array {
    return encodeProposal({ format: this.#formatInForce, requestId, atMs, command });
  }

  /** Why a command cannot be written now, as its client is told; undefined when it can. */
  unreadable(command: Command): CommandResult | undefined {
    return this.#state.cluster === undefined ? undefined : unreadable(this.#state, this.#formatInForce, command);
  }

  /** Whether a peer's proposal can be read here, and by every voter: a build of its own ideas might send another. */
  mayPropose(data: Uint8Array): boolean {
    const decoded = this.#parts.codec.proposal(data, this.#parts.options.commandFormats);
    return decoded.ok && decoded.proposal.format <= this.#formatInForce;
  }

  get #formatInForce(): number {
    return this.#state.cluster?.commandFormat ?? this.#parts.options.commandFormats[0];
  }

  /** Stops before the first entry of a format that has come into force while this host was away. */
  #stopUnlessReadable({ cluster, index }: ClusterState): void {
    if (cluster === undefined || reads(this.#parts.options.commandFormats, cluster.commandFormat)) return;
    stop(index, cluster.commandFormat);
  }
}

/** This build cannot go on without diverging from the others. */
function stop(index: number, format: number): never {
  const message = `the log holds a command of format ${format} that this n3xd cannot read: install the version the other hosts run`;
  throw new N3xError(ERROR_CODES.version, message, { details: { index, format } });
}
