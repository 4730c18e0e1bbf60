/**
 * One node of an exploration: a real RawNode with a disk and a driver that does at once what the node's
 * contract lets it do, as the production loop does. Its inputs decide everything, so it can be had again by
 * repeating them. What it promises to others is checked against its disk as it leaves.
 */
import { describeError } from '@n3x/core/base/errors';
import { describeMessage } from '@n3x/core/raft/describe';
import { MemoryStorage } from '@n3x/core/raft/memory-storage';
import { RawNode } from '@n3x/core/raft/raw-node';
import type {
  Entry,
  HardState,
  Message,
  MsgStorageAppend,
  MsgStorageApply,
  MsgVote,
  NodeId,
  ReadState,
  SnapshotMeta,
} from '@n3x/core/raft/types';
import { DURABLE_PROMISES } from '../checkers/durable-promises.ts';
import { ELECTION_SAFETY } from '../checkers/election-safety.ts';
import { NO_CRASH } from '../checkers/rules.ts';
import { Violation } from '../world/observer.ts';
import type { Defect } from './defect.ts';
import { changeOf, type NodeInput } from './node-input.ts';
import { ELECTION_TICKS, firstState, type Scenario } from './scenario.ts';

/** A disk whose newest snapshot is the node's applied state. */
class Disk extends MemoryStorage {
  readonly #newest: () => SnapshotMeta;

  constructor(base: SnapshotMeta | undefined, newest: () => SnapshotMeta | undefined) {
    super(base);
    this.#newest = () => newest() ?? super.snapshot();
  }

  override snapshot(): SnapshotMeta {
    return this.#newest();
  }
}

/** A write that is not durable yet, and the requests for votes that wait for it. */
interface Write {
  readonly append: MsgStorageAppend;
  readonly votes: MsgVote[];
}

/** Election timeouts are the shortest: a longer one is a node that is let wait. */
const SHORTEST = { below: () => 0, fork: () => SHORTEST };
const ENCODER = new TextEncoder();

/** What came of an input. */
export interface NodeOutput {
  readonly sent: readonly Message[];
  readonly reads: readonly ReadState[];
}

/** One node. */
export class ExploredNode {
  readonly id: NodeId;
  readonly #scenario: Scenario;
  readonly #defect: Defect | undefined;
  readonly #disk: Disk;
  /** Applied states back to the one that a restart begins with. */
  #states: SnapshotMeta[];
  #raw: RawNode;
  #writes: Write[] = [];
  /** Term and vote as handed to the disk. */
  #handed: HardState;
  #sent: Message[] = [];
  #reads: ReadState[] = [];

  constructor(id: NodeId, scenario: Scenario, defect?: Defect) {
    this.id = id;
    this.#scenario = scenario;
    this.#defect = defect;
    const first = firstState(scenario);
    const base = scenario.voters.includes(id) ? first : undefined;
    this.#states = base === undefined ? [] : [base];
    this.#disk = new Disk(base, () => this.#states.at(-1));
    this.#handed = this.#disk.initialState().hardState;
    this.#raw = this.#start();
  }

  /** The node. */
  get raw(): RawNode {
    return this.#raw;
  }

  /** What is durable. */
  get disk(): MemoryStorage {
    return this.#disk;
  }

  /** Writes under way. */
  get writes(): number {
    return this.#writes.length;
  }

  /** Everything that decides what it does next, as plain data. */
  image(): unknown {
    const { firstIndex, lastIndex } = { firstIndex: this.#disk.firstIndex(), lastIndex: this.#disk.lastIndex() };
    return {
      raw: this.#raw.image(),
      hard: this.#disk.initialState(),
      before: { index: firstIndex - 1, term: this.#disk.term(firstIndex - 1) },
      entries: lastIndex < firstIndex ? [] : this.#disk.entries(firstIndex, lastIndex + 1, Number.POSITIVE_INFINITY),
      states: this.#states,
      handed: { term: this.#handed.term, vote: this.#handed.vote },
      // Requests for votes leave together: their order says nothing but names.
      writes: this.#writes.map(({ append, votes }) => ({
        append,
        votes: votes.map(({ to, ...rest }) => ({ id: to, rest })),
      })),
    };
  }

