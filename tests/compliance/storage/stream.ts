/**
 * A fixed, endless stream of writes, the same in every process: the parent of a process that is killed in
 * the middle of it knows what each prefix comes to.
 */
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { Entry } from '@n3x/core/raft/types';
import { StorageModel } from './model.ts';

const CONF_STATE = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** Whether write `token` of the stream asks for durability. */
export function isSynced(token: number): boolean {
  return token % 3 !== 1;
}

/**
 * The writes with tokens 1, 2, 3 and so on. Each changes several things that must change together; among
 * them are overwritten log suffixes, compactions and snapshots.
 */
export function* writeStream(): Generator<StorageWrite, never> {
  const model = new StorageModel();
  for (let token = 1; ; token++) {
    const write = nextWrite(model, token);
    model.apply(write);
    yield write;
  }
}

/** The state after the first `count` writes of the stream. */
export function stateAfter(count: number): StorageModel {
  const model = new StorageModel();
  const writes = writeStream();
  for (let token = 1; token <= count; token++) model.apply(writes.next().value);
  return model;
}

function nextWrite(model: StorageModel, token: number): StorageWrite {
  const value = new TextEncoder().encode(`write ${token} `.repeat(1 + (token % 40)));
  const sync = isSynced(token);
  const term = token;
  if (token % 67 === 0) {
    const index = model.lastIndex + 5;
    const records = Array.from({ length: 20 }, (_, n): [string, Uint8Array] => [`snap/${token % 5}.${n}`, value]);
    const hardState = { term, vote: 1, commit: index };
    return { token, sync, snapshot: { meta: { index, term, confState: CONF_STATE }, records }, hardState };
  }
  const { applied } = model.state;
  // Now and then a new leader replaces the part of the log that is not applied.
  const first = token % 5 === 0 ? Math.max(applied.index + 1, model.lastIndex - 2) : model.lastIndex + 1;
  const entries = [0, 1, 2].map((n): Entry => ({ type: 'normal', index: first + n, term, data: value }));
  const index = Math.max(applied.index, first - 3);
  return {
    token,
    sync,
    entries,
    hardState: { term, vote: token % 3, commit: index },
    applied: {
      meta: { index, term: model.term(index), confState: CONF_STATE },
      changes: [
        ['both/a', value],
        ['both/b', value],
        [`key/${token % 11}`, token % 4 === 0 ? null : value],
      ],
    },
    ...(token % 13 === 0
      ? { compact: { index: Math.max(0, index - 4), term: model.term(Math.max(0, index - 4)) } }
      : {}),
  };
}
