import t from 'tap';
import { EMPTY_CONF_STATE, MemoryStorage } from './memory-storage.ts';
import { entriesOf, votersOnly } from './testing/node-under-test.ts';

const terms = (storage: MemoryStorage): number[] =>
  storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Number.POSITIVE_INFINITY).map((e) => e.term);

t.test('appending replaces what follows, and skips what is compacted', (t) => {
  const storage = new MemoryStorage();
  storage.append(entriesOf(1, 1, 1, 1, 1));
  storage.append(entriesOf(3, 2));
  t.same(terms(storage), [1, 1, 2]);
  storage.compact(2);
  storage.append(entriesOf(1, 9, 9, 3, 3));
  t.same(terms(storage), [3, 3]);
  storage.append(entriesOf(1, 9));
  t.same(terms(storage), [3, 3]);
  t.throws(() => storage.append(entriesOf(9, 3)), { name: 'InvariantError' });
  t.end();
});

t.test('what is gone or not there yet is named', (t) => {
  const storage = new MemoryStorage();
  storage.append(entriesOf(1, 1, 1, 2));
  storage.compact(2);
  t.equal(storage.term(2), 1, 'the term before the first entry is known');
  for (const [call, reason] of [
    [() => storage.term(1), 'compacted'],
    [() => storage.term(4), 'unavailable'],
    [() => storage.entries(2, 3, 0), 'compacted'],
    [() => storage.entries(3, 5, 0), 'unavailable'],
    [() => storage.compact(2), 'compacted'],
    [() => storage.compact(4), 'unavailable'],
  ] as const) {
    t.throws(call, { message: new RegExp(reason) });
  }
  t.end();
});

t.test('entries are limited by size, one at least', (t) => {
  const storage = new MemoryStorage();
  storage.append(entriesOf(1, 1, 1, 1).map((e) => ({ ...e, type: 'normal' as const, data: new Uint8Array(10) })));
  t.equal(storage.entries(1, 4, 0).length, 1);
  t.equal(storage.entries(1, 4, 29).length, 2);
  t.equal(storage.entries(1, 4, 30).length, 3);
  t.end();
});

t.test('snapshots only move forward', (t) => {
  const storage = new MemoryStorage();
  t.same(storage.initialState().confState, EMPTY_CONF_STATE);
  storage.append(entriesOf(1, 1, 1, 2));
  storage.createSnapshot(2, votersOnly(1));
  t.same(storage.initialState().confState, votersOnly(1));
  t.throws(() => storage.createSnapshot(2, votersOnly(1)), { message: /snapshotOutOfDate/ });
  storage.applySnapshot({ index: 9, term: 3, confState: votersOnly(1, 2) });
  t.equal(storage.firstIndex(), 10);
  t.equal(storage.lastIndex(), 9);
  t.equal(storage.term(9), 3);
  t.throws(() => storage.applySnapshot({ index: 9, term: 3, confState: votersOnly(1) }), {
    message: /snapshotOutOfDate/,
  });
  t.end();
});

t.test('long use does not keep what was compacted', (t) => {
  const storage = new MemoryStorage();
  for (let i = 1; i <= 20_000; i++) {
    storage.append(entriesOf(i, 1));
    if (i % 100 === 0) storage.compact(i - 50);
  }
  t.equal(storage.lastIndex(), 20_000);
  t.equal(storage.firstIndex(), 19_951);
  t.equal(terms(storage).length, 50);
  t.end();
});
