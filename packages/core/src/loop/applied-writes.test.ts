import t from 'tap';
import type { RecordObject } from '../machine/record-codec.ts';
import { decodeRecord, encodeRecord } from '../machine/record-codec.ts';
import { APPLIED_RECORDS, APPLIED_WAIT_MS, AppliedWrites } from './applied-writes.ts';

function request(index: number): RecordObject {
  return { kind: 'request', requestId: `r${index}`, result: { ok: true, index, changed: true } };
}

t.test('a record that changes often is written once, as it is last', async (t) => {
  const writes = new AppliedWrites((_key, object) => encodeRecord(object));
  for (let index = 1; index <= 5; index++) writes.add([['request/1', request(index)]], 100);
  writes.add([['request/2', request(2)]], 100);
  writes.add([['request/2', null]], 100);
  const changes = writes.take();
  t.same(
    changes.map(([key, value]) => [key, value === null ? null : decodeRecord(key, value)]),
    [
      ['request/1', request(5)],
      ['request/2', null],
    ],
  );
  t.same(writes.take(), []);
});

t.test('they are due once the oldest has waited, or when they are many', async (t) => {
  const writes = new AppliedWrites((_key, object) => encodeRecord(object));
  t.notOk(writes.any || writes.due(1e9));
  writes.add([], 100);
  t.ok(writes.any, 'an entry without changes moves the index all the same');
  writes.add([['request/1', request(1)]], 900);
  t.notOk(writes.due(100 + APPLIED_WAIT_MS - 1));
  t.ok(writes.due(100 + APPLIED_WAIT_MS));
  writes.take();
  for (let index = 0; index < APPLIED_RECORDS; index++) {
    t.notOk(writes.due(2_000));
    writes.add([[`request/${index}`, request(index)]], 2_000);
  }
  t.ok(writes.due(2_000));
  writes.clear();
  t.notOk(writes.any || writes.due(1e9));
});
