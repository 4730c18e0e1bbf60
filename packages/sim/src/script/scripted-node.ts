/** One node of a script: the RawNode, its storage, the work queued for it, and its state machine's history. */
import { SeededRandom } from '@n3x/core/base/random';
import type { RaftOptions } from '@n3x/core/raft/config';
import type { RaftEvent } from '@n3x/core/raft/events';
import { MemoryStorage } from '@n3x/core/raft/memory-storage';
import { RawNode } from '@n3x/core/raft/raw-node';
import type {
  ConfState,
  Entry,
  HardState,
  LogIndex,
  MsgStorageAppend,
  MsgStorageApply,
  NodeId,
  SnapshotMeta,
} from '@n3x/core/raft/types';

/** The state machine after an entry: everything applied so far, one after the other. */
export interface StatePoint extends SnapshotMeta {
  readonly content: string;
}

/** What `add-nodes` sets, besides what every node has of its own. */
export type NodeOptions = Omit<RaftOptions, 'id' | 'storage' | 'random' | 'applied' | 'onEvent'>;

/** A storage whose newest snapshot is the state machine's newest state. */
class HistoryStorage extends MemoryStorage {
  readonly #newest: () => SnapshotMeta;

  constructor(base: StatePoint, newest: () => StatePoint) {
    super(base);
    this.#newest = newest;
  }

  override snapshot(): SnapshotMeta {
    const { index, term, confState } = this.#newest();
    return { index, term, confState };
  }
}

const DECODER = new TextDecoder();

/** Owned by the environment. */
export class ScriptedNode {
  readonly id: NodeId;
  readonly options: NodeOptions;
  readonly storage: MemoryStorage;
  /** Absent while crashed. */
  raw: RawNode | undefined;
  appendWork: MsgStorageAppend[] = [];
  applyWork: MsgStorageApply[] = [];
  #history: StatePoint[];
  readonly #contents: Map<LogIndex, string>;
  readonly #onEvent: (event: RaftEvent) => void;

  /** `contents` is shared by all nodes: the state at an index is the same everywhere, or Raft is broken. */
  constructor(
    id: NodeId,
    options: NodeOptions,
    base: StatePoint,
    contents: Map<LogIndex, string>,
    onEvent: (event: RaftEvent) => void,
  ) {
    this.id = id;
    this.options = options;
    this.#history = [base];
    this.#contents = contents;
    this.#onEvent = onEvent;
    this.storage = new HistoryStorage(base, () => this.newest());
    if (base.index > 0) this.#agree(base);
    this.start();
  }

  /** Starts over what is durable; the state machine begins again at the oldest state that is kept. */
  start(): void {
    const base = this.#history[0];
    if (base === undefined) throw new Error('a node has at least its first state');
    this.#history = [base];
    this.appendWork = [];
    this.applyWork = [];
    this.storage.setConfState(base.confState);
    this.raw = new RawNode({
      ...this.options,
      id: this.id,
      storage: this.storage,
      random: new SeededRandom(this.id),
      applied: base.index,
      onEvent: this.#onEvent,
    });
  }

  /** The state machine's present state. */
  newest(): StatePoint {
    const newest = this.#history.at(-1);
    if (newest === undefined) throw new Error('a node has at least its first state');
    return newest;
  }

  /** Makes a Ready's, or a storage message's, part durable. */
  append(work: {
    readonly hardState?: HardState;
    readonly entries: readonly Entry[];
    readonly snapshot?: SnapshotMeta;
  }): void {
    if (work.hardState !== undefined) this.storage.setHardState(work.hardState);
    if (work.snapshot !== undefined) {
      const content = this.#contents.get(work.snapshot.index);
      if (content === undefined) throw new Error(`no node made snapshot ${work.snapshot.index}`);
      this.storage.applySnapshot(work.snapshot);
      this.#history = [{ ...work.snapshot, content }];
    }
    this.storage.append(work.entries);
  }

  /** Applies entries, and configuration changes to the node. */
  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = this.newest();
      const confState: ConfState =
        entry.type === 'confChange' && this.raw !== undefined
          ? this.raw.applyConfChange(entry.change, entry.index).confState
          : before.confState;
      const data = entry.type === 'normal' ? entry.data : entry.change.context;
      const point = { index: entry.index, term: entry.term, confState, content: before.content + DECODER.decode(data) };
      this.#agree(point);
      this.#history.push(point);
    }
  }

  /** Forgets entries up to `index` and older states with them. */
  compact(index: LogIndex): void {
    const kept = this.#history.findIndex((point) => point.index === index);
    if (kept < 0) throw new Error(`node ${this.id} has not applied ${index}, or compacted it before`);
    this.storage.compact(index);
    this.#history = this.#history.slice(kept);
  }

  #agree(point: StatePoint): void {
    const known = this.#contents.get(point.index);
    if (known !== undefined && known !== point.content) {
      throw new Error(`state machines differ at ${point.index}: '${known}' and, at ${this.id}, '${point.content}'`);
    }
    this.#contents.set(point.index, point.content);
  }
}
