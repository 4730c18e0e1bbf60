/**
 * What every implementation of the storage port must do. Each has a `*.test.ts` beside this file that only
 * says how it is set up.
 */
import { deepStrictEqual } from 'node:assert/strict';
import type { StorageOutcome, StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { Entry, SnapshotMeta } from '@n3x/core/raft/types';
import fc from 'fast-check';
import type { Test } from 'tap';
import { describeState, StorageModel } from './model.ts';
import { isSynced, stateAfter } from './stream.ts';

/** A store as a process has it. */
export interface OpenedStore {
  /** What it held when it was opened. */
  readonly state: StoredState;
  /** Completions so far, oldest first; the inner arrays are those of one callback. */
  readonly completions: readonly (readonly { readonly token: number; readonly outcome: StorageOutcome }[])[];
  write(write: StorageWrite): void;
  /** Resolves once every write so far has completed. */
  settle(): Promise<void>;
  /** Ends the process in order. */
  close(): Promise<void>;
}

/** One place for a store, which outlives the processes that open it. */
export interface StorePlace {
  open(): Promise<OpenedStore>;
  /**
   * Starts the stream of `stream.ts` in a process of its own on the empty place, crashes it after at least
   * `count` completions, and answers the highest token that was written and the highest that was completed.
   */
  crashInStream(count: number): Promise<{ readonly written: number; readonly completed: number }>;
  dispose(): Promise<void>;
}

/** What may be asked of an implementation. */
export interface StorageSuiteOptions {
  readonly test: (name: string, body: (t: Test) => Promise<void>) => unknown;
  readonly factory: () => Promise<StorePlace>;
  readonly supports: {
    /** A crash keeps completed writes that asked for no durability, as that of a process alone does. */
    readonly keepsCompleted: boolean;
  };
  /** Random sequences to run, and crashes to make. */
  readonly runs: { readonly model: number; readonly crashes: number };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const normal = (index: number, term: number, text = `${term}/${index}`): Entry => ({
  type: 'normal',
  index,
  term,
  data: bytes(text),
});
const metaAt = (index: number, term: number): SnapshotMeta => ({
  index,
  term,
  confState: { voters: [1, 2], votersOutgoing: [1], learners: [7], learnersNext: [3], autoLeave: true },
});

/** Declares the tests of one implementation. */
export function storageSuite({ test, factory, supports, runs }: StorageSuiteOptions): void {
  /** Writes each group, lets it complete, and answers what is there after closing and opening again. */
  const afterReopen = async (t: Test, ...groups: Omit<StorageWrite, 'token'>[][]): Promise<unknown> => {
    const place = await factory();
    t.teardown(() => place.dispose());
    const store = await place.open();
    let token = 0;
    for (const group of groups) {
      for (const write of group) store.write({ ...write, token: ++token });
      await store.settle();
    }
    await store.close();
    const again = await place.open();
    await again.close();
    return describeState(again.state);
  };

  test('a new store is empty', async (t) => {
    t.same(await afterReopen(t), describeState(new StorageModel().state));
  });

  test('completions come in the order of the writes and never from inside write', async (t) => {
    const place = await factory();
    t.teardown(() => place.dispose());
    const store = await place.open();
    for (let token = 1; token <= 60; token++) {
      const before = store.completions.length;
      store.write({ token, sync: token % 4 === 0, entries: [normal(token, 1)] });
      t.equal(store.completions.length, before, 'no completion during the call');
      if (token === 20 || token === 21) await store.settle();
    }
    await store.settle();
    const tokens = store.completions.flat().map((stored) => stored.token);
    t.same(
      tokens,
      Array.from({ length: 60 }, (_, n) => n + 1),
    );
    t.ok(store.completions.flat().every((stored) => stored.outcome.ok));
    t.ok(store.completions.length < 60, 'writes that wait for the disk go together');
    await store.close();
  });

  test('a write without sync completes by itself', async (t) => {
    const place = await factory();
    t.teardown(() => place.dispose());
    const store = await place.open();
    store.write({ token: 1, sync: false, hardState: { term: 1, vote: 1, commit: 0 } });
    await store.settle();
    t.same(store.completions, [[{ token: 1, outcome: { ok: true } }]]);
    await store.close();
  });

  test('every kind of entry comes back as it was', async (t) => {
    const change = {
      transition: 'explicit',
      changes: [
        { type: 'addVoter', node: 2 },
        { type: 'addLearner', node: 2 ** 40 },
        { type: 'remove', node: 4 },
        { type: 'update', node: 5 },
      ],
      context: new Uint8Array([0, 255, 128]),
    } as const;
    const entries: Entry[] = [
      { type: 'normal', index: 1, term: 1, data: new Uint8Array() },
      { type: 'confChange', index: 2, term: 2 ** 45, change },
      { type: 'confChange', index: 3, term: 2 ** 45, change: { transition: 'auto', changes: [], context: bytes('') } },
      { type: 'normal', index: 4, term: Number.MAX_SAFE_INTEGER, data: new Uint8Array(70_000).fill(0xc1) },
    ];
    const model = new StorageModel();
    model.apply({ token: 1, sync: true, entries });
    t.same(await afterReopen(t, [{ sync: true, entries }]), describeState(model.state));
  });

  test('an overwritten suffix of the log is gone, also past the new end', async (t) => {
    const first = [1, 2, 3, 4, 5, 6].map((index) => normal(index, 1));
    const model = new StorageModel();
    model.apply({ token: 1, sync: true, entries: [...first.slice(0, 2), normal(3, 2)] });
    const wanted = describeState(model.state);
    const overwrite = { sync: true, entries: [normal(3, 2)] };
    t.same(await afterReopen(t, [{ sync: true, entries: first }], [overwrite]), wanted, 'in two batches');
    t.same(await afterReopen(t, [{ sync: true, entries: first }, overwrite]), wanted, 'in one batch');
  });

  test('compaction drops a prefix and keeps its last position', async (t) => {
    const groups = [
      [{ sync: true, entries: [1, 2, 3, 4].map((index) => normal(index, index)) }],
      [{ sync: false, applied: { meta: metaAt(3, 3), changes: [['vm/a', bytes('1')] as const] } }],
      [
        { sync: true, compact: { index: 3, term: 3 } },
        { sync: true, compact: { index: 2, term: 2 } },
      ],
      [{ sync: true, entries: [normal(4, 9), normal(5, 9)] }],
    ];
    const model = new StorageModel();
    for (const write of groups.flat()) model.apply({ ...write, token: 0 });
    t.same(model.state.compacted, { index: 3, term: 3 });
    t.same(await afterReopen(t, ...groups), describeState(model.state));
  });

  test('the whole log can be compacted', async (t) => {
    const groups = [
      [{ sync: true, entries: [normal(1, 1), normal(2, 1)] }],
      [{ sync: true, applied: { meta: metaAt(2, 1), changes: [] }, compact: { index: 2, term: 1 } }],
      [{ sync: true, entries: [normal(3, 2)] }],
    ];
    const model = new StorageModel();
    for (const write of groups.flat()) model.apply({ ...write, token: 0 });
    t.same(await afterReopen(t, ...groups), describeState(model.state));
  });

  test('a snapshot replaces everything, and the rest of its write comes after it', async (t) => {
    const old = ['vm/a', 'vm/b', 'vm/c'].map((name) => [name, bytes('old')] as const);
    const groups = [
      [{ sync: true, entries: [1, 2, 3].map((index) => normal(index, 1)), hardState: { term: 1, vote: 1, commit: 3 } }],
      [{ sync: true, applied: { meta: metaAt(2, 1), changes: old } }],
      [
        {
          sync: true,
          snapshot: {
            meta: metaAt(9, 4),
            records: new Map([
              ['vm/b', bytes('new')],
              ['vm/z', bytes('')],
            ]).entries(),
          },
          entries: [normal(10, 4), normal(11, 5)],
          hardState: { term: 5, vote: 0, commit: 10 },
          applied: { meta: metaAt(10, 4), changes: [['vm/z', null] as const, ['vm/y', bytes('y')] as const] },
          compact: { index: 10, term: 4 },
        },
      ],
    ];
    const wanted = {
      hardState: { term: 5, vote: 0, commit: 10 },
      compacted: { index: 10, term: 4 },
      entries: [`5/11 ${Buffer.from('5/11').toString('hex')}`],
      applied: metaAt(10, 4),
      records: ['vm/b=6e6577', 'vm/y=79'],
    };
    t.same(await afterReopen(t, ...groups), wanted);
  });

  test('what a write holds may change once write has returned', async (t) => {
    const place = await factory();
    t.teardown(() => place.dispose());
    const store = await place.open();
    const records = new Map([['vm/a', bytes('a')]]);
    const changes: [string, Uint8Array | null][] = [['vm/b', bytes('b')]];
    const entries = [normal(5, 2)];
    store.write({
      token: 1,
      sync: true,
      snapshot: { meta: metaAt(4, 2), records },
      entries,
      applied: { meta: metaAt(5, 2), changes },
    });
    records.clear();
    changes.length = 0;
    entries.length = 0;
    await store.settle();
    await store.close();
    const again = await place.open();
    await again.close();
    t.same([...again.state.records.keys()].sort(), ['vm/a', 'vm/b']);
    t.equal(again.state.entries.length, 1);
  });

  test('random writes leave what the model says, in memory and after opening again', async (t) => {
    const property = fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 40 }), async (steps) => {
      const place = await factory();
      try {
        const model = new StorageModel();
        let store = await place.open();
        for (const [at, step] of steps.entries()) {
          const write = writeOf(model, at + 1, step);
          model.apply(write);
          store.write(write);
          if (step.afterwards !== 'goOn') await store.settle();
          if (step.afterwards !== 'reopen') continue;
          await store.close();
          store = await place.open();
          deepStrictEqual(describeState(store.state), describeState(model.state));
        }
        await store.settle();
        await store.close();
        const again = await place.open();
        await again.close();
        deepStrictEqual(describeState(again.state), describeState(model.state));
      } finally {
        await place.dispose();
      }
    });
    await fc.assert(property, { numRuns: runs.model });
    t.pass('no counterexample');
  });

  test('a crash leaves some prefix of the writes, with all that was acknowledged', async (t) => {
    for (let run = 0; run < runs.crashes; run++) {
      const place = await factory();
      t.teardown(() => place.dispose());
      const { written, completed } = await place.crashInStream(1 + ((run * 61) % 200));
      const store = await place.open();
      const found = JSON.stringify(describeState(store.state));
      let survived = written;
      while (survived >= 0 && JSON.stringify(describeState(stateAfter(survived).state)) !== found) survived--;
      t.ok(survived >= 0, `a prefix, and every write whole: ${written} written, ${completed} completed`);
      let promised = completed;
      while (!supports.keepsCompleted && promised > 0 && !isSynced(promised)) promised--;
      t.ok(survived >= promised, `${survived} survived of ${promised} acknowledged`);
      // It can be gone on with.
      store.write({ token: written + 1, sync: true, hardState: { term: written + 1, vote: 3, commit: 0 } });
      await store.settle();
      await store.close();
      const again = await place.open();
      await again.close();
      t.same(again.state.hardState, { term: written + 1, vote: 3, commit: 0 });
    }
  });
}

