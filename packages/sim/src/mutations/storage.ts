/** Planted bugs of storage: what is written, in which order, when it counts as durable, and what a snapshot brings. */
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { Tampering } from '../world/tampering.ts';
import type { Mutation } from './mutation.ts';

/** A token that no write of a loop has. */
const NO_TOKEN = -1;

/** Hands the disk several writes in place of one. The last has to keep the token. */
function inPieces(split: (write: StorageWrite) => readonly StorageWrite[]): Tampering {
  return {
    ports: (_host, ports) => ({
      ...ports,
      storage: {
        write: (write) => {
          for (const piece of split(write)) ports.storage.write(piece);
        },
      },
    }),
  };
}

/** The planted bugs of the write path. */
export const STORAGE_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'term-and-vote-left-out', summary: 'a write with entries leaves term and vote out' },
    ...{ budget: 300, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/consensus',
        find: 'const hardState = write.hardState ?? this.#commitToWrite;',
        replace: 'const hardState = write.entries === undefined ? write.hardState : undefined;',
      },
    ],
  },
  {
    ...{ name: 'vote-not-synced', summary: 'a write of term and vote alone is not synced' },
    ...{ budget: 20, workload: 'idle' },
    rewrites: [{ file: 'loop/consensus', find: 'sync: true,', replace: 'sync: entries.length > 0,' }],
  },
  {
    ...{ name: 'entries-not-synced', summary: 'a write of entries alone is not synced' },
    ...{ budget: 20, workload: 'writes' },
    rewrites: [{ file: 'loop/consensus', find: 'sync: true,', replace: 'sync: promises || snapshot !== null,' }],
  },
  {
    ...{ name: 'records-apart-from-their-index', summary: 'the applied records and their index are two writes' },
    ...{ budget: 40, workload: 'writes' },
    make: () =>
      inPieces((write) => {
        const { applied } = write;
        if (applied === undefined || applied.changes.length === 0) return [write];
        const records = { meta: applied.meta, changes: [] };
        return [
          { token: NO_TOKEN, sync: false, applied: records },
          { ...write, applied },
        ];
      }),
  },
  {
    ...{
      name: 'commit-index-ahead-of-its-entries',
      summary: 'the commit index is written before the entries that it is of',
    },
    ...{ budget: 100, workload: 'writes', profile: 'slow-disks' },
    make: () =>
      inPieces((write) => {
        const { hardState, ...rest } = write;
        if (hardState === undefined || write.entries === undefined) return [write];
        return [{ token: NO_TOKEN, sync: false, hardState }, rest];
      }),
  },
  {
    ...{
      name: 'overtaken-write-counted',
      summary: 'the end of a write counts also for entries that replaced what it wrote',
    },
    ...{ budget: 200, workload: 'writes', profile: 'slow-disks' },
    rewrites: [
      {
        file: 'raft/unstable',
        find: 'index < this.#offset || this.term(index) !== term',
        replace: 'index < this.#offset || index > (this.lastIndex() ?? 0)',
      },
    ],
  },
  {
    ...{
      name: 'replacement-not-written',
      summary: 'entries that replace others which are on their way to the disk are not written',
    },
    ...{ budget: 100, workload: 'writes', profile: 'slow-disks' },
    rewrites: [
      {
        file: 'raft/unstable',
        find: 'this.#offsetInProgress = Math.min(this.#offsetInProgress, first.index);',
        replace: '',
      },
    ],
  },
  {
    ...{ name: 'failed-write-taken-for-done', summary: 'a write that failed counts as durable' },
    ...{ budget: 60, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/consensus',
        find: 'if (!outcome.ok) {',
        replace: "if (!outcome.ok && outcome.reason === 'readOnly') {",
      },
    ],
  },
  {
    ...{ name: 'log-never-compacted', summary: 'old entries are never dropped', profile: 'calm', durationMs: 40_000 },
    ...{ budget: 10, workload: 'writes' },
    rewrites: [
      {
        file: 'loop/compaction',
        find: 'const tooMany = applied - first + 1 > compactAfterEntries;',
        replace: 'const tooMany = applied < 0;',
      },
    ],
  },
];
