/**
 * LevelDB's manifest: which tables belong to the database.
 *
 * The format (LevelDB, db/version_edit.cc): a log whose records are edits, each a row of fields behind their tags as
 * varints. A table that no edit has added, or that a later one has taken away, is nobody's: a flush or a merge that was
 * broken off has left it, whole or not, and LevelDB deletes it when it opens.
 */
import { Malformed, Reader } from './varint-reader.ts';
import { logRecords } from './write-ahead-log.ts';

/** Fields of an edit by tag. */
const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  prevLogNumber: 9,
} as const;

/** Numbers of the tables that a manifest says belong to the database; undefined when it cannot be understood. */
export function tablesOf(manifest: Uint8Array): ReadonlySet<number> | undefined {
  const tables = new Set<number>();
  try {
    for (const record of logRecords(manifest)) applyEdit(new Reader(record, 0, record.length), record.length, tables);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
  return tables;
}

function applyEdit(edit: Reader, end: number, tables: Set<number>): void {
  while (edit.at < end) {
    const tag = edit.varint();
    switch (tag) {
      case TAG.comparator:
        edit.slice();
        break;
      case TAG.logNumber:
      case TAG.nextFileNumber:
      case TAG.lastSequence:
      case TAG.prevLogNumber:
        edit.varint();
        break;
      case TAG.compactPointer:
        edit.varint();
        edit.slice();
        break;
      case TAG.deletedFile:
        edit.varint();
        tables.delete(edit.varint());
        break;
      case TAG.newFile: {
        edit.varint();
        tables.add(edit.varint());
        // Its size, its first and its last key.
        edit.varint();
        edit.slice();
        edit.slice();
        break;
      }
      default:
        throw new Malformed(`tag ${tag}`);
    }
  }
}