  /** All entries, durable or not, that it knows of. */
  log(): { readonly beforeIndex: number; readonly beforeTerm: number; readonly entries: readonly Entry[] } {
    const { unstable } = this.#raw.image().log;
    const from = this.#disk.firstIndex();
    if (unstable.snapshot !== null) {
      return { beforeIndex: unstable.snapshot.index, beforeTerm: unstable.snapshot.term, entries: unstable.entries };
    }
    const stored = unstable.offset > from ? this.#disk.entries(from, unstable.offset, Number.POSITIVE_INFINITY) : [];
    return { beforeIndex: from - 1, beforeTerm: this.#disk.term(from - 1), entries: [...stored, ...unstable.entries] };
  }

  /** Takes an input and does what follows from it at once. Throws a {@link Violation}. */
  take(input: NodeInput): NodeOutput {
    this.#sent = [];
    this.#reads = [];
    try {
      this.#perform(input);
      this.#flush();
      while (this.#scenario.atomicWrites && this.#writes.length > 0) {
        this.#completeFirst();
        this.#completeIdle();
        this.#flush();
      }
    } catch (error) {
      throw error instanceof Violation ? error : new Violation(NO_CRASH, `${this.id}: ${describeError(error)}`);
    }
    return { sent: this.#sent, reads: this.#reads };
  }

  #perform(input: NodeInput): void {
    const raw = this.#raw;
    switch (input.type) {
      case 'message':
        this.#receive(input.message);
        return;
      case 'election':
        for (let tick = 0; tick < ELECTION_TICKS; tick++) raw.tick();
        return;
      case 'beat':
        raw.tick();
        return;
      case 'propose':
        raw.propose(ENCODER.encode(input.data));
        return;
      case 'change':
        raw.proposeConfChange(changeOf(input.change));
        return;
      case 'read':
        raw.readIndex(input.context);
        return;
      case 'store':
        this.#completeFirst();
        this.#completeIdle();
        return;
      case 'crash':
        this.#crash();
        return;
      case 'compact':
        this.#compact();
        return;
      case 'unreachable':
        raw.reportUnreachable(input.peer);
        return;
      case 'snapshotLost':
        raw.reportSnapshot(input.peer, false);
        return;
      case 'transfer':
        raw.transferLeader(input.to);
        return;
    }
  }

  #start(): RawNode {
    const base = this.#states[0];
    if (base !== undefined) this.#disk.setConfState(base.confState);
    this.#states = base === undefined ? [] : [base];
    const { hardState } = this.#disk.initialState();
    const read = this.#defect?.readHardState?.(hardState) ?? hardState;
    this.#handed = read;
    const disk = this.#disk;
    // With a defect the node may read other than what is written; what is written stays what it is held to.
    const storage =
      read === hardState
        ? disk
        : new Proxy(disk, {
            get: (target, name) => {
              if (name === 'initialState') return () => ({ ...target.initialState(), hardState: read });
              const value: unknown = Reflect.get(target, name, target);
              return typeof value === 'function' ? value.bind(target) : value;
            },
          });
    return new RawNode({
      electionTick: ELECTION_TICKS,
      heartbeatTick: 1,
      ...this.#scenario.raft,
      id: this.id,
      storage,
      random: SHORTEST,
      asyncStorageWrites: true,
      applied: base?.index ?? 0,
    });
  }

