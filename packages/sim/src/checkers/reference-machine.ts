/**
 * S1, state machine safety: every host that has applied up to an index has the same state. A state machine of
 * the checker's own takes the committed entries one by one, without batches, restarts and snapshots; each
 * host's state is compared with it at every index at which the host comes to rest. On it hang
 * S2 (what was answered is what the log says, and each request took effect once) and S4 (the invariants).
 */
import { SeededRandom } from '@n3x/core/base/random';
import type { LoopStatus } from '@n3x/core/loop/host-loop';
import { applyConfState, applyEmpty, applyProposal } from '@n3x/core/machine/apply';
import type { CommandResult } from '@n3x/core/machine/command';
import { same } from '@n3x/core/machine/difference';
import { STATE_LIMITS } from '@n3x/core/machine/history';
import { checkInvariants, checkStep } from '@n3x/core/machine/invariants';
import { ClusterState } from '@n3x/core/machine/state';
import type { StateCodec } from '@n3x/core/machine/state-codec';
import type { ObjectChange } from '@n3x/core/model/object';
import type { CommandOutcome } from '@n3x/core/ports/client';
import type { StoredState } from '@n3x/core/ports/storage';
import { MemoryStorage } from '@n3x/core/raft/memory-storage';
import { RawNode } from '@n3x/core/raft/raw-node';
import type { Entry, LogIndex } from '@n3x/core/raft/types';
import { type ObservedHost, Violation } from '../world/observer.ts';
import { COMMITTED_AGREE, type CommittedLog } from './committed-log.ts';

/** Names of the rules. */
export const ACKNOWLEDGED = 'S2 acknowledged-writes';
export const ONCE = 'S2 requests-once';
export const INVARIANTS = 'S4 invariants';

/** Entries between two full recounts of the state. */
const RECOUNT_EVERY = 1_024;
/** Id of the node that only works configurations out; no host has it. */
const CALCULATOR_ID = 1_000_000_000;

/** What is remembered of the past: states by index, and requests. */
const HASHES_KEPT = 25_000;
const REQUESTS_KEPT = 50_000;

/** The reference reads whatever any build writes. */
const ALL_FORMATS = [1, 255] as const;

/** What is known of one request. */
interface Request {
  readonly index: LogIndex;
  readonly result: CommandResult;
  effects: number;
}

/** The reference state with the comparison of all hosts against it. */
export class ReferenceMachine {
  readonly #log: CommittedLog;
  readonly #codec: StateCodec;
  readonly #watch: (changes: readonly ObjectChange[]) => void;
  readonly #state: ClusterState;
  readonly #hashes = new Map<LogIndex, string>();
  readonly #configuration: RawNode;
  readonly #requests = new Map<string, Request>();
  readonly #acknowledged: { host: string; requestId: string; result: CommandResult }[] = [];

  /** `first` is what the founding host starts from; `watch` is told what each entry changed. */
  constructor(
    log: CommittedLog,
    first: StoredState,
    codec: StateCodec,
    watch: (changes: readonly ObjectChange[]) => void,
  ) {
    this.#log = log;
    this.#codec = codec;
    this.#watch = watch;
    const { applied, records } = first;
    this.#state = ClusterState.fromRecords(applied.index, records, STATE_LIMITS, codec);
    this.#hashes.set(applied.index, this.#state.hash());
    this.#configuration = new RawNode({
      id: CALCULATOR_ID,
      storage: new MemoryStorage(applied),
      random: new SeededRandom(0),
    });
  }

  get state(): ClusterState {
    return this.#state;
  }

  /** Requests that took effect so far. */
  get requests(): number {
    return this.#requests.size;
  }

  /** A client was answered. Judged once the host's entries are known here. */
  answered(host: ObservedHost, requestId: string, outcome: CommandOutcome): void {
    if (outcome.type === 'result') this.#acknowledged.push({ host: host.name, requestId, result: outcome.result });
  }

  /** A host stands where `status` says. */
  settled(host: ObservedHost, { appliedIndex }: LoopStatus): void {
    for (let index = this.#state.index + 1; index <= appliedIndex; index++) {
      const entry = this.#log.entry(index);
      if (entry === undefined) throw new Violation(COMMITTED_AGREE, `${host.name} applied ${index}, not committed`);
      this.#apply(entry);
    }
    const expected = this.#hashes.get(appliedIndex);
    const actual = host.loop?.state.hash();
    if (expected !== undefined && actual !== expected) {
      throw new Violation(
        COMMITTED_AGREE,
        `the state of ${host.name} at index ${appliedIndex} is ${actual}, not ${expected}`,
      );
    }
    for (const acknowledged of this.#acknowledged.splice(0)) this.#judge(acknowledged);
  }

  /** Recounts everything. */
  recount(): void {
    const found = checkInvariants(this.#state);
    if (found.length > 0) throw new Violation(INVARIANTS, `at index ${this.#state.index}: ${found.join('; ')}`);
  }

  #apply(entry: Entry): void {
    const { index } = entry;
    if (entry.type === 'confChange') {
      const { confState } = this.#configuration.applyConfChange(entry.change);
      this.#step(applyConfState(this.#state, index, confState).objectChanges);
    } else if (entry.data.length === 0) applyEmpty(this.#state, index);
    else this.#propose(entry.data, entry);
    this.#hashes.set(index, this.#state.hash());
    this.#hashes.delete(index - HASHES_KEPT);
    if (index % RECOUNT_EVERY === 0) this.recount();
  }

  #propose(data: Uint8Array, { index, term }: Entry): void {
    const decoded = this.#codec.proposal(data, ALL_FORMATS);
    if (!decoded.ok) throw new Violation('no-malformed-entry', `entry ${index}: ${decoded.message}`);
    const { proposal } = decoded;
    const outcome = applyProposal(this.#state, { index, term }, proposal, ALL_FORMATS);
    if (outcome.type !== 'applied') throw new Violation('no-malformed-entry', `entry ${index} has another format`);
    const changed = outcome.objectChanges.length > 0;
    const known = this.#requests.get(proposal.requestId);
    if (known === undefined) {
      this.#requests.set(proposal.requestId, { index, result: outcome.result, effects: changed ? 1 : 0 });
      if (this.#requests.size > REQUESTS_KEPT) {
        const [oldest = ''] = this.#requests.keys();
        this.#requests.delete(oldest);
      }
    } else {
      known.effects += changed ? 1 : 0;
      if (known.effects > 1 || !same(known.result, outcome.result)) {
        throw new Violation(ONCE, `request ${proposal.requestId} took effect at ${known.index} and again at ${index}`);
      }
    }
    this.#step(outcome.objectChanges);
  }

  #step(changes: readonly ObjectChange[]): void {
    this.#watch(changes);
    const found = checkStep(this.#state, changes);
    if (found.length > 0) throw new Violation(INVARIANTS, `at index ${this.#state.index}: ${found.join('; ')}`);
  }

  #judge({ host, requestId, result }: { host: string; requestId: string; result: CommandResult }): void {
    const known = this.#requests.get(requestId);
    if (known === undefined) {
      throw new Violation(ACKNOWLEDGED, `${host} answered request ${requestId}, which is not in the log`);
    }
    if (!same(known.result, result)) {
      throw new Violation(ACKNOWLEDGED, `${host} answered request ${requestId} otherwise than the log decided`);
    }
  }
}
