/**
 * A host's disk in virtual time. It keeps to the storage port's contract and no more: writes complete in
 * order after a while, a crash loses what was not synced except for some prefix of it, and faults can be
 * switched on. Everything that happens follows from the injected randomness and clock.
 */
import { assert } from '@n3x/core/base/assert';
import { N3xError } from '@n3x/core/base/errors';
import type { Random } from '@n3x/core/base/random';
import type { StorageOutcome, StoragePort, StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { Entry, HardState, SnapshotMeta } from '@n3x/core/raft/types';

/** Virtual time, as far as a disk needs it. */
export interface DiskClock {
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): void;
}

/** How long one batch takes: uniform in `[minMs, maxMs]`, and in `slowPermille` of the cases up to `slowMs`. */
export interface DiskLatency {
  readonly minMs: number;
  readonly maxMs: number;
  readonly slowPermille: number;
  readonly slowMs: number;
}

/** What a disk is made of. */
export interface DiskOptions {
  readonly clock: DiskClock;
  /** The disk's own generator: it draws once or twice per batch, crash and rot. */
  readonly random: Random;
  readonly latency: DiskLatency;
}

/** How one write ended: the content of the loop's `stored` input. */
export interface Stored {
  readonly token: number;
  readonly outcome: StorageOutcome;
}

/** What reading the disk back gives. */
export type DiskLoad =
  | { readonly ok: true; readonly state: StoredState }
  | { readonly ok: false; readonly error: N3xError };

/** Which writes a crash loses. `process`: only those that have not completed. `power`: all that are not synced. */
export type CrashKind = 'process' | 'power';

/** Longest time until a compaction of the database reads a rotten value, in ms. */
const FOUND_WITHIN_MS = 30_000;

/** Why a faulty disk refuses writes. */
export type DiskFault = Extract<StorageOutcome, { ok: false }>['reason'];

/** The content of the disk. Values are never changed in place, so their identity tells them apart. */
interface Image {
  hardState: HardState;
  compacted: { readonly index: number; readonly term: number };
  entries: Entry[];
  applied: SnapshotMeta;
  records: Map<string, Uint8Array>;
}

/** A value that went bad; it is noticed for as long as this very value is on the disk. */
interface Rot {
  readonly key: string;
  readonly isStillThere: (image: Image) => boolean;
}

const FAULT_MESSAGES: Readonly<Record<DiskFault, string>> = {
  full: 'no space left on the simulated disk',
  readOnly: 'the simulated disk is read-only',
  io: 'the simulated disk failed',
};

/** The disk of one host. It outlives the processes that use it. */
export class SimulatedDisk {
  readonly #clock: DiskClock;
  readonly #random: Random;
  readonly #latency: DiskLatency;

  /** What a power cut leaves for certain. */
  #synced: Image = emptyImage();
  /** Completed but not synced, in order. */
  #completed: StorageWrite[] = [];
  /** Handed to the disk, in order; all complete together. */
  #inFlight: StorageWrite[] = [];
  #queued: StorageWrite[] = [];
  #rot: Rot[] = [];
  /** The database has come upon rot by itself: until it is opened again it takes no more writes. */
  #rotFound = false;

  #onStored: ((stored: readonly Stored[]) => void) | undefined;
  /** Grows with each process, so that completions for an earlier one are dropped. */
  #incarnation = 0;
  /** What the process was told; from then on it hears nothing else. */
  #failure: StorageOutcome | undefined;
  #fault: DiskFault | undefined;
  #stalled = false;
  #batchIsDue = false;

  constructor(options: DiskOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#latency = options.latency;
  }

