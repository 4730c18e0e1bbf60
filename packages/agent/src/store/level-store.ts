/**
 * The durable store of a host, on LevelDB. Writes go at once into the batch that is being collected; one
 * batch at a time is on its way to the disk, and all that came meanwhile is the next one.
 *
 * Every batch is synced. LevelDB syncs only its current log file, so after it has switched to a new one a
 * synced batch can survive a power cut that an earlier, unsynced one does not. A write that does not ask
 * for durability instead waits up to `lingerMs` for one that does, which also costs fewer disk writes.
 *
 * A snapshot is one batch: while it is written its records are in memory up to three times (the loop's own,
 * LevelDB's batch and its table in memory), so it must fit there. Records are encoded straight into the
 * batch; nothing else copies them.
 */
import { join } from 'node:path';
import { assert } from '@n3x/core/base/assert';
import type { StorageOutcome, StoragePort, StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { Entry, LogIndex, SnapshotMeta } from '@n3x/core/raft/types';
import { Level } from 'level';
import { type StoreMetaContent, seal, sealEntry, sealMeta } from './codec.ts';
import { checkDatabaseFiles } from './database-files.ts';
import { logKey, META_KEY, recordKey } from './keys.ts';
import { type LoadedStore, loadStore } from './load.ts';
import { lockHolder } from './lock-holder.ts';
import { databaseError, lockedDatabase, type StorageFailure, storageFailure } from './storage-error.ts';
import { Tally } from './tally.ts';

/** How one write ended: the content of the loop's `stored` input. */
export interface Stored {
  readonly token: number;
  readonly outcome: StorageOutcome;
}

/** How a store is opened. */
export interface StoreOptions {
  /**
   * Called with the completed writes, in their order, once per batch and never from inside `write`. What it
   * throws becomes an unhandled rejection and ends the process.
   */
  readonly onStored: (stored: readonly Stored[]) => void;
  /** How long a write that asks for no durability may wait for one that does, in ms. */
  readonly lingerMs?: number;
}

const DEFAULT_LINGER_MS = 10;
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
/** LevelDB writes a table file block by block, a system call each, and here tables are read from end to end only. */
const BLOCK_BYTES = 64 * 1024;
const CACHE_BYTES = 1024 * 1024;

type Database = Level<string, Uint8Array>;
type Batch = ReturnType<Database['batch']>;

/** The writes that will go to the disk together. */
interface Collecting {
  readonly batch: Batch;
  readonly tokens: number[];
  /** Set as soon as one of them must not wait. */
  urgent: boolean;
}

/**
 * Opens the LevelDB database at `directory`, making it if it is not there, and takes its lock.
 * Throws N3X_CONFIG when another process has it, N3X_CORRUPT when it is damaged, N3X_STORAGE when the disk
 * refuses. Call {@link LevelStore.load} before the first write.
 */
export async function openStore(directory: string, options: StoreOptions): Promise<LevelStore> {
  // Before the look at the files: those of a running process may be half written.
  const holder = await lockHolder(join(directory, 'LOCK'));
  if (holder !== undefined) throw lockedDatabase(directory, holder);
  await checkDatabaseFiles(directory);
  const db: Database = new Level(directory, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    // Without it the table files can be checked before LevelDB touches them.
    compression: false,
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: CACHE_BYTES,
    blockSize: BLOCK_BYTES,
  });
  try {
    await db.open();
  } catch (error) {
    throw databaseError(directory, error);
  }
  return new LevelStore(db, directory, options);
}

/** The store. One process has one per directory. */
export class LevelStore implements StoragePort {
  readonly #db: Database;
  readonly #directory: string;
  readonly #onStored: StoreOptions['onStored'];
  readonly #lingerMs: number;

  #meta: StoreMetaContent = emptyMeta();
  /** Checksums of the entries, from `compacted.index + 1` on. */
  #entryCrcs: number[] = [];
  #recordCrcs = new Map<string, number>();
  readonly #logTally = new Tally();
  readonly #recordTally = new Tally();

  #loaded = false;
  #closing = false;
  #initialised = false;
  #collecting: Collecting | undefined;
  #linger: NodeJS.Timeout | undefined;
  #starting = false;
  #inFlight: Promise<void> | undefined;
  #failure: StorageFailure | undefined;

  /** Use {@link openStore}. */
  constructor(db: Database, directory: string, options: StoreOptions) {
    this.#db = db;
    this.#directory = directory;
    this.#onStored = options.onStored;
    this.#lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
  }

  /** Whether anything was ever written. Known once `load` has answered. */
  get initialised(): boolean {
    return this.#initialised;
  }