  #crash(): void {
    this.#writes = [];
    this.#defect?.restart?.(this.#disk);
    this.#raw = this.#start();
  }

  #compact(): void {
    const { applied } = this.#raw;
    this.#disk.compact(applied);
    this.#states = this.#states.filter(({ index }) => index >= applied);
  }

  #receive(message: Message): void {
    for (const one of this.#defect?.receive?.(message, this.#raw) ?? [message]) this.#raw.step(one);
  }

  #flush(): void {
    while (this.#raw.hasReady()) {
      const ready = this.#raw.ready();
      this.#reads.push(...ready.readStates);
      for (const message of ready.messages) this.#dispatch(message);
      // After the writes of the same Ready: these are what they wait for.
      for (const message of ready.messages) if (message.type === 'MsgVote') this.#askForVote(message);
    }
  }

  #dispatch(message: Message): void {
    if (message.type === 'MsgStorageAppend') this.#append(message);
    else if (message.type === 'MsgStorageApply') this.#apply(message);
    else if (message.type !== 'MsgVote') this.#send(message);
  }

  /** A vote is asked for once the candidate's own, its term and its log are durable, as in production. */
  #askForVote(message: MsgVote): void {
    const last = this.#writes.at(-1);
    if (last === undefined || this.#defect?.asksBeforeSync === true) this.#send(message);
    else last.votes.push(message);
  }

  #append(append: MsgStorageAppend): void {
    const early = this.#defect?.sendsBeforeSync === true;
    const { responses } = append;
    this.#writes.push({ append: early ? { ...append, responses: [] } : append, votes: [] });
    if (early) this.#deliver(responses);
    this.#completeIdle();
  }

  /** Completes the writes at the front that promise nothing: they are not synced, so nothing waits for the disk. */
  #completeIdle(): void {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      const { entries, snapshot, hardState } = write.append;
      const { term, vote } = this.#disk.initialState().hardState;
      const same = hardState === undefined || (hardState.term === term && hardState.vote === vote);
      if (entries.length > 0 || snapshot !== undefined || !same) return;
      this.#completeFirst();
    }
  }

  #completeFirst(): void {
    const write = this.#writes.shift();
    if (write === undefined) return;
    const { hardState, snapshot, entries, responses } = write.append;
    if (hardState !== undefined) this.#writeHardState(hardState);
    if (snapshot !== undefined) {
      this.#disk.applySnapshot(snapshot);
      this.#states = [snapshot];
    }
    this.#disk.append(entries);
    this.#deliver(responses);
    for (const vote of write.votes) this.#send(vote);
  }

  #writeHardState(hardState: HardState): void {
    const before = this.#disk.initialState().hardState;
    if (hardState.term < before.term) {
      throw new Violation(DURABLE_PROMISES, `${this.id} goes back from term ${before.term} to ${hardState.term}`);
    }
    if (hardState.term === before.term && before.vote !== 0 && hardState.vote !== before.vote) {
      const text = `${this.id} votes for ${before.vote} and for ${hardState.vote} in term ${before.term}`;
      throw new Violation(ELECTION_SAFETY, text);
    }
    this.#disk.setHardState(hardState);
  }

  #apply(apply: MsgStorageApply): void {
    for (const { index, term, ...entry } of apply.entries) {
      const before = this.#states.at(-1)?.confState;
      const confState = entry.type === 'confChange' ? this.#raw.applyConfChange(entry.change, index).confState : before;
      if (confState !== undefined) this.#states.push({ index, term, confState });
    }
    this.#deliver(apply.responses);
  }

  #deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.id) this.#receive(response);
      else this.#send(response);
    }
  }

  #send(message: Message): void {
    const sent = this.#defect?.send?.(message, this.#raw) ?? message;
    this.#checkPromise(sent);
    this.#sent.push(sent);
  }

  /** What the message says of the sender has to be on its disk: it may crash at any moment (thesis section 3.8). */
  #checkPromise(message: Message): void {
    const { term, vote } = this.#disk.initialState().hardState;
    const broken = (what: string): never => {
      throw new Violation(DURABLE_PROMISES, `${describeMessage(message)}, but ${what}`);
    };
    switch (message.type) {
      case 'MsgVote':
        if (term < message.term || (term === message.term && vote !== this.id)) {
          broken(`on disk are term ${term} and a vote for ${vote}`);
        }
        return;
      case 'MsgVoteResp':
        if (message.reject) return;
        if (term < message.term || (term === message.term && vote !== message.to)) {
          broken(`on disk are term ${term} and a vote for ${vote}`);
        }
        return;
      case 'MsgAppResp':
        if (message.reject) return;
        if (term < message.term) broken(`on disk is term ${term}`);
        if (message.index > this.#disk.lastIndex()) broken(`its log on disk ends at ${this.#disk.lastIndex()}`);
        return;
      default:
        return;
    }
  }
}
