/** Drives one node in sync mode, for tests only: everything that a Ready asks for is done at once. */
import { SeededRandom } from '../../base/random.ts';
import type { RaftOptions } from '../config.ts';
import type { RaftEvent } from '../events.ts';
import { MemoryStorage } from '../memory-storage.ts';
import { RawNode } from '../raw-node.ts';
import type { ConfState, Entry, HardState, Message, MsgApp, MsgVote, NodeId, ReadState } from '../types.ts';

/** Voters and nobody else. */
export function votersOnly(...voters: NodeId[]): ConfState {
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

/** Entries with the given terms, from `first` on. */
export function entriesOf(first: number, ...terms: number[]): Entry[] {
  return terms.map((term, i) => ({ type: 'normal', term, index: first + i, data: new Uint8Array(0) }));
}

/** What a node under test starts from, besides options of its own. */
export interface Start extends Partial<RaftOptions> {
  readonly voters?: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  readonly hardState?: HardState;
  /** Terms of the entries from index 1 on. */
  readonly log?: readonly number[];
}

/** One node, its storage, and what came out of it. */
export class NodeUnderTest {
  readonly raw: RawNode;
  readonly storage = new MemoryStorage();
  readonly events: RaftEvent[] = [];
  readonly reads: ReadState[] = [];
  readonly applied: Entry[] = [];

  constructor({ voters = [1, 2, 3], learners = [], hardState, log = [], ...options }: Start = {}) {
    this.storage.setConfState({ ...votersOnly(...voters), learners });
    this.storage.append(entriesOf(1, ...log));
    if (hardState !== undefined) this.storage.setHardState(hardState);
    this.raw = new RawNode({
      id: 1,
      random: new SeededRandom(1),
      preVote: false,
      checkQuorum: false,
      ...options,
      storage: this.storage,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** Does all outstanding work and returns what was sent. */
  settle(): Message[] {
    const sent: Message[] = [];
    while (this.raw.hasReady()) {
      const ready = this.raw.ready();
      if (ready.hardState) this.storage.setHardState(ready.hardState);
      if (ready.snapshot) this.storage.applySnapshot(ready.snapshot);
      this.storage.append(ready.entries);
      for (const entry of ready.committedEntries) {
        this.applied.push(entry);
        if (entry.type === 'confChange') this.storage.setConfState(this.raw.applyConfChange(entry.change).confState);
      }
      this.reads.push(...ready.readStates);
      sent.push(...ready.messages);
      this.raw.advance();
    }
    return sent;
  }

  /** Steps a message and settles. */
  step(message: Message): Message[] {
    this.raw.step(message);
    return this.settle();
  }

  /** Makes the node leader with the votes of `from`, and returns what it sent as such. */
  lead(...from: NodeId[]): Message[] {
    this.raw.campaign();
    this.settle();
    const { term } = this.raw;
    return from.flatMap((id) => this.step({ type: 'MsgVoteResp', from: id, to: 1, term, reject: false }));
  }

  /** An acknowledgement of everything up to `index` by `from`. */
  ack(from: NodeId, index: number): Message[] {
    const { term } = this.raw;
    return this.step({ type: 'MsgAppResp', from, to: 1, term, index, reject: false, rejectHint: 0, logTerm: 0 });
  }
}

/** A vote request to node 1. */
export function voteRequest(from: NodeId, term: number, index: number, logTerm: number): MsgVote {
  return { type: 'MsgVote', from, to: 1, term, index, logTerm, transfer: false };
}

/** An append to node 1. */
export function appendTo1(
  from: NodeId,
  term: number,
  index: number,
  logTerm: number,
  entries: readonly Entry[],
  commit = 0,
): MsgApp {
  return { type: 'MsgApp', from, to: 1, term, index, logTerm, entries, commit };
}