/** One random write, as numbers that {@link writeOf} fits to the state of the model. */
interface Step {
  readonly sync: boolean;
  readonly snapshot: number | undefined;
  readonly back: number;
  readonly entries: number;
  readonly vote: number;
  readonly apply: number | undefined;
  readonly changes: readonly (readonly [string, Uint8Array | null])[];
  readonly compact: number | undefined;
  readonly afterwards: 'goOn' | 'settle' | 'reopen';
}

const nameArbitrary = fc.constantFrom('cluster', 'host/1', 'host/2', 'vm/a', 'vm/b', 'vm/é', 'event/0001.0');
const maybe = fc.option(fc.nat(10), { nil: undefined });
const rarely = fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(10) });
const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  sync: fc.boolean(),
  snapshot: rarely,
  back: fc.nat(4),
  entries: fc.nat(5),
  vote: fc.nat(3),
  apply: maybe,
  changes: fc.array(fc.tuple(nameArbitrary, fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null })), {
    maxLength: 5,
  }),
  compact: maybe,
  afterwards: fc.constantFrom('goOn', 'goOn', 'goOn', 'settle', 'reopen'),
});

/** A write that a Raft node in the model's state could ask for: nothing applied is overwritten or unapplied dropped. */
function writeOf(model: StorageModel, token: number, step: Step): StorageWrite {
  const term = Math.max(model.term(model.lastIndex), token);
  const snapshot =
    step.snapshot === undefined
      ? undefined
      : {
          meta: metaAt(model.lastIndex + step.snapshot, term),
          records: step.changes.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
        };
  const draft = new StorageModel(model.state);
  if (snapshot !== undefined) draft.apply({ token: 0, sync: true, snapshot });

  const first = Math.max(draft.state.applied.index, draft.lastIndex - step.back) + 1;
  const appended = Array.from({ length: step.entries }, (_, n) => normal(first + n, term, `${token}.${n}`));
  if (appended.length > 0) draft.apply({ token: 0, sync: true, entries: appended });

  const appliedTo = Math.min(draft.lastIndex, draft.state.applied.index + (step.apply ?? 0));
  const change =
    step.apply === undefined ? undefined : { meta: metaAt(appliedTo, draft.term(appliedTo)), changes: step.changes };
  if (change !== undefined) draft.apply({ token: 0, sync: true, applied: change });

  const compactTo = Math.min(draft.state.applied.index, draft.state.compacted.index + (step.compact ?? 0));
  return {
    token,
    sync: step.sync,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(appended.length === 0 ? {} : { entries: appended }),
    ...(step.vote === 0 ? {} : { hardState: { term, vote: step.vote, commit: draft.state.applied.index } }),
    ...(change === undefined ? {} : { applied: change }),
    ...(step.compact === undefined ? {} : { compact: { index: compactTo, term: draft.term(compactTo) } }),
  };
}