  /** Gives the disk to a new process; `onStored` gets its completions, in order, never from inside `write`. */
  attach(onStored: (stored: readonly Stored[]) => void): StoragePort {
    assert(this.#onStored === undefined, 'the disk has a process already: crash it first');
    this.#onStored = onStored;
    this.#failure = undefined;
    this.#rotFound = false;
    const incarnation = ++this.#incarnation;
    return {
      write: (write) => {
        assert(incarnation === this.#incarnation, 'a write by a process that is gone');
        this.#queued.push(frozen(write));
        if (this.#inFlight.length === 0) this.#startBatch();
      },
    };
  }

  /**
   * Reads everything back, as a process does before it attaches. Bit rot shows here. What is read is durable from then on:
   * a database writes what it finds in its log into a table, synced, before it is open (LevelDB's impl.md, Recovery).
   */
  load(): DiskLoad {
    assert(this.#onStored === undefined, 'the disk is in use');
    const rot = this.isRotten ? this.#rot[0] : undefined;
    if (rot !== undefined) {
      return {
        ok: false,
        error: new N3xError('N3X_CORRUPT', `${rot.key} on the simulated disk fails its checksum`, {
          details: { record: rot.key },
        }),
      };
    }
    this.#sync();
    return { ok: true, state: this.#image() };
  }

  /** Ends the process that uses the disk, if any. Some prefix of what may be lost survives. */
  crash(kind: CrashKind): void {
    // What comes after a failed write must not survive where that one did not.
    const refused = this.#failure !== undefined || this.#fault !== undefined || this.#rotFound;
    const outstanding = refused ? [] : [...this.#inFlight, ...this.#queued];
    const atRisk = kind === 'power' ? [...this.#completed, ...outstanding] : outstanding;
    if (kind === 'process') {
      // The kernel has what completed and will write it out; a later power cut may still lose it.
      this.#completed.push(...atRisk.slice(0, this.#random.below(atRisk.length + 1)));
    } else {
      for (const write of atRisk.slice(0, this.#random.below(atRisk.length + 1))) applyWrite(this.#synced, write);
      this.#completed = [];
    }
    this.#inFlight = [];
    this.#queued = [];
    this.#onStored = undefined;
    this.#incarnation++;
    this.#batchIsDue = false;
  }

  /** From now on no batch completes until {@link resume}. */
  stall(): void {
    this.#stalled = true;
  }

  /** Ends a stall; a batch that was due completes at once. */
  resume(): void {
    this.#stalled = false;
    if (!this.#batchIsDue) return;
    this.#batchIsDue = false;
    const incarnation = this.#incarnation;
    this.#clock.after(0, () => this.#completeBatch(incarnation));
  }

  /** Batches that complete from now on fail, also those of later processes, until {@link mend}. */
  fail(fault: DiskFault): void {
    this.#fault = fault;
  }

  /** The disk takes writes again. A process that was told of a failure stays without it. */
  mend(): void {
    this.#fault = undefined;
  }

  /** Whether a spoilt value is still there. */
  get isRotten(): boolean {
    if (this.#rot.length === 0) return false;
    const image = this.#image();
    this.#rot = this.#rot.filter((rot) => rot.isStillThere(image));
    return this.#rot.length > 0;
  }

  /**
   * Spoils one stored value. Answers its key. Unless it is replaced before, it is noticed by `load`, or some time
   * before that by the database itself as it rearranges its files: writes fail from then on.
   */
  rot(): string {
    const image = this.#image();
    const names = [...image.records.keys()].sort();
    const choice = this.#random.below(1 + image.entries.length + names.length);
    const rot = rotOf(image, names, choice);
    this.#rot.push(rot);
    this.#clock.after(this.#random.below(FOUND_WITHIN_MS), () => {
      this.#rotFound = this.isRotten;
    });
    return rot.key;
  }

  /** Makes an unused disk hold `snapshot` or nothing, synced, in no time: the setting up of a host. */
  reset(snapshot?: StorageWrite['snapshot']): void {
    assert(this.#onStored === undefined, 'the disk is in use');
    this.#synced = emptyImage();
    this.#completed = [];
    this.#rot = [];
    this.#rotFound = false;
    if (snapshot === undefined) return;
    const { index, term } = snapshot.meta;
    applyWrite(this.#synced, { token: 0, sync: true, snapshot, hardState: { term, vote: 0, commit: index } });
  }

  /** Writes that have not completed. */
  get outstanding(): number {
    return this.#inFlight.length + this.#queued.length;
  }

  /** What is on the disk now, as a process would read it. */
  #image(): Image {
    const image = copyImage(this.#synced);
    for (const write of this.#completed) applyWrite(image, write);
    return image;
  }

  /** Whether a power cut now would leave the entry at `index` with `term`, or a snapshot that covers it. */
  keeps(index: number, term: number): boolean {
    const { compacted, entries } = this.#synced;
    return index <= compacted.index || entries[index - compacted.index - 1]?.term === term;
  }

  #startBatch(): void {
    this.#inFlight = this.#queued;
    this.#queued = [];
    const incarnation = this.#incarnation;
    this.#clock.after(this.#drawLatency(), () => this.#completeBatch(incarnation));
  }

  #completeBatch(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    if (this.#stalled) {
      this.#batchIsDue = true;
      return;
    }
    const batch = this.#inFlight;
    this.#inFlight = [];
    const fault = this.#fault ?? (this.#rotFound ? 'io' : undefined);
    if (fault !== undefined) this.#failure ??= { ok: false, reason: fault, message: FAULT_MESSAGES[fault] };
    const outcome: StorageOutcome = this.#failure ?? { ok: true };
    if (outcome.ok) {
      this.#completed.push(...batch);
      if (batch.some((write) => write.sync)) this.#sync();
    }
    if (this.#queued.length > 0) this.#startBatch();
    this.#onStored?.(batch.map(({ token }) => ({ token, outcome })));
  }

  #sync(): void {
    for (const write of this.#completed) applyWrite(this.#synced, write);
    this.#completed = [];
  }

  #drawLatency(): number {
    const { minMs, maxMs, slowPermille, slowMs } = this.#latency;
    const slow = this.#random.below(1000) < slowPermille;
    const [from, to] = slow ? [maxMs, Math.max(maxMs, slowMs)] : [minMs, maxMs];
    // In thousandths, so that two disks rarely complete in the same instant.
    return from + this.#random.below(Math.max(1, Math.round((to - from) * 1000))) / 1000;
  }
}

function emptyImage(): Image {
  return {
    hardState: { term: 0, vote: 0, commit: 0 },
    compacted: { index: 0, term: 0 },
    entries: [],
    applied: {
      index: 0,
      term: 0,
      confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
    },
    records: new Map(),
  };
}

function copyImage(image: Image): Image {
  return { ...image, entries: [...image.entries], records: new Map(image.records) };
}

/** The write as it is now: its parts may change once `write` has returned. */
function frozen(write: StorageWrite): StorageWrite {
  const { entries, applied, snapshot } = write;
  return {
    ...write,
    ...(entries === undefined ? {} : { entries: [...entries] }),
    ...(applied === undefined ? {} : { applied: { meta: applied.meta, changes: [...applied.changes] } }),
    ...(snapshot === undefined ? {} : { snapshot: { meta: snapshot.meta, records: [...snapshot.records] } }),
  };
}

function applyWrite(image: Image, { snapshot, entries, hardState, applied, compact }: StorageWrite): void {
  if (snapshot !== undefined) {
    image.entries = [];
    image.compacted = { index: snapshot.meta.index, term: snapshot.meta.term };
    image.applied = snapshot.meta;
    image.records = new Map(snapshot.records);
  }
  const first = entries?.[0];
  if (entries !== undefined && first !== undefined) {
    const kept = first.index - image.compacted.index - 1;
    assert(kept >= 0 && kept <= image.entries.length, `entry ${first.index} does not follow the log`);
    // In place: every image has a list of its own, and most writes add one entry to thousands.
    image.entries.length = kept;
    for (const entry of entries) image.entries.push(entry);
  }
  if (hardState !== undefined) image.hardState = hardState;
  if (applied !== undefined) {
    assert(applied.meta.index >= image.applied.index, `applied goes back to ${applied.meta.index}`);
    image.applied = applied.meta;
    for (const [name, value] of applied.changes) {
      if (value === null) image.records.delete(name);
      else image.records.set(name, value);
    }
  }
  if (compact !== undefined && compact.index > image.compacted.index) {
    const dropped = compact.index - image.compacted.index;
    assert(compact.index <= image.applied.index && dropped <= image.entries.length, `compact to ${compact.index}`);
    image.entries = image.entries.slice(dropped);
    image.compacted = { index: compact.index, term: compact.term };
  }
}

/** The value with number `choice`: the hard state, then the entries, then the records by name. */
function rotOf(image: Image, names: readonly string[], choice: number): Rot {
  const entry = image.entries[choice - 1];
  const name = names[choice - 1 - image.entries.length];
  if (choice > 0 && entry !== undefined) {
    return { key: `entry ${entry.index}`, isStillThere: (now) => now.entries.includes(entry) };
  }
  if (choice > 0 && name !== undefined) {
    const value = image.records.get(name);
    return { key: name, isStillThere: (now) => now.records.get(name) === value };
  }
  const { hardState } = image;
  return { key: 'hard state', isStillThere: (now) => now.hardState === hardState };
}
