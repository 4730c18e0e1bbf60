/** Reads a whole store back and refuses whatever is not exactly what was written. */
import type { Entry, LogIndex } from '@n3x/core/raft/types';
import type { Level } from 'level';
import { decodeEntry, decodeMeta, open, plainBytes, type StoreMetaContent } from './codec.ts';
import { LOG_RANGE, logIndexOf, logKey, META_KEY, RECORD_RANGE, recordNameOf } from './keys.ts';
import { corruptStore, databaseError } from './storage-error.ts';
import { Tally } from './tally.ts';

/** Values read in one call of the iterator. */
const READ_BATCH = 512;

/** What a store holds, with the checksum of each value. */
export interface LoadedStore {
  readonly meta: StoreMetaContent;
  readonly entries: readonly Entry[];
  /** Checksums of `entries`, in the same order. */
  readonly entryCrcs: readonly number[];
  readonly records: ReadonlyMap<string, Uint8Array>;
  readonly recordCrcs: ReadonlyMap<string, number>;
}

/**
 * Reads everything. Undefined when the store was never written.
 * Throws N3X_CORRUPT naming the record, or N3X_STORAGE when the disk does not let itself be read.
 */
export async function loadStore(db: Level<string, Uint8Array>, directory: string): Promise<LoadedStore | undefined> {
  const meta = await loadMeta(db, directory);
  if (meta === undefined) return undefined;

  const entries: Entry[] = [];
  const entryCrcs: number[] = [];
  const logTally = new Tally();
  let expected: LogIndex = meta.compacted.index + 1;
  for await (const [key, value] of readRange(db, directory, LOG_RANGE)) {
    const opened = open(key, value);
    if (opened === undefined) throw corruptStore(directory, key, 'fails its checksum');
    const index = logIndexOf(key);
    const entry = index === undefined ? undefined : decodeEntry(index, opened.payload);
    if (entry === undefined) throw corruptStore(directory, key, 'is no log entry');
    if (entry.index !== expected) throw corruptStore(directory, logKey(expected), 'is missing');
    const previousTerm = entries.at(-1)?.term ?? meta.compacted.term;
    if (entry.term < previousTerm) throw corruptStore(directory, key, `has term ${entry.term} after ${previousTerm}`);
    entries.push(entry);
    entryCrcs.push(opened.crc);
    logTally.add(opened.crc);
    expected++;
  }
  if (!logTally.equals(meta.log)) throw corruptStore(directory, 'the log', 'is not the one last written');

  const records = new Map<string, Uint8Array>();
  const recordCrcs = new Map<string, number>();
  const recordTally = new Tally();
  for await (const [key, value] of readRange(db, directory, RECORD_RANGE)) {
    const opened = open(key, value);
    if (opened === undefined) throw corruptStore(directory, key, 'fails its checksum');
    records.set(recordNameOf(key), plainBytes(opened.payload));
    recordCrcs.set(recordNameOf(key), opened.crc);
    recordTally.add(opened.crc);
  }
  if (!recordTally.equals(meta.records)) {
    throw corruptStore(directory, 'the applied state', 'is not the one last written');
  }
  return { meta, entries, entryCrcs, records, recordCrcs };
}

async function loadMeta(db: Level<string, Uint8Array>, directory: string): Promise<StoreMetaContent | undefined> {
  let value: Uint8Array | undefined;
  try {
    value = await db.get(META_KEY);
  } catch (error) {
    throw databaseError(directory, error);
  }
  if (value === undefined) {
    for await (const [key] of readRange(db, directory, {})) {
      throw corruptStore(directory, META_KEY, `is missing while ${key} is there`);
    }
    return undefined;
  }
  const opened = open(META_KEY, value);
  if (opened === undefined) throw corruptStore(directory, META_KEY, 'fails its checksum');
  const meta = decodeMeta(opened.payload);
  if (meta === undefined) throw corruptStore(directory, META_KEY, 'is not in a known format');
  if (meta.applied.index < meta.compacted.index) {
    throw corruptStore(directory, META_KEY, 'says that entries were dropped before they were applied');
  }
  return meta;
}

async function* readRange(
  db: Level<string, Uint8Array>,
  directory: string,
  range: { readonly gte?: string; readonly lt?: string },
): AsyncGenerator<[string, Uint8Array]> {
  const iterator = db.iterator({ ...range, fillCache: false });
  try {
    for (;;) {
      let batch: [string, Uint8Array][];
      try {
        batch = await iterator.nextv(READ_BATCH);
      } catch (error) {
        throw databaseError(directory, error);
      }
      if (batch.length === 0) return;
      yield* batch;
    }
  } finally {
    await iterator.close();
  }
}