  /** Whether the database holds anything at all, readable or not. Throws N3X_CORRUPT or N3X_STORAGE. */
  async isUsed(): Promise<boolean> {
    try {
      return (await this.#db.keys({ limit: 1 }).all()).length > 0;
    } catch (error) {
      throw databaseError(this.#directory, error);
    }
  }

  /** Index of the last entry of the log, written or on its way. */
  get lastIndex(): LogIndex {
    return this.#meta.compacted.index + this.#entryCrcs.length;
  }

  /**
   * Reads everything back, verifying checksums, contiguity and completeness. No write may be under way.
   * Throws N3X_CORRUPT naming what is wrong, or N3X_STORAGE.
   */
  async load(): Promise<StoredState> {
    assert(this.#collecting === undefined && this.#inFlight === undefined, 'load while a write is under way');
    const loaded = await loadStore(this.#db, this.#directory);
    this.#remember(loaded);
    this.#loaded = true;
    return {
      hardState: this.#meta.hardState,
      compacted: this.#meta.compacted,
      entries: loaded?.entries ?? [],
      applied: this.#meta.applied,
      records: loaded?.records ?? new Map(),
    };
  }

  /** See the port. `write` itself encodes, so what the write holds may change as soon as it returns. */
  write(write: StorageWrite): void {
    assert(this.#loaded && !this.#closing, 'write to a store that is not loaded, or closed');
    const collecting = this.#collect();
    collecting.tokens.push(write.token);
    // After a failure only the completion is wanted.
    if (this.#failure === undefined) this.#add(collecting.batch, write);
    if (write.sync || this.#failure !== undefined) collecting.urgent = true;
    this.#schedule();
  }

  /**
   * Makes an empty store hold `snapshot`, or nothing but the fact that it was set up. Durable when it
   * resolves. Throws N3X_STORAGE when the disk refuses.
   */
  async initialise(snapshot?: StorageWrite['snapshot']): Promise<void> {
    assert(this.#loaded && !this.#initialised, 'initialise a store that is in use');
    this.#throwFailure();
    const collecting = this.#collect();
    if (snapshot !== undefined) {
      const { index, term } = snapshot.meta;
      this.#add(collecting.batch, { token: 0, sync: true, snapshot, hardState: { term, vote: 0, commit: index } });
    }
    collecting.urgent = true;
    this.#schedule();
    await this.#idle();
    this.#throwFailure();
  }

  /**
   * Removes everything, whether it can be read or not. Not atomic: the caller keeps note, outside of the
   * store, that its content is void. Throws N3X_STORAGE when the disk refuses.
   */
  async wipe(): Promise<void> {
    await this.#idle();
    this.#throwFailure();
    try {
      await this.#db.clear();
      // `clear` itself is not synced; a synced write brings to the disk what is before it in the same log.
      await this.#db.batch([{ type: 'del', key: META_KEY }], { sync: true });
    } catch (error) {
      throw databaseError(this.#directory, error);
    }
    this.#remember(undefined);
    this.#loaded = true;
  }

  /** Completes what was written, then closes the database and gives up its lock. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#collecting !== undefined) {
      this.#collecting.urgent = true;
      this.#schedule();
    }
    await this.#idle();
    await this.#db.close();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw databaseError(this.#directory, new Error(this.#failure.message));
  }

  #remember(loaded: LoadedStore | undefined): void {
    this.#initialised = loaded !== undefined;
    this.#meta = loaded?.meta ?? emptyMeta();
    this.#entryCrcs = [...(loaded?.entryCrcs ?? [])];
    this.#recordCrcs = new Map(loaded?.recordCrcs);
    this.#logTally.reset();
    this.#recordTally.reset();
    for (const crc of this.#entryCrcs) this.#logTally.add(crc);
    for (const crc of this.#recordCrcs.values()) this.#recordTally.add(crc);
  }

  #collect(): Collecting {
    this.#collecting ??= { batch: this.#db.batch(), tokens: [], urgent: false };
    return this.#collecting;
  }

  /** Starts the collected batch when the disk is free, or arranges for it. */
  #schedule(): void {
    const collecting = this.#collecting;
    if (collecting === undefined || this.#inFlight !== undefined || this.#starting) return;
    if (collecting.urgent) {
      clearTimeout(this.#linger);
      this.#linger = undefined;
      this.#starting = true;
      // What is written in the same turn still comes along, and no completion comes from inside `write`.
      queueMicrotask(() => this.#start());
    } else {
      this.#linger ??= setTimeout(() => {
        this.#linger = undefined;
        if (this.#collecting !== undefined) this.#collecting.urgent = true;
        this.#schedule();
      }, this.#lingerMs);
    }
  }

  #start(): void {
    this.#starting = false;
    const collecting = this.#collecting;
    assert(collecting !== undefined && this.#inFlight === undefined, 'two batches under way');
    this.#collecting = undefined;
    this.#inFlight = this.#run(collecting);
  }

  async #run({ batch, tokens }: Collecting): Promise<void> {
    let outcome: StorageOutcome = this.#failure ?? { ok: true };
    const meta = sealMeta(META_KEY, { ...this.#meta, log: this.#logTally.value(), records: this.#recordTally.value() });
    try {
      if (this.#failure === undefined) {
        batch.put(META_KEY, meta.bytes);
        await batch.write({ sync: true });
        this.#initialised = true;
      } else {
        await batch.close();
      }
    } catch (error) {
      outcome = this.#failure = storageFailure(error);
    }
    this.#inFlight = undefined;
    this.#schedule();
    if (tokens.length > 0) this.#onStored(tokens.map((token) => ({ token, outcome })));
  }

  async #idle(): Promise<void> {
    while (this.#starting || this.#inFlight !== undefined || this.#collecting !== undefined) {
      if (this.#inFlight !== undefined) await this.#inFlight;
      else await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #add(batch: Batch, write: StorageWrite): void {
    if (write.snapshot !== undefined) this.#replaceAll(batch, write.snapshot.meta, write.snapshot.records);
    if (write.entries !== undefined && write.entries.length > 0) this.#append(batch, write.entries);
    if (write.hardState !== undefined) this.#meta = { ...this.#meta, hardState: { ...write.hardState } };
    if (write.applied !== undefined) {
      const { meta, changes } = write.applied;
      assert(meta.index >= this.#meta.applied.index, `applied goes back to ${meta.index}`);
      for (const [name, value] of changes) {
        if (value === null) this.#deleteRecord(batch, name);
        else this.#putRecord(batch, name, value);
      }
      this.#meta = { ...this.#meta, applied: copyMeta(meta) };
    }
    if (write.compact !== undefined) this.#compact(batch, write.compact);
  }

  #replaceAll(batch: Batch, meta: SnapshotMeta, records: Iterable<readonly [string, Uint8Array]>): void {
    this.#truncate(batch, this.#meta.compacted.index + 1);
    // Puts come after the deletes of the same batch, so a record that stays may be deleted first.
    for (const name of [...this.#recordCrcs.keys()]) this.#deleteRecord(batch, name);
    for (const [name, value] of records) this.#putRecord(batch, name, value);
    const { index, term } = meta;
    this.#meta = { ...this.#meta, compacted: { index, term }, applied: copyMeta(meta) };
  }

  #append(batch: Batch, entries: readonly Entry[]): void {
    const first = entries[0]?.index ?? 0;
    assert(
      first > this.#meta.compacted.index && first <= this.lastIndex + 1,
      `entry ${first} after ${this.lastIndex}, compacted to ${this.#meta.compacted.index}`,
    );
    this.#truncate(batch, first);
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, `entry ${entry.index} after ${this.lastIndex}`);
      const key = logKey(entry.index);
      const { bytes, crc } = sealEntry(key, entry);
      batch.put(key, bytes);
      this.#entryCrcs.push(crc);
      this.#logTally.add(crc);
    }
  }

  /** Deletes the entries from `from` on. */
  #truncate(batch: Batch, from: LogIndex): void {
    while (this.lastIndex >= from) {
      batch.del(logKey(this.lastIndex));
      this.#logTally.remove(this.#entryCrcs.pop() ?? 0);
    }
  }

  #compact(batch: Batch, to: { readonly index: LogIndex; readonly term: number }): void {
    const { compacted, applied } = this.#meta;
    if (to.index <= compacted.index) return;
    assert(to.index <= applied.index && to.index <= this.lastIndex, `compact to ${to.index} of ${this.lastIndex}`);
    for (let index = compacted.index + 1; index <= to.index; index++) batch.del(logKey(index));
    for (const crc of this.#entryCrcs.splice(0, to.index - compacted.index)) this.#logTally.remove(crc);
    this.#meta = { ...this.#meta, compacted: { index: to.index, term: to.term } };
  }

  #putRecord(batch: Batch, name: string, value: Uint8Array): void {
    const old = this.#recordCrcs.get(name);
    if (old !== undefined) this.#recordTally.remove(old);
    const key = recordKey(name);
    const { bytes, crc } = seal(key, value);
    batch.put(key, bytes);
    this.#recordCrcs.set(name, crc);
    this.#recordTally.add(crc);
  }

  #deleteRecord(batch: Batch, name: string): void {
    const old = this.#recordCrcs.get(name);
    if (old === undefined) return;
    batch.del(recordKey(name));
    this.#recordCrcs.delete(name);
    this.#recordTally.remove(old);
  }
}

function emptyMeta(): StoreMetaContent {
  return {
    hardState: { term: 0, vote: 0, commit: 0 },
    compacted: { index: 0, term: 0 },
    applied: {
      index: 0,
      term: 0,
      confState: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
    },
    log: { count: 0, sum: 0 },
    records: { count: 0, sum: 0 },
  };
}

/** A copy that the schema of the store's record accepts: mutable arrays, no field more. */
function copyMeta({ index, term, confState }: SnapshotMeta): StoreMetaContent['applied'] {
  return {
    index,
    term,
    confState: {
      voters: [...confState.voters],
      votersOutgoing: [...confState.votersOutgoing],
      learners: [...confState.learners],
      learnersNext: [...confState.learnersNext],
      autoLeave: confState.autoLeave,
    },
  };
}
